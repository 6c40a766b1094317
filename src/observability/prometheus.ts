/** Totals of this process, and how things stand, in the text format of Prometheus. Workspaces are no label: there may be too many of them. */
import type { Bins } from "../core/statistics/histogram.ts";
import type { Depths } from "./metrics.ts";
import type { Statistics, Total } from "./statistics.ts";

/** Bounds of the buckets in milliseconds; each is the upper end of a bin. */
const BOUNDS_MS = Array.from({ length: 12 }, (_, n) => 4 ** n);
const BINS_PER_DOUBLING = 4;

type Labels = { readonly [name: string]: string };
type Sample = readonly [suffix: string, labels: Labels, value: number];

export function exposition(
  statistics: Pick<Statistics, "totals" | "process">,
  now: Depths & { readonly workers: number },
): string {
  const totals = statistics.totals();
  const { fenced, batches, entries, batchMs, definitions } = statistics.process;
  const loads = Object.entries(definitions).map(([source, count]): Sample => ["", { source }, count]);
  const one = (value: number): readonly Sample[] => [["", {}, value]];
  const held = now.lanes.map(({ lane, held: count }): Sample => ["", { lane }, count]);
  const lanes = now.lanes.flatMap(({ lane, held: _held, ...states }) =>
    Object.entries(states).map(([state, count]): Sample => ["", { lane, state }, count]),
  );
  return [
    ...ofRuns(totals.filter(({ node }) => node === "")),
    ...ofNodes(totals.filter(({ node }) => node !== "")),
    family("commits_fenced_total", "counter", "Late answers that were refused", one(fenced)),
    family("commits_total", "counter", "Commits", one(batches)),
    family("commit_entries_total", "counter", "Transitions in commits", one(entries)),
    family("commit_seconds_total", "counter", "Time of commits", one(batchMs / 1_000)),
    family("definition_loads_total", "counter", "Definitions that were needed, by where they were", loads),
    family("queue_depth", "gauge", "Node runs by lane and state", lanes),
    family("queue_held", "gauge", "Node runs by lane that their workspace has no room for", held),
    family("runs_active", "gauge", "Runs that are not at rest", one(now.active)),
    family("dead_letters_open", "gauge", "Dead letters that are open", one(now.deadLetters)),
    family("runs_stuck", "gauge", "Runs that should move and do not", one(now.stuck)),
    family("breakers_open", "gauge", "Circuit breakers that are not closed", one(now.openBreakers)),
    family("workers", "gauge", "Workers that are alive", one(now.workers)),
  ].join("");
}

function ofRuns(totals: readonly Total[]): readonly string[] {
  const ended = (["succeeded", "failed", "cancelled"] as const).flatMap((status) =>
    totals.map(({ workflow, counts }): Sample => ["", { workflow, status }, counts[status]]),
  );
  const of = (name: "started"): readonly Sample[] =>
    totals.map(({ workflow, counts }): Sample => ["", { workflow }, counts[name]]);
  const durations = totals.flatMap(({ workflow, counts }) =>
    histogram({ workflow }, counts.runBins, counts.runMs),
  );
  return [
    family("runs_started_total", "counter", "Runs that began", of("started")),
    family("runs_ended_total", "counter", "Runs that came to rest", ended),
    family("run_duration_seconds", "histogram", "From the start of a run to its end", durations),
  ];
}

function ofNodes(totals: readonly Total[]): readonly string[] {
  const of = (name: "attempts" | "failures" | "retries" | "queued" | "deadLetters"): readonly Sample[] =>
    totals.map(({ workflow, node, counts }): Sample => ["", { workflow, node }, counts[name]]);
  const durations = totals.flatMap(({ workflow, node, counts }) =>
    histogram({ workflow, node }, counts.attemptBins, counts.attemptMs),
  );
  const waits = totals.map(({ workflow, node, counts }): Sample => [
    "",
    { workflow, node },
    counts.queuedMs / 1_000,
  ]);
  return [
    family("attempts_total", "counter", "Attempts that ended", of("attempts")),
    family("attempt_failures_total", "counter", "Attempts that failed", of("failures")),
    family("attempt_retries_total", "counter", "Attempts that were not the first", of("retries")),
    family("attempt_duration_seconds", "histogram", "Of attempts", durations),
    family("queue_taken_total", "counter", "Node runs taken from the queue", of("queued")),
    family("queue_wait_seconds_total", "counter", "Time of node runs in the queue", waits),
    family("dead_letters_total", "counter", "Dead letters that were opened", of("deadLetters")),
  ];
}

function histogram(labels: Labels, bins: Bins, sumMs: number): readonly Sample[] {
  const count = bins.reduce((sum, each) => sum + each, 0);
  const below = (ms: number): number =>
    bins.slice(0, Math.round(Math.log2(ms) * BINS_PER_DOUBLING) + 1).reduce((sum, each) => sum + each, 0);
  return [
    ...BOUNDS_MS.map((ms): Sample => ["_bucket", { ...labels, le: String(ms / 1_000) }, below(ms)]),
    ["_bucket", { ...labels, le: "+Inf" }, count],
    ["_sum", labels, sumMs / 1_000],
    ["_count", labels, count],
  ];
}

// oxlint-disable-next-line max-params -- name, type, help and samples, as Prometheus has them
function family(name: string, type: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(
    ([suffix, labels, value]) =>
      `flowforge_${name}${suffix}${textOf(labels)} ${Number.isFinite(value) ? value : 0}\n`,
  );
  return `# HELP flowforge_${name} ${help}.\n# TYPE flowforge_${name} ${type}\n${lines.join("")}`;
}

function textOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
