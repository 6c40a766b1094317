/** The gate of a run whose workflow limits how many are under way at once. */
import { FlowForgeError } from "../core/errors.ts";
import type { Plan, PlanConcurrency } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { GateRef, GateWrite } from "../core/ports/gates.ts";
import type { Advance } from "../core/run/advance.ts";
import type { RunState } from "../core/run/state.ts";
import { isResting } from "./resting.ts";

const MAX_KEY = 255;

export interface Started {
  readonly workspace: string;
  readonly workflow: string;
  readonly input: Json;
  readonly trigger: Json;
}

/** What a run was started with never changes, so its gate is the same whenever it is asked. Throws `concurrency_key_invalid`. */
export function gateOf({ key }: PlanConcurrency, { workspace, workflow, input, trigger }: Started): GateRef {
  if (key === null) return { workspace, workflow, key: "" };
  let value: Json;
  try {
    value = key.render({ input, trigger });
  } catch (error) {
    throw invalid(workflow, error instanceof Error ? error.message : String(error));
  }
  const isPlain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  const text = isPlain ? String(value) : "";
  if (text.length > 0 && text.length <= MAX_KEY && !text.includes("\0"))
    return { workspace, workflow, key: text };
  throw invalid(workflow, JSON.stringify(value).slice(0, 80));
}

function invalid(workflow: string, received: string): FlowForgeError {
  return new FlowForgeError("concurrency_key_invalid", {
    subject: `the concurrency key of workflow "${workflow}"`,
    expected: `a text of 1 to ${MAX_KEY} characters, a number or a boolean`,
    received,
    next: "Nothing was stored. Start the run with an input that has the key, or change the template.",
  });
}

/** Of a run that exists. `null`: it has none, or goes on under a version for which its key cannot be made, and counts nowhere. */
export function gateIfAny(plan: Plan, started: Started): GateRef | null {
  try {
    return plan.concurrency && gateOf(plan.concurrency, started);
  } catch {
    return null;
  }
}

/** What a turn means at the run's gate; `undefined`: it stays where it is. */
export function gateWrite(
  plan: Plan,
  { before, after }: { readonly before: RunState; readonly after: RunState },
  started: Started,
): GateWrite | undefined {
  const { concurrency } = plan;
  if (!concurrency) return undefined;
  const { limit, onLimit } = concurrency;
  if (before.trigger === null) {
    const enter = { type: "enter", ...gateOf(concurrency, started), limit, onLimit } as const;
    const { status, dueAt } = after.nodes[after.trigger!]!;
    if (status !== "waiting") return { ...enter, as: "take" };
    return { ...enter, as: "wait", ...(dueAt === null ? {} : { at: dueAt }) };
  }
  const rests = isResting(after.status);
  if (isResting(before.status) === rests) return undefined;
  if (rests) return { type: "leave" };
  const gate = gateIfAny(plan, started);
  return gate ? { type: "enter", ...gate, limit, onLimit, as: "over" } : undefined;
}

/** The run has begun to wait at its gate, or has come to rest. */
export function isMoveAtGate(plan: Plan, { state, changed }: Pick<Advance, "state" | "changed">): boolean {
  if (!plan.concurrency || state.trigger === null) return false;
  const isWaiting = state.nodes[state.trigger]!.status === "waiting";
  return isResting(state.status) || (isWaiting && changed.includes(state.trigger));
}
