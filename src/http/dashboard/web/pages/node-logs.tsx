/** What the action of a node wrote while it ran. */
import type { JSX } from "preact";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import type { RunHeader } from "../../../../core/ports/stored-run.ts";
import { part, query } from "../api.ts";
import { useLive } from "../live.ts";
import { paceOf } from "../run-events.ts";
import { useMay } from "../session.ts";
import { moment } from "../format.ts";
import { Trouble } from "../ui/page.tsx";
import { IN_ORDER, Pager, usePages } from "../ui/pager.tsx";

const PAGE = 200;

export interface LogLine {
  readonly at: number;
  readonly level: string;
  readonly message: string;
  readonly attempt: number;
  readonly fields?: unknown;
}

export function NodeLogs({ run, node }: { run: RunHeader; node: string }): JSX.Element | null {
  const may = useMay("runs.logs");
  const pages = usePages(`log of ${node}`);
  const logs = useLive<ListPage<LogLine>>(
    may ? `/runs/${part(run.id)}/logs${query({ node, cursor: pages.cursor, limit: PAGE })}` : null,
    paceOf(run.status),
  );
  if (logs.error) return <Trouble error={logs.error} stale={logs.data !== undefined} />;
  if (!logs.data || (logs.data.items.length === 0 && pages.number === 1)) return null;
  return (
    <>
      <h3>Log</h3>
      <ol class="log" aria-label={`Log of ${node}`}>
        {logs.data.items.map((line, at) => (
          <li key={at} class={line.level}>
            <time dateTime={new Date(line.at).toISOString()} title={moment(line.at)}>
              {new Date(line.at).toLocaleTimeString()}
            </time>{" "}
            <span class="level">{line.level}</span> {line.message}
            {line.fields !== undefined && line.fields !== null && <code>{JSON.stringify(line.fields)}</code>}
          </li>
        ))}
      </ol>
      <Pager pages={pages} cursor={logs.data.cursor} words={IN_ORDER} />
    </>
  );
}
