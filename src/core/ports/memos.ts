/** Results of parts of a long action, as the store keeps them: they belong to a node run and go with its run. */
import type { Json } from "../json.ts";

/** A node run under one fence. Another generation (a deliberate rerun) has memos of its own. */
export interface MemoRef {
  readonly runId: string;
  readonly node: string;
  readonly item: number;
  readonly fence: number;
  readonly generation: number;
}

/** The part of the store that knows memos. */
export interface MemoStore {
  /** All that was saved for this node run and generation, under whatever fence. */
  memos(ref: MemoRef): Promise<ReadonlyMap<string, Json>>;
  /**
   * Saves a value under a name, in the place of an earlier one. `false`, and nothing is saved: the node run is not `running` under
   * this fence.
   */
  saveMemo(ref: MemoRef, name: string, value: Json): Promise<boolean>;
}
