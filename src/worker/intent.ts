/** What a run is asked to take up, by whom, and with what room. */
import type { StoredMessage } from "../core/ports/store.ts";
import type { RunEvent } from "../core/run/event.ts";

/** What a run is asked to take up. */
export type Intent =
  | { readonly type: "event"; readonly event: RunEvent; readonly possiblyDuplicated?: boolean }
  /** A task names this node: claim it here, or give it back. */
  | { readonly type: "claim"; readonly node: number; readonly fence: number }
  /** A `ready` node that nobody handed over: claim it here if there is room, else hand it over. */
  | { readonly type: "offer"; readonly node: number; readonly fence: number }
  /** A `queued` node whose task was lost. */
  | { readonly type: "resend"; readonly node: number; readonly fence: number }
  /** Only look at the inbox. */
  | { readonly type: "look" };

export type IntentResult = "applied" | "stale" | "refused" | "gone";

/** An intent on its way. A place that comes with it is room in this worker that it may use. */
export interface Pending {
  readonly intent: Intent;
  place: boolean;
  readonly settle: (result: IntentResult) => void;
}

/** What the turn may claim. Absent where this process does not work. */
export interface Workshop {
  readonly workerId: string;
  readonly lanes: ReadonlySet<string>;
  readonly inline: boolean;
  /** Takes up to so many places. */
  take(wanted: number): number;
  /** This worker's fair part of so many ready nodes. */
  share(ready: number): number;
}

/** What a message from outside means to the run. */
export function messageEvent(message: StoredMessage): RunEvent {
  const { id, receivedAt, body } = message;
  switch (body.kind) {
    case "signal":
      return { type: "signalled", id, receivedAt, name: body.name, payload: body.payload };
    case "event":
      return { type: "eventReceived", id, receivedAt, name: body.name, payload: body.payload };
    case "cancel":
      return { type: "cancelled" };
    case "pause":
      return { type: "paused" };
    case "resume":
      return { type: "resumed" };
  }
}
