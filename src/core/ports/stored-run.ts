/** A run as the store gives it. */
import type { Json } from "../json.ts";
import type { ErrorRecord } from "../run/event.ts";
import type { FailureState, NodeStatus, RunStatus, WaitReason } from "../run/state.ts";
import type { ParentRef } from "./children.ts";
import type { StoredMessage } from "./message.ts";

export interface RunHeader {
  /** A UUID, in lower case. No run has another kind of id: `gone`, `unknown_run`, `null`; a start with one is `failed`. */
  readonly id: string;
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
  readonly status: RunStatus;
  readonly paused: boolean;
  readonly cancelled: boolean;
  /** What succeeded is to be undone, is being undone, or has been. */
  readonly compensate: boolean;
  /** The compare-and-set counter. */
  readonly seq: number;
  /** Id of the trigger node that fired. */
  readonly trigger: string;
  readonly deadLetters: number;
  readonly labels: { readonly [name: string]: string };
  /** Id of the run that this one repeats. */
  readonly rerunOf: string | null;
  /** The node run that started it; `null`: it is nobody's child. */
  readonly parent: ParentRef | null;
  readonly createdAt: number;
  /** When its status was first another one than `queued`. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export interface NodeRecord {
  readonly node: string;
  /** Place in the mapped list; -1 for a node that does not map. */
  readonly item: number;
  readonly status: NodeStatus;
  readonly outcome: string | null;
  readonly attempt: number;
  readonly fence: number;
  readonly losses: number;
  readonly generation: number;
  readonly dispatches: number;
  readonly worker: string | null;
  readonly waitingFor: WaitReason | null;
  readonly failure: FailureState | null;
  readonly possiblyDuplicated: boolean;
  /** Its input was given by hand: as it came, or as the action's schema has taken it since. `null`: it comes from the template. */
  readonly edited: EditedInput | null;
  readonly deadlineAt: number | null;
  readonly putOffMs: number;
  readonly keyFence: number;
  readonly dueAt: number | null;
  /** Of the commit that made it `queued`, or raised its fence or `dispatches` as such; else `null`. */
  readonly dispatchedAt: number | null;
  /** Of the commit that made it `running` under its present fence, or the last one under which it ran. */
  readonly startedAt: number | null;
  /** Of the commit that ended it; `null` while it has not ended. */
  readonly finishedAt: number | null;
  /** The run's `seq` when this row last changed. */
  readonly seq: number;
  readonly error: ErrorRecord | null;
}

export type EditedInput = "given" | "accepted";

/** A run as it is in the store. Values only where they were asked for. */
export interface StoredRun {
  readonly header: RunHeader;
  /** All rows but those of items, or only those newer than `since`. A node without a row is `pending`. */
  readonly nodes: readonly NodeRecord[];
  /** Of its values in all, those of items included: the sum of what was said with each write. */
  readonly bytes: number;
  /** In the order of arrival. */
  readonly inbox: readonly StoredMessage[];
  readonly input?: Json;
  readonly triggerPayload?: Json;
  /** Of the run; absent where it has none. */
  readonly output?: Json;
  /** By node id; holds what was asked for and exists. That of a map is the list of what its items gave so far. */
  readonly outputs: ReadonlyMap<string, Json>;
}

export interface LoadRequest {
  readonly runId: string;
  /** Only node rows that changed after this `seq`. Default 0: all. */
  readonly since?: number;
  /** Also `input` and `triggerPayload`. */
  readonly withInput?: boolean;
  /** Also the run's `output`. */
  readonly withOutput?: boolean;
  /** Also the outputs of these nodes, where they have one. */
  readonly outputs?: readonly string[];
}
