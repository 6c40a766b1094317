/** What can happen to a node, and what a history of such facts says about it. */
import type { FailureState, NodeState, NodeStatus, WaitReason } from "../../../src/core/run/state.ts";

export type Fact =
  | { readonly is: "offered" }
  | { readonly is: "handed" }
  | { readonly is: "heldBack"; readonly due: number }
  | { readonly is: "claimed"; readonly by: string }
  /** Tried again at once, by the same worker. */
  | { readonly is: "again" }
  | { readonly is: "released" }
  /** Its attempt told nothing new: it is tried again later, and that one does not count. */
  | { readonly is: "inVain"; readonly due: number }
  | { readonly is: "lost" }
  /** A condition was judged, or a wait that had not to wait. */
  | { readonly is: "decided" }
  | {
      readonly is: "entered";
      readonly reason: WaitReason;
      readonly due: number | null;
      readonly refunded: boolean;
      /** How long somebody else put it off. */
      readonly putOff: number;
    }
  /** An action may start, and is tried no longer than this; or the run has begun, and lasts no longer. */
  | { readonly is: "bounded"; readonly until: number | null }
  /** The run's time is over. */
  | { readonly is: "expired" }
  /** It waits for its child, and somebody looks after that at this time; `null`: nobody has to. */
  | { readonly is: "looked"; readonly due: number | null }
  /** A trigger that fires later. */
  | { readonly is: "putOff"; readonly due: number }
  /** A trigger that fires when there is room for the run. */
  | { readonly is: "crowdedOut" }
  | { readonly is: "rendering" }
  | { readonly is: "withdrawn" }
  | {
      readonly is: "ended";
      readonly as: "succeeded" | "failed" | "skipped" | "cancelled";
      readonly outcome: string | null;
    }
  | { readonly is: "parked" }
  /** Its items have had their time: it waits for those that run. */
  | { readonly is: "overdue" }
  /** It waits for its items. */
  | { readonly is: "mapped" }
  /** Items of it are dead letters. */
  | { readonly is: "itemsLeft" }
  | { readonly is: "discarded" }
  /** A dead letter of a run that is undone. */
  | { readonly is: "closed" }
  | { readonly is: "redriven"; readonly newKey: boolean };

export type Told = Omit<NodeState, "open" | "taken">;

const cache = new WeakMap<readonly Fact[], Told>();

/** A history is never changed, only replaced by a longer one. */
export function tell(history: readonly Fact[]): Told {
  let told = cache.get(history);
  if (!told) cache.set(history, (told = count(history)));
  return told;
}

export function isEnded({ status }: Pick<Told, "status">): boolean {
  return ["succeeded", "failed", "skipped", "cancelled"].includes(status);
}

export function isAlive({ status }: Pick<Told, "status">): boolean {
  return ["ready", "queued", "running", "waiting"].includes(status);
}

function count(history: readonly Fact[]): Told {
  const last = history.at(-1);
  return {
    status: statusAfter(last),
    outcome:
      last?.is === "ended" ? last.outcome : hasExpired(history) || isOverdue(history) ? "deadline" : null,
    fence: history.filter(raisesFence).length,
    attempt: attempts(since(history, "redriven")),
    losses: lossesInARow(history),
    generation: history.filter((fact) => fact.is === "redriven" && fact.newKey).length,
    dispatches: since(history, "claimed", "entered", "redriven").filter((fact) => fact.is === "handed")
      .length,
    worker: workerOf(history),
    waitingFor: waitsFor(last),
    dueAt: dueAfter(last),
    failure: failureAfter(last),
    ...boundsOf(history),
  };
}

function dueAfter(last: Fact | undefined): number | null {
  return last !== undefined && "due" in last ? last.due : null;
}

function waitsFor(last: Fact | undefined): Told["waitingFor"] {
  if (last?.is === "mapped" || last?.is === "overdue") return "map";
  if (last?.is === "looked") return "child";
  if (last?.is === "putOff") return "timer";
  if (last?.is === "crowdedOut") return "concurrency";
  return last?.is === "entered" ? last.reason : null;
}

/** Somebody has to do something about it. */
export function isLeft({ failure }: Pick<Told, "failure">): boolean {
  return failure === "open" || failure === "items";
}

/** Until somebody runs it, or an item of it, again. */
function isOverdue(history: readonly Fact[]): boolean {
  const last = history.findLast(({ is }) => is !== "closed")?.is;
  if (last !== "overdue" && last !== "itemsLeft") return false;
  return since(history, "claimed", "bounded").some(({ is }) => is === "overdue");
}

