/**
 * A run that is run again from one of its nodes: what had ended before that node is told to the new run as if it happened at its
 * start. The reducer takes it like any other event, so conditions decide, joins join and edges are taken as they were. All else
 * runs anew.
 */
import type { Plan, PlanNode, PlanWait } from "../graph/plan.ts";
import type { Json } from "../json.ts";
import type { ErrorRecord, RunEvent } from "./event.ts";
import type { StoredNode } from "./restore.ts";

/** A node of the old run. */
export interface EndedNode extends Pick<StoredNode, "status" | "outcome" | "failure"> {
  readonly error: ErrorRecord | null;
  /** `null` where it has none. */
  readonly output: Json;
}

/** The events to send after `started`, or for each node that stands in the way what is wrong with it. */
export type Replay =
  | { readonly ok: true; readonly events: readonly RunEvent[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** `worker`: what stands as the worker of what is taken over. A node that the old run has no row of is `pending`. */
export function replayUpTo(
  plan: Plan,
  from: number,
  old: { readonly nodes: ReadonlyMap<string, EndedNode>; readonly worker: string },
): Replay {
  const events: RunEvent[] = [];
  const problems: string[] = [];
  for (const node of ancestorsOf(plan, from)) {
    const ended = old.nodes.get(node.id);
    const problem = problemOf(plan, node, ended);
    if (problem !== null) problems.push(`node "${node.id}" ${problem}`);
    else events.push(...eventsOf(node, ended!, old.worker));
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, events };
}

/** In the order of the plan, triggers left out. */
function ancestorsOf(plan: Plan, from: number): readonly PlanNode[] {
  const wanted = new Set([from]);
  for (let index = from; index >= 0; index--) {
    if (wanted.has(index)) for (const edge of plan.nodes[index]!.inbound) wanted.add(edge.from);
  }
  wanted.delete(from);
  return plan.nodes.filter(({ index, kind }) => wanted.has(index) && kind !== "trigger");
}

function problemOf(plan: Plan, node: PlanNode, ended: EndedNode | undefined): string | null {
  if (ended?.status === "skipped") return null;
  const isHandled = ended?.status === "failed" && ended.failure === "handled";
  if (ended?.status !== "succeeded" && !isHandled) return `is ${ended?.status ?? "pending"}`;
  if (node.kind !== "wait" || ended.outcome !== "received") return null;
  const others = plan.nodes.filter((other) => other !== node && asksForSame(node, other));
  return others.length === 0 ? null : `took a message that "${others[0]!.id}" waits for too`;
}

function asksForSame({ for: wait }: PlanWait, other: PlanNode): boolean {
  if (other.kind !== "wait" || !("name" in wait) || !("name" in other.for)) return false;
  return other.for.type === wait.type && other.for.name === wait.name;
}

function eventsOf(node: PlanNode, ended: EndedNode, worker: string): readonly RunEvent[] {
  if (ended.status === "skipped") return [];
  if (node.kind === "wait") return [wakingOf(node, ended)];
  // A condition decides by itself, on the same values.
  if (node.kind !== "action") return [];
  const { index } = node;
  const claimed: RunEvent = { type: "claimed", node: index, fence: 0, worker };
  if (ended.status === "succeeded")
    return [claimed, { type: "succeeded", node: index, fence: 1, output: ended.output }];
  const error = ended.error ?? { class: "unknown", message: "no error was recorded" };
  const never = {
    verdict: { type: "permanent" },
    retry: { immediate: 0, backoffMs: [] },
    random: 0,
  } as const;
  return [claimed, { type: "failed", node: index, fence: 1, error, ...never }];
}

/** A wait that failed to be entered fails again by itself; then its timer says nothing. */
function wakingOf({ index, for: wait }: PlanWait, { outcome, output }: EndedNode): RunEvent {
  if (outcome !== "received" || !("name" in wait)) return { type: "timerFired", node: index, fence: 1 };
  const type = wait.type === "signal" ? "signalled" : "eventReceived";
  // Before every timeout.
  return { type, id: `replay/${index}`, name: wait.name, payload: output, receivedAt: 0 };
}
