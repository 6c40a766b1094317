/** Runs that should move and do not; shown while there are any. */
import type { JSX } from "preact";
import { Link } from "wouter-preact";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import type { KnownStuckRun } from "../../../../core/ports/stuck.ts";
import type { StuckReason } from "../../../../core/stuck/judge.ts";
import { query } from "../api.ts";
import { useLive } from "../live.ts";
import { useMay } from "../session.ts";
import { Panel, Shown, Table } from "../ui/page.tsx";
import { Ago } from "../ui/time.tsx";

const SHOWN = 20;

const TEXTS: { readonly [Reason in StuckReason]: (run: KnownStuckRun) => string } = {
  nothing_moves: () => "nothing is left in it that could move",
  no_worker_for_lane: ({ lane }) => `no worker takes from the lane ${lane}`,
  no_worker_for_action: ({ action }) => `no worker has the action ${action}`,
  not_queued: () => "ready, and not handed to the queue",
  not_taken: () => "in the queue, and idle workers do not take it",
  lease_expired: () => "its worker is dead, and nobody took it over",
  timer_late: () => "its time has come, and nobody acted on it",
  message_unread: () => "a message to it is not read",
};

export function StuckRuns(): JSX.Element | null {
  const may = useMay("stuck.list");
  const runs = useLive<ListPage<KnownStuckRun>>(may ? `/stuck-runs${query({ limit: SHOWN })}` : null);
  if (!may) return null;
  return (
    <Panel title="Stuck runs" class="short alarm">
      <Shown of={runs}>{({ items }) => <Rows runs={items} />}</Shown>
    </Panel>
  );
}

function Rows({ runs }: { runs: readonly KnownStuckRun[] }): JSX.Element {
  return (
    <Table label="Stuck runs" head={["Workflow", "Node", "Why", "Last moved"]}>
      {runs.map((run) => (
        <tr key={`${run.runId} ${run.node} ${run.reason}`}>
          <td>
            <Link href={`/runs/${run.runId}`}>{run.workflow}</Link>
          </td>
          <td>{run.node ?? "–"}</td>
          <td class="wide">{TEXTS[run.reason](run)}</td>
          <td>
            <Ago at={run.since} />
          </td>
        </tr>
      ))}
    </Table>
  );
}
