/** What is asked again and again for items that are new, how far each poll has come, and what went wrong. */
import type { JSX } from "preact";
import { Link } from "wouter-preact";
import type { PollSource } from "../../../../core/definition/document.ts";
import type { ItemRefusal } from "../../../../core/ports/polls.ts";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import { part, query, send } from "../api.ts";
import { count, duration } from "../format.ts";
import { useLive } from "../live.ts";
import { useMay } from "../session.ts";
import { JsonView } from "../ui/json.tsx";
import { Empty, Page, Shown, Table } from "../ui/page.tsx";
import { IN_ORDER, Pager, usePages } from "../ui/pager.tsx";
import { Status } from "../ui/status.tsx";
import { Ago } from "../ui/time.tsx";
import { attempt } from "../ui/toast.tsx";

interface Poll {
  readonly workflow: string;
  readonly trigger: string;
  readonly source: PollSource;
  readonly paused: boolean;
  readonly cursor: unknown;
  readonly nextAt: number;
  readonly failures: number;
  readonly lastError: string | null;
  readonly lastAt: number | null;
  readonly lastItems: number;
  readonly lastRefusal: ItemRefusal | null;
}

const PAGE = 50;
const HEAD = ["Workflow", "Asks", "State", "Next", "Last"];
const ACTIONS = ["polls.pause", "polls.resume", "polls.pollNow"];

export function Polls(): JSX.Element {
  const pages = usePages("polls");
  const polls = useLive<ListPage<Poll>>(`/polls${query({ cursor: pages.cursor, limit: PAGE })}`);
  return (
    <Page title="Polls">
      <Shown of={polls}>
        {({ items, cursor }) =>
          items.length === 0 ? (
            <Empty>No workflow is started by what another service has.</Empty>
          ) : (
            <>
              <Table label="Polls" head={HEAD} actions={ACTIONS}>
                {items.map((poll) => (
                  <Row key={`${poll.workflow} ${poll.trigger}`} poll={poll} onDone={() => polls.refresh()} />
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
  poll: Poll;
  onDone: () => void;
}

function Row({ poll, onDone }: RowProps): JSX.Element {
  const { workflow, trigger, source, paused, nextAt, cursor } = poll;
  return (
    <tr>
      <td>
        <Link href={`/workflows/${encodeURIComponent(workflow)}`}>{workflow}</Link>
        <div class="muted">{trigger}</div>
      </td>
      <td>
        <code>{source.action}</code>
        <div class="muted">
          every {typeof source.every === "number" ? duration(source.every) : source.every}
        </div>
      </td>
      <td>
        <Status value={paused ? "paused" : poll.failures > 0 ? "failed" : "enabled"} />
        {poll.failures > 0 && <div class="muted">{count(poll.failures)} in a row</div>}
      </td>
      <td>
        <Ago at={paused ? null : nextAt} />
      </td>
      <td class="wide">
        <Last poll={poll} />
        {cursor !== null && (
          <details>
            <summary>How far it has come</summary>
            <JsonView value={cursor} label={`Cursor of ${trigger}`} />
          </details>
        )}
      </td>
      <td>
        <Actions poll={poll} onDone={onDone} />
      </td>
    </tr>
  );
}

function Last({ poll: { lastAt, lastItems, lastError, lastRefusal } }: { poll: Poll }): JSX.Element {
  return (
    <>
      {lastAt === null ? (
        <span class="muted">none has succeeded yet</span>
      ) : (
        <>
          <Ago at={lastAt} />, {lastItems === 0 ? "nothing new" : `${count(lastItems)} new`}
        </>
      )}
      {lastError !== null && <div class="trouble">{lastError}</div>}
      {lastRefusal !== null && (
        <div class="warn">
          No run of item <code>{lastRefusal.item}</code>, <Ago at={lastRefusal.at} />: {lastRefusal.error}
        </div>
      )}
    </>
  );
}

const VERBS = [
  ["pause", "Pause", "Nothing is asked until it is resumed."],
  ["resume", "Resume", "It goes on where it was."],
  ["poll-now", "Ask now", "It is asked as soon as a worker comes to it."],
] as const;

function Actions({ poll, onDone }: RowProps): JSX.Element {
  const { workflow, trigger, paused } = poll;
  const may = {
    pause: useMay("polls.pause") && !paused,
    resume: useMay("polls.resume") && paused,
    "poll-now": useMay("polls.pollNow") && !paused,
  };
  return (
    <span class="actions">
      {VERBS.filter(([verb]) => may[verb]).map(([verb, title, said]) => (
        <button
          key={verb}
          type="button"
          class="small"
          onClick={() =>
            void attempt(async () => {
              await send("POST", `/polls/${part(workflow)}/${part(trigger)}/${verb}`);
              return said;
            }, onDone)
          }
        >
          {title}
        </button>
      ))}
    </span>
  );
}
