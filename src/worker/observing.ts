/** What the observer is told of a durable turn. */
import type { ActiveRun } from "./active-run.ts";
import type { Moved, ObservedRun, Observer } from "./observer.ts";
import { isResting } from "./resting.ts";
import type { Turn } from "./turn.ts";
import { traceparentOf } from "../observability/traceparent.ts";
import { NO_ITEM } from "./turn-result.ts";

export function observed(run: ActiveRun): ObservedRun {
  const { workspace, workflow, version } = run.identity!;
  return { runId: run.id, workspace, workflow, version, trace: traceparentOf(run.data?.trigger) };
}

/** `now`: milliseconds since 1970 by the store's clock. */
// oxlint-disable-next-line max-params -- whom, of which run, what, and when
export function tellMoved(
  observer: Observer,
  run: ActiveRun,
  { turn, moved }: { readonly turn: Turn; readonly moved: Moved },
  now: number,
): void {
  const { before, state } = moved;
  const ends = isResting(state.status) && !isResting(before);
  const begins = before === "queued" && state.status !== "queued";
  if (!ends && !begins && turn.deadLetters.length === 0) return;
  const subject = observed(run);
  if (begins) observer.runBegan(subject);
  for (const { node, error } of turn.deadLetters)
    observer.deadLetter({ ...subject, node: run.plan!.nodes[node]!.id, item: NO_ITEM }, error);
  if (ends) observer.runEnded(subject, { status: state.status, ms: Math.max(0, now - startOf(run)) });
}

function startOf(run: ActiveRun): number {
  return Date.parse(String(run.data!.run["startedAt"]));
}
