/** What a run is asked to take up, by whom, and with what room. */
import type { BreakerKey } from "../core/breaker/key.ts";
import type { ItemWrite } from "../core/ports/maps.ts";
import type { MessageBody, StoredMessage } from "../core/ports/message.ts";
import type { Store } from "../core/ports/store.ts";
import type { Command } from "../core/run/command.ts";
import type { ErrorRecord, Event, RunEvent } from "../core/run/event.ts";
import type { BreakerUse } from "./breakers/breaker-uses.ts";
import type { ReportBody } from "./reports.ts";

/** What a run is asked to take up. */
export type Intent =
  | {
      readonly type: "event";
      readonly event: RunEvent;
      readonly possiblyDuplicated?: boolean;
      /** Of the output, where that was measured already. */
      readonly bytes?: number;
    }
  /** A task names this node of this version: claim it here, or give it back. */
  | {
      readonly type: "claim";
      readonly node: number;
      readonly fence: number;
      readonly version: number;
      /** It waited for room, and not in the queue. */
      readonly isFromLine: boolean;
    }
  /** A `ready` node that nobody handed over: claim it here if there is room, else hand it over. */
  | { readonly type: "offer"; readonly node: number; readonly fence: number }
  /** A `queued` node whose task was lost. */
  | { readonly type: "resend"; readonly node: number; readonly fence: number }
  /** A `queued` node that waited here for room and got none: it waits in line. */
  | { readonly type: "hold"; readonly node: number; readonly fence: number }
  /** Only look at the inbox. */
  | { readonly type: "look" };

/** `taken`, `locked` and `full`: of a start. Its key belongs to another run, somebody is just taking it, or there is no room. */
export type IntentResult = "applied" | "stale" | "refused" | "gone" | "taken" | "locked" | "full";

/** An intent on its way. */
export interface Pending {
  readonly intent: Intent;
  /** Whose place comes with it: room in this worker that it may use. `null`: none does. */
  readonly place: string | null;
  /** The intent is committed so, in a transaction that is open already: once, alone, and only where it is not stale. */
  readonly commit?: Store["commitLocked"];
  readonly settle: (result: IntentResult) => void;
}

/** An execution has ended with it, and its place comes along. */
export function isEnd({ place, intent }: Pending): boolean {
  return place !== null && intent.type === "event";
}

export function isFromLine({ intent }: Pending): boolean {
  return intent.type === "claim" && intent.isFromLine;
}

/** What the turn may claim. Absent where this process does not work. */
export interface Workshop {
  readonly workerId: string;
  readonly lanes: ReadonlySet<string>;
  readonly inline: boolean;
  /** Takes up to so many places. */
  take(workspace: string, wanted: number): number;
  /** This worker's fair part of so many ready nodes. */
  share(ready: number): number;
  /** Of the workers, those that have this action: from 0, nobody, to 1. */
  having(action: string): number;
  /** The breaker that keeps the node from beginning. `null`, or no such function: none does. */
  refuse?(use: BreakerUse): BreakerKey | null;
}

/** A message about a dead letter. */
export type LetterBody = Extract<MessageBody, { kind: "redrive" | "complete" | "discard" }>;

/** What a message about a dead letter means to its node. */
export function letterEvent(body: LetterBody, node: number): Event<"redriven" | "completed" | "discarded"> {
  switch (body.kind) {
    case "redrive":
      return { type: "redriven", node, newKey: body.newKey || body.input !== undefined };
    case "complete": {
      const { output, outcome } = body;
      return { type: "completed", node, output, ...(outcome === undefined ? {} : { outcome }) };
    }
    case "discard":
      return { type: "discarded", node };
  }
}

/** The version with which the run is to go on. `null`: the one that it has. */
export function movesTo(body: MessageBody): number | null {
  return body.kind === "redrive" ? (body.version ?? null) : null;
}

/** What a message about the dead letter of an item does to the item. */
export function itemChange(body: LetterBody): ItemWrite["change"] {
  switch (body.kind) {
    case "redrive": {
      const { newKey, input } = body;
      return input === undefined ? { type: "redrive", newKey } : { type: "redrive", newKey: true, input };
    }
    case "complete":
      return { type: "complete", output: body.output };
    case "discard":
      return { type: "discard" };
  }
}

/** What another message from outside means to the run. */
export function messageEvent(
  { id, receivedAt }: StoredMessage,
  body: Exclude<MessageBody, LetterBody | ReportBody>,
): RunEvent {
  switch (body.kind) {
    case "signal":
      return { type: "signalled", id, receivedAt, name: body.name, payload: body.payload };
    case "event":
      return { type: "eventReceived", id, receivedAt, name: body.name, payload: body.payload };
    case "cancel":
      return { type: "cancelled", compensate: body.compensate ?? false };
    case "pause":
      return { type: "paused" };
    case "resume":
      return { type: "resumed" };
    case "admitted":
      return { type: "admitted" };
  }
}

/** The failure that no other attempt follows. */
export function permanently(failed: {
  readonly node: number;
  readonly fence: number;
  readonly error: ErrorRecord;
}): RunEvent {
  const never = {
    verdict: { type: "permanent" },
    retry: { immediate: 0, backoffMs: [] },
    random: 0,
  } as const;
  return { type: "failed", ...failed, ...never };
}

export type Failure = Extract<RunEvent, { type: "failed" | "leaseLost" }>;

/** An attempt that is put on record. To find that something is not there yet is no failure. */
export function isFailure(event: RunEvent): event is Failure {
  return (event.type === "failed" || event.type === "leaseLost") && event.verdict.type !== "notYet";
}

/** The error with which this command ends the node. */
export function errorOf(command: Command, node: number): ErrorRecord | null {
  return (command.type === "deadLetter" || command.type === "record") && command.node === node
    ? command.error
    : null;
}

/** The intent that takes the place of a success whose output the store cannot write; `null`: it was no such intent. */
export function refusedOutput(intent: Intent, cause: unknown): Intent | null {
  if (intent.type !== "event" || intent.event.type !== "succeeded") return null;
  const { node, fence } = intent.event;
  const error = { class: "invalid_output", message: `The store refused the output: ${String(cause)}` };
  return { type: "event", event: permanently({ node, fence, error }) };
}
