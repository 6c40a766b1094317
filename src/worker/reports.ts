/** What the store and other runs report of a node of a run: its map has ended, its key is settled, its child has come to rest. */
import type { Plan } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { MessageBody } from "../core/ports/message.ts";
import type { ErrorRecord, Event } from "../core/run/event.ts";

type Body<K extends MessageBody["kind"]> = Extract<MessageBody, { kind: K }>;

export type ReportBody = Body<"mapEnded" | "keySettled" | "childEnded">;

interface Known {
  readonly plan: Plan;
  /** Of maps that have ended, by their nodes. */
  readonly mapOutputs: ReadonlyMap<string, Json>;
}

export function isReport(body: MessageBody): body is ReportBody {
  return body.kind === "mapEnded" || body.kind === "keySettled" || body.kind === "childEnded";
}

/** `null`: the plan no longer has the node. */
export function reportEvent(
  body: ReportBody,
  { plan, mapOutputs }: Known,
): Event<"mapEnded" | "timerFired" | "childEnded"> | null {
  const node = plan.indexOf.get(body.node);
  if (node === undefined) return null;
  switch (body.kind) {
    case "mapEnded":
      return mapEnded(body, node, mapOutputs);
    case "keySettled":
      return { type: "timerFired", node, fence: body.fence };
    case "childEnded":
      return childEnded(body, node);
  }
}

function mapEnded(
  { node: id, fence, open, failed, unfinished, error }: Body<"mapEnded">,
  node: number,
  mapOutputs: ReadonlyMap<string, Json>,
): Event<"mapEnded"> {
  const output = mapOutputs.get(id) ?? null;
  return { type: "mapEnded", node, fence, open, failed, unfinished, error, output };
}

function childEnded(body: Body<"childEnded">, node: number): Event<"childEnded"> {
  const { generation, status, output } = body;
  return { type: "childEnded", node, generation, status, output, error: childFailed(body) };
}

/** What becomes of a node whose child did not succeed. */
export function childFailed({
  child,
  workflow,
  status,
}: Pick<Body<"childEnded">, "child" | "workflow" | "status">): ErrorRecord {
  const how = status === "cancelled" ? "was cancelled" : "failed";
  return {
    class: "child_failed",
    message: `The child run ${child} of workflow "${workflow}" ${how}.`,
    child,
    status,
  };
}
