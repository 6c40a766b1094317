/** How things stand, and how they went. */
import type { ComponentChildren, JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import type { RunHeader } from "../../../../core/ports/stored-run.ts";
import { query } from "../api.ts";
import { count, duration, percent } from "../format.ts";
import { useLive } from "../live.ts";
import { useMay } from "../session.ts";
import type { Stats } from "../stats.ts";
import { Chart } from "../ui/chart.tsx";
import { Page, Panel, Shown, Table } from "../ui/page.tsx";
import { Ago } from "../ui/time.tsx";
import { RunTable } from "./run-table.tsx";

const HOUR_MS = 3_600_000;
const RANGES = [
  ["1 hour", HOUR_MS, "1m"],
  ["24 hours", 24 * HOUR_MS, "15m"],
  ["7 days", 7 * 24 * HOUR_MS, "2h"],
  ["30 days", 30 * 24 * HOUR_MS, "8h"],
] as const;
const NEWEST = 8;
const ROUND_MS = 60_000;

export function Overview(): JSX.Element {
  const [range, setRange] = useState<(typeof RANGES)[number]>(RANGES[0]);
  const may = useMay("stats");
  const [, lengthMs, step] = range;
  // Rounded, so that the address, and with it what is asked for again, stays the same for a minute.
  const since = new Date(Math.floor(Date.now() / ROUND_MS) * ROUND_MS - lengthMs).toISOString();
  const stats = useLive<Stats>(may ? `/stats${query({ since, step })}` : null);
  const last = useLast(stats.data);
  const runs = useLive<ListPage<RunHeader>>(`/runs${query({ limit: NEWEST })}`);
  return (
    <Page title="Overview" actions={<Ranges range={range} onChange={setRange} />}>
      {may && (
        <Shown of={{ ...stats, data: last }}>{(data) => <Figures stats={data} range={range[0]} />}</Shown>
      )}
      <Panel title="Newest runs">
        <Shown of={runs}>{({ items }) => <RunTable runs={items} label="Newest runs" />}</Shown>
      </Panel>
    </Page>
  );
}

/** What came last stays on the page while the next minute's is asked for. */
function useLast<T>(data: T | undefined): T | undefined {
  const [last, setLast] = useState(data);
  if (data !== undefined && data !== last) setLast(data);
  return data ?? last;
}

interface RangesProps {
  range: (typeof RANGES)[number];
  onChange: (range: (typeof RANGES)[number]) => void;
}

function Ranges({ range, onChange }: RangesProps): JSX.Element {
  return (
    <div class="chips" role="group" aria-label="Time that is shown">
      {RANGES.map((each) => (
        <button
          key={each[0]}
          type="button"
          class="chip"
          aria-pressed={each === range}
          onClick={() => onChange(each)}
        >
          {each[0]}
        </button>
      ))}
    </div>
  );
}

function Figures({ stats, range }: { stats: Stats; range: string }): JSX.Element {
  const { now, total } = stats;
  const { runs } = total;
  const waiting = now.lanes.reduce((all, { ready, queued }) => all + ready + queued, 0);
  return (
    <>
      <div class="tiles">
        <Tile name="Active runs" value={count(now.active)} note={statusText(now.runs)} />
        <Tile
          name="Waiting for a worker"
          value={count(waiting)}
          note={
            now.oldest ? (
              <>
                oldest: <Link href={`/runs/${now.oldest.runId}`}>{now.oldest.node}</Link>,{" "}
                <Ago at={now.oldest.since} />
              </>
            ) : (
              "nothing waits"
            )
          }
        />
        <Tile
          name="Dead letters"
          value={count(now.deadLetters)}
          tone={now.deadLetters > 0 ? "bad" : "good"}
          note={<Link href="/dead-letters">{now.deadLetters > 0 ? "resolve them" : "all resolved"}</Link>}
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
        <Tile name="Workers" value={count(now.workers)} tone={now.workers === 0 ? "bad" : ""} note="alive" />
      </div>
      <Charts stats={stats} />
      <Lanes stats={stats} />
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
  const each = duration(stats.stepMs);
  return (
    <div class="charts">
      <Chart title={`Runs each ${each}`} times={times} series={ended} unit={count} />
      <Chart title="Run time" times={times} series={took} unit={duration} />
      <Chart title="Under way" times={times} series={depth} unit={count} />
    </div>
  );
}

function Lanes({ stats }: { stats: Stats }): JSX.Element | null {
  const { lanes } = stats.now;
  if (lanes.length === 0) return null;
  return (
    <Panel title="Queue">
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
