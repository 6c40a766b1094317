/** Carries a run to where nothing can move any more, the way a worker and a clock would. */
import type { Plan } from "../../../src/core/graph/plan.ts";
import { advance } from "../../../src/core/run/advance.ts";
import type { RunEvent } from "../../../src/core/run/event.ts";
import type { RunState } from "../../../src/core/run/state.ts";

export interface Driver {
  readonly plan: Plan;
  readonly now: number;
  /** Which of so many live nodes is next. Default: the first. */
  readonly pick?: (live: number) => number;
  /** What comes of a running node. Default: it succeeds. */
  readonly answer?: (node: number, fence: number, state: RunState) => RunEvent;
  readonly visit?: (event: RunEvent, after: RunState, before: RunState) => void;
}

/** More steps per node than any run of the tests needs. */
const MAX_STEPS = 100;

/** Ends at rest, or where only waits without a timeout are left. */
export function drive(state: RunState, driver: Driver): RunState {
  const { plan, now, pick = () => 0, answer = success, visit } = driver;
  for (let steps = MAX_STEPS * plan.nodes.length; steps > 0; steps--) {
    const live = liveNodes(state);
    if (live.length === 0) return state;
    const node = live[pick(live.length)]!;
    const before = state;
    const event = eventOf(node, { state, answer });
    state = advance(plan, state, event, Math.max(now, before.nodes[node]!.dueAt ?? 0)).state;
    visit?.(event, state, before);
  }
  throw new Error(`the run does not come to an end: ${state.nodes.map(({ status }) => status).join(", ")}`);
}

/** Nodes that can go on without anybody's help. */
function liveNodes({ nodes }: RunState): readonly number[] {
  return nodes.flatMap(({ status, dueAt, waitingFor }, index) => {
    const isTold = waitingFor === "child" || waitingFor === "concurrency";
    const alone = status === "waiting" && (dueAt !== null || isTold);
    return alone || status === "ready" || status === "queued" || status === "running" ? [index] : [];
  });
}

function eventOf(
  node: number,
  { state, answer }: { state: RunState; answer: NonNullable<Driver["answer"]> },
): RunEvent {
  const { status, fence, waitingFor, generation } = state.nodes[node]!;
  if (waitingFor === "child") return childSucceeded(node, generation);
  if (waitingFor === "map") return allItemsSucceeded(node, fence);
  if (status === "running") return answer(node, fence, state);
  if (waitingFor === "concurrency") return { type: "admitted" };
  if (status === "waiting") return { type: "timerFired", node, fence };
  return { type: "claimed", node, fence, worker: "w" };
}

function childSucceeded(node: number, generation: number): RunEvent {
  const error = { class: "child_failed", message: "none" };
  return { type: "childEnded", node, generation, status: "succeeded", output: node, error };
}

function allItemsSucceeded(node: number, fence: number): RunEvent {
  const error = { class: "items_failed", message: "none" };
  return { type: "mapEnded", node, fence, open: 0, failed: 0, unfinished: 0, error, output: [node] };
}

export function success(node: number, fence: number): RunEvent {
  return { type: "succeeded", node, fence, output: node };
}
