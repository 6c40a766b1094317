/**
 * What counts as stuck: a run that should move, does not, and will not by itself. What waits for its time, a message, a child, room, a breaker
 * or somebody's resume is not stuck; what waits behind other work is not either, as long as somebody does that work.
 *
 * A store finds who has waited for long; this decides which of them nobody will ever help.
 */
import type { RunStatus } from "../run/state.ts";

export const STUCK_REASONS = [
  "nothing_moves",
  "no_worker_for_lane",
  "no_worker_for_action",
  "not_queued",
  "not_taken",
  "lease_expired",
  "timer_late",
  "message_unread",
] as const;

/**
 * - `nothing_moves`: the run is under way, and has no node run that is ready, runs or waits.
 * - `no_worker_for_lane`, `no_worker_for_action`: a node run can start, and no live worker takes from its lane, or has its action.
 * - `not_queued`: a node run can start, and nobody has handed it to the queue.
 * - `not_taken`: it is in the queue, and the workers that could take it do nothing.
 * - `lease_expired`: its worker is dead, and nobody has taken it over.
 * - `timer_late`: its time has come, or its deadline has passed, and nobody has acted on it.
 * - `message_unread`: a message to the run has not been read.
 */
export type StuckReason = (typeof STUCK_REASONS)[number];

/**
 * What was found to have waited. `idle`: a run without a node run that is alive. `ready` and `queued`: node runs that can start. `lost`: one whose
 * worker is dead. `map`: a map whose items nobody begins. `timer`: due, or past its deadline. `message`: a run with an unread one.
 */
export type WaitingKind = "idle" | "ready" | "queued" | "lost" | "map" | "timer" | "message";

export interface Waiting {
  readonly kind: WaitingKind;
  readonly runId: string;
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
  readonly status: RunStatus;
  /** `null`: it is about the run. */
  readonly node: string | null;
  /** It has been so for longer than the quiet time. `false`: it goes round, because whoever takes it cannot run it. */
  readonly isOld: boolean;
  /** When a node run of the run last began or ended; else when the run was made. */
  readonly since: number;
}

/** A live worker. */
export interface WorkerRoom {
  readonly lanes: readonly string[];
  /** Empty: it only maintains. `null`: it does not tell. */
  readonly actions: readonly string[] | null;
  /** Node runs and items that it executes. */
  readonly running: number;
}

/** What a node needs of a worker. */
export interface NodeNeed {
  readonly lane: string;
  readonly action: string;
}

/** `need`: `null` where the node is no action, or not known. `null`: it is not stuck. */
export function judgeWaiting(
  waiting: Pick<Waiting, "kind" | "isOld">,
  need: NodeNeed | null,
  workers: readonly WorkerRoom[],
): StuckReason | null {
  switch (waiting.kind) {
    case "idle":
      return "nothing_moves";
    case "timer":
      return "timer_late";
    case "message":
      return "message_unread";
    default:
      return judgeStartable(waiting, need, workers);
  }
}

function judgeStartable(
  { kind, isOld }: Pick<Waiting, "kind" | "isOld">,
  need: NodeNeed | null,
  workers: readonly WorkerRoom[],
): StuckReason | null {
  const inLane = need ? workers.filter((worker) => takesFrom(worker, need.lane)) : workers;
  if (need && inLane.length === 0) return "no_worker_for_lane";
  const able = need ? inLane.filter(({ actions }) => actions === null || actions.includes(need.action)) : [];
  if (need && able.length === 0) return "no_worker_for_action";
  if (kind === "lost") return "lease_expired";
  // A map waits for places, breakers and limits without being told so here.
  if (kind === "map" || !isOld) return null;
  if (kind === "ready") return "not_queued";
  return able.length > 0 && able.every(({ running }) => running === 0) ? "not_taken" : null;
}

function takesFrom({ lanes, actions }: WorkerRoom, lane: string): boolean {
  return lanes.includes(lane) && actions?.length !== 0;
}
