/** Circuit breakers that are not closed: why, what waits behind them, and both ways by hand. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { BREAKER_SCOPES, type BreakerScope } from "../../../../core/breaker/key.ts";
import type { BreakerPhase } from "../../../../core/breaker/breaker.ts";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import type { BreakerSummary } from "../../../../engine/breakers.ts";
import { part, query, send } from "../api.ts";
import { count, percent } from "../format.ts";
import { useLive } from "../live.ts";
import { useMay } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";
import { Empty, Page, Shown, Table } from "../ui/page.tsx";
import { IN_ORDER, Pager, usePages } from "../ui/pager.tsx";
import { Status } from "../ui/status.tsx";
import { Ago } from "../ui/time.tsx";

const PAGE = 100;
/** The server counts no further. */
const MOST_PARKED = 10_000;
const HEAD = ["Breaker", "State", "Failed", "Parked behind it", "Since"];
const ACTIONS = ["breakers.open", "breakers.close"];
const MEANING: Readonly<Record<BreakerPhase, string>> = {
  closed: "",
  open: "nothing begins behind it",
  probing: "a few are tried",
  releasing: "the rest goes on in waves",
};

export function Breakers(): JSX.Element {
  const pages = usePages("breakers");
  const breakers = useLive<ListPage<BreakerSummary>>(
    `/breakers${query({ cursor: pages.cursor, limit: PAGE })}`,
  );
  const done = (): void => breakers.refresh();
  return (
    <Page title="Breakers" actions={<OpenOne onDone={done} />}>
      <Shown of={breakers}>
        {({ items, cursor }) =>
          items.length === 0 ? (
            <Empty>All circuit breakers are closed: nothing is held back by one.</Empty>
          ) : (
            <>
              <Table label="Breakers" head={HEAD} actions={ACTIONS}>
                {items.map((breaker) => (
                  <Row key={`${breaker.scope} ${breaker.name}`} breaker={breaker} onDone={done} />
                ))}
              </Table>
              <Pager pages={pages} cursor={cursor} words={IN_ORDER} />
            </>
          )
        }
      </Shown>
    </Page>
  );
}

interface RowProps {
  breaker: BreakerSummary;
  onDone: () => void;
}

function Row({ breaker, onDone }: RowProps): JSX.Element {
  const { scope, name, phase, openedAt, byHand, attempts, failed, parked } = breaker;
  return (
    <tr>
      <td>
        <strong>{name}</strong>
        <div class="muted">{scope}</div>
      </td>
      <td>
        <Status value={phase} />
        <div class="muted">{byHand ? "by hand, until it is closed" : MEANING[phase]}</div>
      </td>
      <td>
        {attempts === 0 ? (
          <span class="muted">–</span>
        ) : (
          <>
            <span class="number">{percent(failed / attempts)}</span>
            <div class="muted">
              {count(failed)} of {count(attempts)}
            </div>
          </>
        )}
      </td>
      <td>
        <span class="number">{parked >= MOST_PARKED ? `${count(MOST_PARKED)} or more` : count(parked)}</span>
      </td>
      <td>
        <Ago at={openedAt} />
      </td>
      <td>
        <Actions breaker={breaker} onDone={onDone} />
      </td>
    </tr>
  );
}

function Actions({ breaker, onDone }: RowProps): JSX.Element {
  const { scope, name, phase, byHand } = breaker;
  const may = { open: useMay("breakers.open"), close: useMay("breakers.close") };
  return (
    <span class="actions">
      {phase !== "releasing" && may.close && (
        <Ask
          label="Close"
          class="small"
          question={`What is parked behind ${name} goes on, in growing waves. When these fail it opens again.`}
          onYes={() => change("close", { scope, name })}
          onDone={onDone}
        />
      )}
      {!byHand && may.open && (
        <Ask
          label="Keep open"
          class="small"
          danger
          question={`Nothing is tried behind ${name} until somebody closes it.`}
          onYes={() => change("open", { scope, name })}
          onDone={onDone}
        />
      )}
    </span>
  );
}

function OpenOne({ onDone }: { onDone: () => void }): JSX.Element | null {
  const [scope, setScope] = useState<BreakerScope>("target");
  const [name, setName] = useState("");
  if (!useMay("breakers.open")) return null;
  return (
    <Ask
      label="Open a breaker"
      danger
      question="Node runs that would use it are parked until somebody closes it. For the maintenance of a provider, say."
      onYes={() => change("open", { scope, name })}
      onDone={onDone}
    >
      <label>
        Of
        <select value={scope} onChange={({ currentTarget }) => setScope(currentTarget.value as BreakerScope)}>
          {BREAKER_SCOPES.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </label>
      <label>
        Name
        <input
          required
          maxLength={200}
          placeholder={scope === "target" ? "api.example.com" : ""}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
    </Ask>
  );
}

async function change(
  how: "open" | "close",
  { scope, name }: Pick<BreakerSummary, "scope" | "name">,
): Promise<string> {
  await send("POST", `/breakers/${scope}/${part(name)}/${how}`);
  return how === "open"
    ? `The breaker of ${name} is open until it is closed by hand.`
    : `What waits for ${name} goes on.`;
}
