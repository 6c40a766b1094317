/** The processes that work: where they are, what they can take, and when they last gave a sign of life. */
import type { JSX } from "preact";
import type { WorkerRecord } from "../../../../core/ports/statistics.ts";
import { count } from "../format.ts";
import { useLive } from "../live.ts";
import { Empty, Page, Shown, Table } from "../ui/page.tsx";
import { Status } from "../ui/status.tsx";
import { Ago } from "../ui/time.tsx";

const HEAD = ["State", "Host", "Process", "Lanes", "At work", "Since", "Last sign of life"];

export function Workers(): JSX.Element {
  const workers = useLive<{ items: readonly WorkerRecord[] }>("/workers");
  return (
    <Page title="Workers">
      <Shown of={workers}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>No process works. Whatever is started waits until one does.</Empty>
          ) : (
            <>
              <Table label="Workers" head={HEAD}>
                {items.map((worker) => (
                  <Row key={worker.id} worker={worker} />
                ))}
              </Table>
              <p class="muted">
                Workers are of the whole installation. One that ended or died stays here for an hour.
              </p>
            </>
          )
        }
      </Shown>
    </Page>
  );
}

function Row({ worker }: { worker: WorkerRecord }): JSX.Element {
  const { id, host, pid, lanes, concurrency, running, startedAt, heartbeatAt, deadAt } = worker;
  return (
    <tr>
      <td>
        <Status value={deadAt === null ? "alive" : "ended"} />
      </td>
      <td>{host}</td>
      <td>
        <span class="number">{pid}</span>
        <div class="id muted">{id}</div>
      </td>
      <td>{lanes.length === 0 ? <span class="muted">maintains only</span> : lanes.join(", ")}</td>
      <td>
        <Room running={running} concurrency={concurrency} />
      </td>
      <td>
        <Ago at={startedAt} />
      </td>
      <td>
        <Ago at={deadAt ?? heartbeatAt} />
      </td>
    </tr>
  );
}

function Room({ running, concurrency }: Pick<WorkerRecord, "running" | "concurrency">): JSX.Element {
  const most = Math.max(concurrency, running, 1);
  return (
    <div class="progress">
      <span class="number">
        {count(running)} of {count(concurrency)}
      </span>
      <svg viewBox={`0 0 ${most} 1`} preserveAspectRatio="none" aria-hidden="true">
        <rect class="bar busy" x="0" y="0" width={running} height="1" />
      </svg>
    </div>
  );
}