function hasExpired(history: readonly Fact[]): boolean {
  return history.some(({ is }) => is === "expired");
}

/** What bounds a node that has not ended, counted since it was redriven. */
function boundsOf(history: readonly Fact[]): Pick<Told, "deadlineAt" | "putOffMs" | "keyFence"> {
  const keyFence = history.slice(0, keyMade(history)).filter(raisesFence).length;
  if (isEnded({ status: statusAfter(history.at(-1)) })) return { deadlineAt: null, putOffMs: 0, keyFence };
  const lately = since(history, "redriven", "itemsLeft");
  const bound = lately.findLast((fact) => fact.is === "bounded" || fact.is === "overdue");
  const pauses = lately.map((fact) => (fact.is === "entered" ? fact.putOff : 0));
  const putOffMs = pauses.reduce((sum, pause) => sum + pause, 0);
  return { deadlineAt: bound?.is === "bounded" ? bound.until : null, putOffMs, keyFence };
}

/** How long the history was when the present key could be used for the first time: nothing else began before. */
function keyMade(history: readonly Fact[]): number {
  const newKey = history.findLastIndex((fact) => fact.is === "redriven" && fact.newKey) + 1;
  const later = history.slice(newKey);
  const begun = later.findIndex((fact) => raisesFence(fact) && !isKeyWait(fact));
  const unbegun = begun === -1 ? later : later.slice(0, begun);
  return newKey + unbegun.findLastIndex(isKeyWait) + 1;
}

function isKeyWait(fact: Fact): boolean {
  return fact.is === "entered" && fact.reason === "key";
}

function statusAfter(last: Fact | undefined): NodeStatus {
  switch (last?.is) {
    case "offered":
    case "heldBack":
    case "inVain":
      return "ready";
    case "handed":
      return "queued";
    case "claimed":
    case "again":
    case "rendering":
    case "mapped":
    case "overdue":
      return "running";
    case "entered":
    case "looked":
    case "putOff":
    case "crowdedOut":
      return "waiting";
    case "ended":
      return last.as;
    case "parked":
    case "itemsLeft":
    case "closed":
    case "discarded":
      return "failed";
    default:
      return "pending";
  }
}

function failureAfter(last: Fact | undefined): FailureState | null {
  if (last?.is === "parked") return "open";
  if (last?.is === "itemsLeft") return "items";
  if (last?.is === "discarded") return "discarded";
  if (last?.is === "closed") return "compensated";
  return last?.is === "ended" && last.as === "failed" ? "handled" : null;
}

function raisesFence({ is }: Fact): boolean {
  return [
    "claimed",
    "again",
    "released",
    "inVain",
    "lost",
    "decided",
    "entered",
    "redriven",
    "expired",
    "mapped",
    "overdue",
  ].includes(is);
}

/** A try has begun before, or begins later. */
const UNCOUNTED: ReadonlySet<WaitReason> = new Set(["retry", "key", "child"]);

/** Tries that began, without those that do not count. A pause before the next attempt is no try; every other wait is. */
function attempts(history: readonly Fact[]): number {
  let tries = 0;
  for (const fact of history) {
    if (fact.is === "claimed" || fact.is === "again" || fact.is === "decided" || fact.is === "expired")
      tries++;
    if (fact.is === "entered" && !UNCOUNTED.has(fact.reason)) tries++;
    if (fact.is === "inVain") tries--;
    if (fact.is === "released" || fact.is === "lost" || (fact.is === "entered" && fact.refunded)) tries--;
  }
  return tries;
}

function lossesInARow(history: readonly Fact[]): number {
  return since(
    history,
    "again",
    "inVain",
    "entered",
    "ended",
    "parked",
    "itemsLeft",
    "redriven",
    "decided",
  ).filter((fact) => fact.is === "lost").length;
}

/** Who ran it last, unless it was offered, put to sleep, cancelled or started anew since. */
function workerOf(history: readonly Fact[]): string | null {
  let worker: string | null = null;
  for (const fact of history) {
    if (fact.is === "claimed") worker = fact.by;
    else if (fact.is === "inVain") worker = null;
    else if (fact.is === "offered" || fact.is === "entered" || fact.is === "redriven" || fact.is === "mapped")
      worker = null;
    else if (fact.is === "ended" && fact.as === "cancelled") worker = null;
  }
  return worker;
}

function since(history: readonly Fact[], ...marks: readonly Fact["is"][]): readonly Fact[] {
  return history.slice(history.findLastIndex((fact) => marks.includes(fact.is)) + 1);
}
