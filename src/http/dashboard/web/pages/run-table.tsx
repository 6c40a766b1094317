/** Runs in rows, as they are on every page that lists some. */
import type { JSX } from "preact";
import { Link } from "wouter-preact";
import type { RunHeader } from "../../../../core/ports/stored-run.ts";
import { shortId } from "../format.ts";
import { Empty, Table } from "../ui/page.tsx";
import { Status } from "../ui/status.tsx";
import { Ago, Span } from "../ui/time.tsx";

const HEAD = ["Run", "Workflow", "Status", "Created", "Took", "Labels"];

export function RunTable({ runs, label }: { runs: readonly RunHeader[]; label: string }): JSX.Element {
  if (runs.length === 0) return <Empty>No runs here.</Empty>;
  return (
    <Table label={label} head={HEAD}>
      {runs.map((run) => (
        <Row key={run.id} run={run} />
      ))}
    </Table>
  );
}

function Row({ run }: { run: RunHeader }): JSX.Element {
  const { id, workflow, version, status, deadLetters, labels } = run;
  return (
    <tr>
      <td>
        <Link href={`/runs/${id}`} class="id" title={id}>
          {shortId(id)}
        </Link>
      </td>
      <td>
        <Link href={`/workflows/${encodeURIComponent(workflow)}`}>{workflow}</Link>{" "}
        <span class="muted">v{version}</span>
      </td>
      <td>
        <Status value={status} />
        {deadLetters > 0 && status !== "failed" && <Status value="dead letter" />}
      </td>
      <td>
        <Ago at={run.createdAt} />
      </td>
      <td>
        <Span from={run.startedAt} to={run.finishedAt} />
      </td>
      <td>
        <Labels labels={labels} />
      </td>
    </tr>
  );
}

export function Labels({ labels }: { labels: Readonly<Record<string, string>> }): JSX.Element {
  return (
    <span class="labels">
      {Object.entries(labels).map(([name, value]) => (
        <span key={name} class="label">
          {name}: {value}
        </span>
      ))}
    </span>
  );
}
