/** How things stand and went, in numbers and as charts. */
import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import { Link } from "wouter-preact";
import { dashboardOf } from "../api.ts";
import { count, duration, percent, rate } from "../format.ts";
import { useMay } from "../session.ts";
import type { Stats } from "../stats.ts";
import { Chart } from "../ui/chart.tsx";
import { Panel, Table } from "../ui/page.tsx";
import { Ago } from "../ui/time.tsx";

interface FiguresProps {
  stats: Stats;
  /** Its name. */
  range: string;
  /** Of all workspaces. */
  all: boolean;
}

export function Figures({ stats, range, all }: FiguresProps): JSX.Element {
  return (
    <>
      <Tiles stats={stats} range={range} all={all} />
      <Charts stats={stats} />
      <div class="columns">
        <Users stats={stats} all={all} />
        <Lanes stats={stats} />
      </div>
    </>
  );
}

function Tiles({ stats, range, all }: FiguresProps): JSX.Element {
  const { now, total } = stats;
  const { runs } = total;
  const workers = useMay("workers.list");
  const waiting = now.lanes.reduce((sum, { ready, queued }) => sum + ready + queued, 0);
  return (
    <>
      <div class="tiles">
        <Tile
          name="Active runs"
          value={count(now.active)}
          note={
            <>
              {statusText(now.runs)}
              {now.stuck > 0 && <strong class="bad-news">; {count(now.stuck)} stuck</strong>}
            </>
          }
        />
        <Tile
          name="Queue depth"
          value={count(waiting)}
          note={now.oldest ? <Oldest work={now.oldest} all={all} /> : "nothing waits for a worker"}
        />
        <Tile
          name="Dead letters"
          value={count(now.deadLetters)}
          tone={now.deadLetters > 0 ? "bad" : "good"}
          note={
            all ? (
              "open"
            ) : (
              <Link href="/dead-letters">{now.deadLetters > 0 ? "resolve them" : "all resolved"}</Link>
            )
          }
        />
        <Tile
          name="Failure rate"
          value={runs.failureRate === null ? "–" : percent(runs.failureRate)}
          note={`${count(runs.failed)} of ${count(runs.failed + runs.succeeded)} in ${range}`}
        />
        <Tile
          name="Run time"
          value={runs.duration.meanMs === null ? "–" : duration(runs.duration.meanMs)}
          note={runs.duration.p95Ms === null ? "mean" : `mean; 95 % within ${duration(runs.duration.p95Ms)}`}
        />
        <Tile
          name="Throughput"
          value={rate(runs.perSecond)}
          note={`runs that ended; ${rate(total.attempts.perSecond)} attempts`}
        />
        <Tile
          name="Workers"
          value={count(now.workers)}
          tone={now.workers === 0 ? "bad" : ""}
          note={workers ? <Link href="/workers">alive</Link> : "alive"}
        />
      </div>
    </>
  );
}

interface OldestProps extends Pick<FiguresProps, "all"> {
  work: NonNullable<Stats["now"]["oldest"]>;
}

function Oldest({ work: { runId, node, since }, all }: OldestProps): JSX.Element {
  return (
    <>
      oldest: {all ? node : <Link href={`/runs/${runId}`}>{node}</Link>}, <Ago at={since} />
    </>
  );
}

interface TileProps {
  name: string;
  value: string;
  note: ComponentChildren;
  tone?: string;
}

function Tile({ name, value, note, tone = "" }: TileProps): JSX.Element {
  return (
    <section class={`tile ${tone}`} aria-label={name}>
      <h2>{name}</h2>
      <p class="value">{value}</p>
      <p class="muted">{note}</p>
    </section>
  );
}

function statusText(runs: Readonly<Record<string, number>>): string {
  const parts = Object.entries(runs).filter(([, many]) => many > 0);
  return parts.map(([status, many]) => `${count(many)} ${status}`).join(", ") || "none";
}

function Charts({ stats }: { stats: Stats }): JSX.Element {
  const { series } = stats;
  const times = useMemo(() => series.map(({ at }) => at), [series]);
  const ended = useMemo(
    () => [
      { name: "succeeded", tone: "good", values: series.map(({ runs }) => runs.succeeded) },
      { name: "failed", tone: "bad", values: series.map(({ runs }) => runs.failed) },
      { name: "started", tone: "busy", values: series.map(({ runs }) => runs.started) },
    ],
    [series],
  );
  const took = useMemo(
    () => [
      { name: "mean", tone: "busy", values: series.map(({ runs }) => runs.duration.meanMs) },
      { name: "95 % within", tone: "wait", values: series.map(({ runs }) => runs.duration.p95Ms) },
    ],
    [series],
  );
  const depth = useMemo(
    () => [
      { name: "active runs", tone: "busy", values: series.map((step) => step.depth?.active ?? null) },
      {
        name: "waiting for a worker",
        tone: "wait",
        values: series.map((step) => (step.depth ? step.depth.ready + step.depth.queued : null)),
      },
    ],
    [series],
  );
  const failures = useMemo(
    () => [
      { name: "of runs", tone: "bad", values: series.map(({ runs }) => runs.failureRate) },
      { name: "of attempts", tone: "wait", values: series.map(({ attempts }) => attempts.failureRate) },
    ],
    [series],
  );
  const each = duration(stats.stepMs);
  return (
    <div class="charts">
      <Chart title={`Runs each ${each}`} times={times} series={ended} unit={count} whole />
      <Chart title="Failure rate" times={times} series={failures} unit={percent} least={0.01} />
      <Chart title="Run time" times={times} series={took} unit={duration} />
      <Chart title="Under way" times={times} series={depth} unit={count} whole />
    </div>
  );
}

function Users({ stats, all }: { stats: Stats; all: boolean }): JSX.Element | null {
  const { users } = stats.now;
  if (users.length === 0) return null;
  const head = [...(all ? ["Workspace"] : []), "Workflow", "Ready", "In the queue", "Running"];
  return (
    <Panel title="Who uses the queue">
      <Table label="Who uses the queue" head={head}>
        {users.map(({ workspace, workflow, ready, queued, running }) => (
          <tr key={`${workspace} ${workflow}`}>
            {all && (
              <td>
                <a href={dashboardOf(workspace)}>{workspace}</a>
              </td>
            )}
            <td>
              {all ? workflow : <Link href={`/workflows/${encodeURIComponent(workflow)}`}>{workflow}</Link>}
            </td>
            <td class="number">{count(ready)}</td>
            <td class="number">{count(queued)}</td>
            <td class="number">{count(running)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

function Lanes({ stats }: { stats: Stats }): JSX.Element | null {
  const { lanes } = stats.now;
  if (lanes.length === 0) return null;
  return (
    <Panel title="Lanes">
      <Table label="Lanes" head={["Lane", "Ready", "In the queue", "Running"]}>
        {lanes.map(({ lane, ready, queued, running }) => (
          <tr key={lane}>
            <td>{lane}</td>
            <td class="number">{count(ready)}</td>
            <td class="number">{count(queued)}</td>
            <td class="number">{count(running)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}
