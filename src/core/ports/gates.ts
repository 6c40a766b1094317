/**
 * How many runs of a workflow are under way at once. A gate is a workflow with a key; a run that is under way has a place at its gate,
 * from the commit that starts it, or lets it in, to the one that brings it to rest. So no place is lost, whatever dies in between.
 */
import type { OnLimit } from "../definition/document.ts";

export interface GateRef {
  readonly workspace: string;
  readonly workflow: string;
  /** Empty: all runs of the workflow. */
  readonly key: string;
}

/** What an entry does at the run's gate. */
export type GateWrite =
  | (GateRef & {
      readonly type: "enter";
      readonly limit: number;
      readonly onLimit: OnLimit;
      /**
       * `take`: only of a start; where no place is free, or somebody waits for one, the verdict is `full`. `wait`: until `admit` gives it
       * one. `over`: a place beyond the limit, for a run that was at rest and goes on.
       */
      readonly as: "take" | "wait" | "over";
      /** It waits only from this time on. Milliseconds since 1970. Default: at once. */
      readonly at?: number;
    })
  | { readonly type: "leave" };

export interface Admitted {
  /** Runs that got a message: `admitted`, or `cancel` where they are the oldest ones of too many. */
  readonly told: readonly string[];
  /** Gates that somebody else was just changing: nothing was done there. */
  readonly busy: readonly GateRef[];
}

/** The part of the store that knows gates. */
export interface GateStore {
  /**
   * Gives free places to those who wait, in the order of their starts; where the one who came last says `cancelOldest`, tells the oldest
   * ones to end. The limit is that of who came last. Waits for nobody but the runs that it tells.
   */
  admit(gates: readonly GateRef[]): Promise<Admitted>;
  /** Gates at which somebody waits whose time has come, in one order, after this one. */
  waitingGates(page: { readonly after?: GateRef; readonly limit: number }): Promise<readonly GateRef[]>;
}
