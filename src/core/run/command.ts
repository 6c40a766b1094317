/** What the shell must do after `advance`. Row changes are not commands: they follow from `changed`. */
import type { Json } from "../json.ts";
import type { ErrorRecord } from "./event.ts";
import type { RunStatus } from "./state.ts";

export type Command =
  /** The node became `ready`: claim it here or hand it to the queue. */
  | { readonly type: "dispatch"; readonly node: number }
  /** The node is `running` again under this fence; start its next attempt after the pause, in this worker. */
  | { readonly type: "retryNow"; readonly node: number; readonly fence: number; readonly delayMs: number }
  /** The node waits; wake it after `delayMs` (the database makes `due_at` from it), or `null`: only a message can wake it. */
  | { readonly type: "schedule"; readonly node: number; readonly delayMs: number | null }
  /** The node's value is decided by the reducer (condition, wait): store it. */
  | {
      readonly type: "record";
      readonly node: number;
      readonly output: Json;
      readonly error: ErrorRecord | null;
    }
  /** The node gave up and nothing handles it. */
  | { readonly type: "deadLetter"; readonly node: number; readonly error: ErrorRecord }
  /** The running action must be told to stop. */
  | { readonly type: "abort"; readonly node: number }
  /** The map may have items to run, or be complete: look at it. */
  | { readonly type: "openMap"; readonly node: number }
  /** The child of the node is to be started, where it is not there yet. `isFirst`: the node has just begun to wait for it. */
  | { readonly type: "openChild"; readonly node: number; readonly isFirst: boolean }
  /** The child of the node is to be cancelled, and the node ends when it has ended. */
  | { readonly type: "cancelChild"; readonly node: number }
  /** `$output` is ready: render the template and feed `succeeded` or `failed` for it. */
  | { readonly type: "renderOutput"; readonly node: number }
  /** This message stays with the run until a wait asks for it; the others given were used up or have no meaning. */
  | { readonly type: "keepMessage"; readonly id: string }
  /** A kept message was used. */
  | { readonly type: "dropMessage"; readonly id: string }
  /** The run came to rest (or to its end). */
  | { readonly type: "finish"; readonly status: Extract<RunStatus, "succeeded" | "failed" | "cancelled"> };
