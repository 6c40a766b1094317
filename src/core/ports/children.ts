/** Child runs: what a run knows of the node that started it, and how that node gets to know of its end. */
import type { Json } from "../json.ts";
import type { RunStatus } from "../run/state.ts";

/** The node run that started a run and waits for its end. */
export interface ParentRef {
  readonly runId: string;
  readonly node: string;
  /** Its place in the list, where the node runs once per item. */
  readonly item?: number;
  /** The generation of the node run: another one starts another child. */
  readonly generation: number;
  /** The run at the top. */
  readonly root: string;
  /** 1 for the child of a run that has no parent. */
  readonly depth: number;
}

/** A run came to rest that was started by an item of a map, and nobody has said yet that the item knows. */
export interface ItemChildEnd {
  /** Of the child. */
  readonly runId: string;
  readonly seq: number;
  readonly parent: ParentRef;
  readonly workflow: string;
  /** As it is now: it may have gone on meanwhile, and ends once more. */
  readonly status: RunStatus;
  /** `null` unless it succeeded. */
  readonly output: Json;
}

export interface ChildStore {
  /** Ends of children of items, the same ones until they are forgotten. */
  itemChildEnds(limit: number): Promise<readonly ItemChildEnd[]>;
  /** The items know, or there is nobody to be told. */
  forgetChildEnds(ends: readonly Pick<ItemChildEnd, "runId" | "seq">[]): Promise<void>;
  /**
   * Tells the parents of runs that came to rest, but for children of items, by a message `childEnded` each, and gives the ids of those that were told. Every time
   * that a run comes to rest, or to another one, is told once; parents that do not exist any more are left out, and those that somebody
   * holds at this moment come later. A child that goes on again meanwhile is told of when it rests.
   */
  tellParents(limit: number): Promise<readonly string[]>;
}
