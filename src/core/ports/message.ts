/** Messages to runs from outside: what they say, how they are sent, and how they are stored. */
import type { Json } from "../json.ts";
import type { ErrorRecord } from "../run/event.ts";

/** Which dead letter is meant: of this node run, under this fence. For another fence the message comes too late. */
interface LetterMessage {
  readonly node: string;
  readonly item: number;
  readonly fence: number;
  /** Who asks for it. */
  readonly by: string | null;
}

export type MessageBody =
  | { readonly kind: "signal"; readonly name: string; readonly payload: Json }
  | { readonly kind: "event"; readonly name: string; readonly payload: Json }
  | { readonly kind: "cancel"; readonly compensate?: boolean }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  /** The run has a place at its gate now. */
  | { readonly kind: "admitted" }
  /** `input` replaces the rendered one. `version`: the run goes on with this one; where it cannot, nothing is done. */
  | ({
      readonly kind: "redrive";
      readonly newKey: boolean;
      readonly input?: Json;
      readonly version?: number;
    } & LetterMessage)
  | ({ readonly kind: "complete"; readonly output: Json; readonly outcome?: string } & LetterMessage)
  | ({ readonly kind: "discard" } & LetterMessage)
  /** The key that this node waits for under this fence was settled. */
  | { readonly kind: "keySettled"; readonly node: string; readonly fence: number }
  /** A child came to rest. `output` is `null` unless it succeeded. */
  | {
      readonly kind: "childEnded";
      readonly node: string;
      readonly generation: number;
      readonly child: string;
      readonly workflow: string;
      readonly status: "succeeded" | "failed" | "cancelled";
      readonly output: Json;
    }
  /** Nothing of the map runs, and nothing will: see the event `mapEnded`. */
  | {
      readonly kind: "mapEnded";
      readonly node: string;
      readonly fence: number;
      readonly open: number;
      readonly failed: number;
      readonly unfinished: number;
      readonly error: ErrorRecord;
    };

export interface StoredMessage {
  readonly id: string;
  readonly receivedAt: number;
  /** Already seen by a commit, and kept for a wait that may come. */
  readonly kept: boolean;
  readonly body: MessageBody;
}

export interface InboxMessage {
  readonly runId: string;
  /** Deterministic where the source can repeat itself: the same id twice is one message. */
  readonly id: string;
  /** Only where the run is of this workspace; of another one it is `unknown_run`. */
  readonly workspace?: string;
  readonly body: MessageBody;
  /**
   * What its values add to the run's. Where those would have more bytes than `limit` in all, with the messages before it in the same
   * call, it is `full`. Default: nothing, and always stored.
   */
  readonly size?: { readonly bytes: number; readonly limit: number };
}

/**
 * A run that is `finished` takes no message, but for a `cancel`, `redrive`, `complete` or `discard` while it has dead letters.
 * `repeated` comes before `finished_run`: a repeated id is recognised for as long as the run exists.
 */
export type AppendResult = "stored" | "repeated" | "unknown_run" | "finished_run" | "full";

export interface ListenerQuery {
  readonly workspace: string;
  readonly event: string;
  /** Only runs that were created at this time or before. Default: whenever. */
  readonly createdBy?: number;
  /** Run id of the last one of the page before. None: from the beginning. */
  readonly after?: string;
  readonly limit: number;
}
