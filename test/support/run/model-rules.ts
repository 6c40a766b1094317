/** The single rules of the model: edges, waits, messages, and what a run is as a whole. */
import type { Scope } from "../../../src/core/expression/expression.ts";
import type { KeptMessage, RunStatus } from "../../../src/core/run/state.ts";
import { isAlive, isEnded, isLeft, type Told } from "./model-facts.ts";
import type { NodeSpec } from "./plans.ts";

export type WaitSpec = Extract<NodeSpec, { kind: "wait" }>;

/** Outcomes that an edge without `on` is not taken for. */
const UNUSUAL = ["error", "timeout"];

export function edgeState(from: Told, on: string | null): "open" | "taken" | "dead" {
  if (!isEnded(from) || isLeft(from)) return "open";
  const named = on === null ? !UNUSUAL.includes(from.outcome ?? "") : on === from.outcome;
  return from.outcome !== null && named ? "taken" : "dead";
}

export function statusOf(run: {
  readonly cancelled: boolean;
  readonly compensate: boolean;
  /** Of what undoes nodes. */
  readonly undoing: readonly Told[];
  readonly paused: boolean;
  readonly nodes: readonly Told[];
  readonly output: Told;
}): RunStatus {
  const alive = run.nodes.filter(isAlive);
  const expired = run.output.outcome === "deadline";
  if (run.compensate && run.undoing.some(isAlive)) return "compensating";
  if (run.compensate && alive.length === 0) {
    const stuck = run.undoing.some(isLeft);
    return run.cancelled && !stuck && !expired ? "cancelled" : "failed";
  }
  if (run.cancelled) return alive.length > 0 ? "cancelling" : expired ? "failed" : "cancelled";
  if (isEnded(run.output) && run.output.failure !== "open") return "succeeded";
  if (run.paused) return "paused";
  if (alive.length === 0) return "failed";
  if (run.nodes.some((told) => told.status === "waiting" && told.fence === 0)) return "queued";
  if (alive.every((told) => told.status === "waiting")) return "waiting";
  return run.output.status === "running" || run.nodes.some((told) => told.fence > 0) ? "running" : "queued";
}

/** How long a wait lasts that is entered now; `null`: until its message comes; `never`: that cannot be told. */
export function lastsMs({ for: wait }: WaitSpec, scope: Scope, now: number): number | null | "never" {
  if ("duration" in wait) return wait.duration;
  if (!("until" in wait)) return wait.timeout ?? null;
  try {
    const at = wait.until(scope);
    return typeof at === "number" ? Math.max(0, at - now) : "never";
  } catch {
    return "never";
  }
}

export function asks({ for: wait }: WaitSpec, { kind, name, payload }: KeptMessage, scope: Scope): boolean {
  if (kind === "signal") return "signal" in wait && wait.signal === name;
  if (!("event" in wait) || wait.event !== name) return false;
  try {
    return wait.match === undefined || wait.match({ ...scope, event: { name, payload } }) === true;
  } catch {
    return false;
  }
}

export function isTimer({ for: wait }: WaitSpec): boolean {
  return "duration" in wait || "until" in wait;
}

/** The outcomes that somebody may choose for a dead letter. */
export function outcomesByHand(spec: Extract<NodeSpec, { kind: "condition" | "wait" }>): readonly string[] {
  if (spec.kind === "condition") return [...spec.cases.map(([outcome]) => outcome), "else"];
  return isTimer(spec) ? ["elapsed"] : ["received", "timeout"];
}
