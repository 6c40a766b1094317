/** Child runs: what a run knows of the node that started it, and how that node gets to know of its end. */

/** The node run that started a run and waits for its end. */
export interface ParentRef {
  readonly runId: string;
  readonly node: string;
  /** The generation of the node run: another one starts another child. */
  readonly generation: number;
  /** The run at the top. */
  readonly root: string;
  /** 1 for the child of a run that has no parent. */
  readonly depth: number;
}

export interface ChildStore {
  /**
   * Tells the parents of runs that came to rest, by a message `childEnded` each, and gives the ids of those that were told. Every time
   * that a run comes to rest, or to another one, is told once; parents that do not exist any more are left out, and those that somebody
   * holds at this moment come later. A child that goes on again meanwhile is told of when it rests.
   */
  tellParents(limit: number): Promise<readonly string[]>;
}
