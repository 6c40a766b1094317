/** What gave up, grouped by how it failed, because what failed alike is mended alike. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Link } from "wouter-preact";
import type { DeadLetter, DeadLetterGroup } from "../../../../core/ports/dead-letter.ts";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import { type BulkResult, query, send } from "../api.ts";
import { count, shortId } from "../format.ts";
import { useLive } from "../live.ts";
import { useRemembered } from "../remembered.ts";
import { useMay } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";
import { Empty, Page, Panel, Shown, Table } from "../ui/page.tsx";
import { Pager, usePages } from "../ui/pager.tsx";
import { Ago } from "../ui/time.tsx";
import { CompleteAll } from "./complete-all.tsx";
import { Resolve } from "./resolve.tsx";

const PAGE = 25;
const OF_ALL = ["deadLetters.redriveMany", "deadLetters.completeMany", "deadLetters.discardMany"];
const OF_ONE = ["deadLetters.redrive", "deadLetters.complete", "deadLetters.discard"];

export function DeadLetters(): JSX.Element {
  const groups = useLive<{ items: readonly DeadLetterGroup[] }>("/dead-letter-groups");
  const [choice, setChoice] = useRemembered<string | null>("group", null);
  const [text, setText] = useRemembered("text", "");
  const chosen = groups.data?.items.find((group) => keyOf(group) === choice);
  const search = (
    <form class="inline" role="search" onSubmit={(event) => event.preventDefault()}>
      <input
        type="search"
        aria-label="Text of the error"
        placeholder="Error, node or workflow"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </form>
  );
  return (
    <Page title="Dead letters" actions={search}>
      <Shown of={groups}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>No node has given up. Nothing to do here.</Empty>
          ) : !items.some(fits(text)) ? (
            <Empty>No group has this text in its error, node or workflow.</Empty>
          ) : (
            <Table label="Groups" head={["Node", "Error", "Open", "First", "Last"]} actions={OF_ALL}>
              {items.filter(fits(text)).map((group) => (
                <Group
                  key={keyOf(group)}
                  group={group}
                  chosen={group === chosen}
                  onChoose={() => setChoice(keyOf(group))}
                  onDone={() => groups.refresh()}
                />
              ))}
            </Table>
          )
        }
      </Shown>
      {chosen && <Letters key={keyOf(chosen)} group={chosen} onDone={() => groups.refresh()} />}
    </Page>
  );
}

function fits(text: string): (group: DeadLetterGroup) => boolean {
  const sought = text.trim().toLowerCase();
  return ({ workflow, node, errorClass, message }) =>
    [workflow, node, errorClass, message].some((each) => each.toLowerCase().includes(sought));
}

function keyOf({ workflow, fingerprint }: DeadLetterGroup): string {
  return `${workflow} ${fingerprint}`;
}

interface GroupProps {
  group: DeadLetterGroup;
  chosen: boolean;
  onChoose: () => void;
  onDone: () => void;
}

function Group({ group, chosen, onChoose, onDone }: GroupProps): JSX.Element {
  const { workflow, node, errorClass, message } = group;
  return (
    <tr class={chosen ? "chosen" : ""}>
      <td>
        <button type="button" class="link strong" aria-pressed={chosen} onClick={onChoose}>
          {node}
        </button>
        <div>
          <Link href={`/workflows/${encodeURIComponent(workflow)}`}>{workflow}</Link>
        </div>
      </td>
      <td class="wide">
        <code>{errorClass}</code> {message}
      </td>
      <td class="number">{count(group.count)}</td>
      <td>
        <Ago at={group.firstAt} />
      </td>
      <td>
        <Ago at={group.lastAt} />
      </td>
      <td>
        <GroupActions group={group} onDone={onDone} />
      </td>
    </tr>
  );
}

function GroupActions({ group, onDone }: { group: DeadLetterGroup; onDone: () => void }): JSX.Element {
  const { workflow, fingerprint } = group;
  const many = async (verb: "redrive" | "discard"): Promise<string> => {
    const { done, refused } = await send<BulkResult>("POST", `/bulk/dead-letters/${verb}`, {
      body: { filter: { workflow, fingerprint } },
    });
    return `${count(done)} done${refused > 0 ? `, ${count(refused)} refused` : ""}.`;
  };
  const redrive = useMay("deadLetters.redriveMany");
  const discard = useMay("deadLetters.discardMany");
  return (
    <span class="actions">
      {redrive && (
        <Ask
          label="Redrive all"
          class="small primary"
          question={`All ${count(group.count)} of them run again.`}
          onYes={() => many("redrive")}
          onDone={onDone}
        />
      )}
      <CompleteAll group={group} onDone={onDone} />
      {discard && (
        <Ask
          label="Discard all"
          class="small"
          danger
          question={`All ${count(group.count)} of them are left undone.`}
          onYes={() => many("discard")}
          onDone={onDone}
        />
      )}
    </span>
  );
}

function Letters({ group, onDone }: { group: DeadLetterGroup; onDone: () => void }): JSX.Element {
  const { workflow, fingerprint, node } = group;
  const pages = usePages(keyOf(group));
  const path = `/dead-letters${query({ workflow, fingerprint, state: "open", cursor: pages.cursor, limit: PAGE })}`;
  const letters = useLive<ListPage<DeadLetter>>(path);
  const done = (): void => {
    letters.refresh();
    onDone();
  };
  const place = useRef<HTMLDivElement>(null);
  // Below many groups nobody would see that it is there.
  useEffect(() => place.current?.scrollIntoView({ block: "nearest" }), []);
  return (
    <div ref={place}>
      <Panel title={`Open at ${node}`}>
        <Shown of={letters}>
          {({ items, cursor }) => (
            <>
              <Table label="Dead letters" head={["Run", "Error", "Attempts", "Opened"]} actions={OF_ONE}>
                {items.map((letter) => (
                  <tr key={letter.id}>
                    <td>
                      <Link href={`/runs/${letter.runId}`} class="id" title={letter.runId}>
                        {shortId(letter.runId)}
                      </Link>
                      {letter.item >= 0 && <div class="muted">item {letter.item}</div>}
                    </td>
                    <td class="wide">{letter.error.message}</td>
                    <td class="number">{letter.attempts}</td>
                    <td>
                      <Ago at={letter.openedAt} />
                    </td>
                    <td>
                      <Resolve letter={letter} onDone={done} />
                    </td>
                  </tr>
                ))}
              </Table>
              <Pager pages={pages} cursor={cursor} />
            </>
          )}
        </Shown>
      </Panel>
    </div>
  );
}
