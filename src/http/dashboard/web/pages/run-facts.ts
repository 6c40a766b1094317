/** What the picture of a run says of its nodes. */
import type { EdgeDocument } from "../../../../core/definition/document.ts";
import type { NodeRunDetail, RunDetail } from "../../../../core/ports/store.ts";
import type { NodeFacts } from "../graph/graph.tsx";
import { duration } from "../format.ts";

const WAITS: Readonly<Record<string, string>> = {
  timer: "waits for its time",
  message: "waits for a message",
  retry: "waits for its next attempt",
  child: "waits for its child",
  key: "waits for its key",
  map: "runs its items",
  concurrency: "waits for room",
};

export function factsOf({ header, nodes }: RunDetail): ReadonlyMap<string, NodeFacts> {
  const facts = new Map<string, NodeFacts>([[header.trigger, { status: "succeeded", outcome: "fired" }]]);
  for (const node of nodes) {
    const note = noteOf(node);
    facts.set(node.node, {
      status: shownStatus(node),
      outcome: node.outcome,
      ...(note === null ? {} : { note }),
    });
  }
  return facts;
}

/** Since when a node waits: since it ran last, else since the last of those before it ended. `null`: not known. */
export function waitsSince(
  { node, startedAt }: NodeRunDetail,
  { header, nodes, attempts }: RunDetail,
  edges: readonly EdgeDocument[],
): number | null {
  const failed = attempts.findLast((attempt) => attempt.node === node && attempt.item === -1);
  if (failed) return failed.finishedAt;
  if (startedAt !== null) return startedAt;
  const before = edges.filter(({ to }) => to === node).map(({ from }) => from);
  const ends = nodes.filter((each) => before.includes(each.node)).map(({ finishedAt }) => finishedAt ?? 0);
  return Math.max(...ends, before.includes(header.trigger) ? (header.startedAt ?? 0) : 0) || null;
}

/** `dead letter` where somebody must look at it. */
export function shownStatus({ status, failure }: NodeRunDetail): string {
  return failure === "open" || failure === "items" ? "dead letter" : status;
}

export function waitText({ waitingFor }: NodeRunDetail): string | null {
  return waitingFor === null ? null : (WAITS[waitingFor] ?? waitingFor);
}

function noteOf(node: NodeRunDetail): string | null {
  if (node.waitingFor !== null) return waitText(node);
  if (node.startedAt === null || node.finishedAt === null) return null;
  const attempts = node.attempt > 1 ? `, attempt ${node.attempt}` : "";
  return duration(node.finishedAt - node.startedAt) + attempts;
}

/** What a reader wants to see first: what failed, else what goes on, else nothing. */
export function latestNode(nodes: readonly NodeRunDetail[]): string | null {
  const first = (fits: (node: NodeRunDetail) => boolean): string | undefined => nodes.find(fits)?.node;
  return (
    first((node) => shownStatus(node) === "dead letter") ??
    first(({ status }) => status === "failed") ??
    first(({ status }) => status === "running") ??
    first(({ status }) => status === "waiting") ??
    null
  );
}
