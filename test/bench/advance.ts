/**
 * How many events the reducer takes a second, each through `advance` by itself, on whole runs from the start to the end. No
 * servers, one thread.
 *
 *     node test/bench/advance.ts [--ms 1000] [--rounds 5]
 *
 * - chain:  10 actions one after the other
 * - fan:    1 action, 20 side by side, 1 that joins them
 * - wide:   200 actions side by side, and 1 that joins them
 * - dag:    1,000 nodes in 50 layers of 20, each with three edges from the layer before; every fifth a condition
 * - retry:  10 actions one after the other, each of which fails once and is tried again
 *
 * Every action takes three events: it is handed to the queue, claimed, and succeeds. Prints the median of the rounds; the mark
 * is 300,000 events a second for each plan. The last column is the same through one draft per 50 events, as a worker does.
 */
import { parseArgs } from "node:util";
import type { Plan } from "../../src/core/graph/plan.ts";
import { advance, apply, closeDraft, newRun, openDraft } from "../../src/core/run/advance.ts";
import type { RunEvent } from "../../src/core/run/event.ts";
import type { RunState } from "../../src/core/run/state.ts";
import { chainOf, type EdgeSpec, type NodeSpec, planOf, VALUES } from "../support/run/plans.ts";

const MARK = 300_000;
const DRAFT = 50;
const NOW = 1_000_000;

const { values } = parseArgs({
  options: { ms: { type: "string", default: "1000" }, rounds: { type: "string", default: "5" } },
});
const ms = Number(values.ms);
const rounds = Number(values.rounds);

const action: NodeSpec = { kind: "action" };

function fan(width: number): Plan {
  const middle = Array.from({ length: width }, (_, n) => `m${n}`);
  const nodes: Record<string, NodeSpec> = { t: { kind: "trigger" }, first: action };
  for (const id of middle) nodes[id] = action;
  nodes["last"] = action;
  const edges = middle.flatMap((id): EdgeSpec[] => [
    ["first", id],
    [id, "last"],
  ]);
  return planOf({ nodes, edges: [["t", "first"], ...edges], reads: [] });
}

function dag(layers: number, width: number): Plan {
  const nodes: Record<string, NodeSpec> = { t: { kind: "trigger" } };
  const edges: EdgeSpec[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (let place = 0; place < width; place++) {
      const id = `n${layer}_${place}`;
      nodes[id] = place % 5 === 4 ? { kind: "condition", cases: [["yes", () => true]] } : action;
      if (layer === 0) edges.push(["t", id]);
      else for (const step of [0, 1, 7]) edges.push([`n${layer - 1}_${(place + step) % width}`, id]);
    }
  }
  return planOf({ nodes, edges, reads: [] });
}

const chain = chainOf(Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`a${n}`, action])));
const PLANS: readonly (readonly [string, Plan, boolean])[] = [
  ["chain", chain, false],
  ["fan", fan(20), false],
  ["wide", fan(200), false],
  ["dag", dag(50, 20), false],
  ["retry", chain, true],
];

const RETRY = { immediate: 2, backoffMs: [] } as const;
const ERROR = { class: "bench", message: "once" } as const;

/** The events of a whole run, in the order in which a worker would send them. */
function eventsOf(plan: Plan, failing: boolean): readonly RunEvent[] {
  const events: RunEvent[] = [];
  let state = newRun(plan, VALUES);
  const queue: number[] = [];
  const send = (event: RunEvent): void => {
    events.push(event);
    const advanced = advance(plan, state, event, NOW);
    state = advanced.state;
    for (const command of advanced.commands) {
      if (command.type === "dispatch" || command.type === "renderOutput") queue.push(command.node);
    }
  };
  send({ type: "started", trigger: 0 });
  for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
    const fence = (): number => state.nodes[node]!.fence;
    if (plan.nodes[node]!.kind === "action") {
      send({ type: "enqueued", node });
      send({ type: "claimed", node, fence: fence(), worker: "w" });
      const failure = { error: ERROR, verdict: { type: "retry" }, retry: RETRY, random: 0.5 } as const;
      if (failing) send({ type: "failed", node, fence: fence(), ...failure });
    }
    send({ type: "succeeded", node, fence: fence(), output: null });
  }
  if (state.status !== "succeeded") throw new Error(`the run is ${state.status}`);
  return events;
}

function oneByOne(plan: Plan, events: readonly RunEvent[]): RunState {
  let state = newRun(plan, VALUES);
  for (const event of events) state = advance(plan, state, event, NOW).state;
  return state;
}

function inDrafts(plan: Plan, events: readonly RunEvent[]): RunState {
  let state = newRun(plan, VALUES);
  for (let at = 0; at < events.length; at += DRAFT) {
    const draft = openDraft(plan, state);
    for (let next = at; next < Math.min(at + DRAFT, events.length); next++) apply(draft, events[next]!, NOW);
    state = closeDraft(draft).state;
  }
  return state;
}

/** Events a second of this thread's own time, so that a busy machine changes little. */
function measure(run: () => RunState, events: number): number {
  const begin = cpuMs();
  let count = 0;
  while (cpuMs() - begin < ms) {
    if (run().status !== "succeeded") throw new Error("the run did not succeed");
    count += events;
  }
  return (count / (cpuMs() - begin)) * 1_000;
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;
}

const shown = (rate: number): string => Math.round(rate).toLocaleString("en-US").padStart(12);

console.log(`plan    nodes  events${"advance/s".padStart(13)}${"in drafts/s".padStart(14)}`);
let slowest = Number.POSITIVE_INFINITY;
for (const [name, plan, failing] of PLANS) {
  const events = eventsOf(plan, failing);
  const single: number[] = [];
  const drafts: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const rates = [
      measure(() => oneByOne(plan, events), events.length),
      measure(() => inDrafts(plan, events), events.length),
    ];
    // The first round warms up.
    if (round === 0) continue;
    single.push(rates[0]!);
    drafts.push(rates[1]!);
  }
  slowest = Math.min(slowest, median(single));
  const sizes = `${String(plan.nodes.length).padStart(5)}${String(events.length).padStart(8)}`;
  console.log(`${name.padEnd(8)}${sizes}${shown(median(single))}  ${shown(median(drafts))}`);
}
console.log(`slowest: ${shown(slowest).trim()} events/s; the mark is ${MARK.toLocaleString("en-US")}`);
