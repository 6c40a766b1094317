/** What this worker knows of all workers, itself among them, as of its last heartbeat: for fair shares, and for what it cannot run itself. */
export class Peers {
  live = 1;
  /** Actions that some workers have and others lack, with the part of the workers that have them. */
  scarce: ReadonlyMap<string, number> = new Map();

  /** This worker's fair part of so many ready nodes. */
  share(ready: number): number {
    return Math.max(1, Math.ceil(ready / Math.max(1, this.live)));
  }

  /** The part of the workers that have an action, from 0 to 1. `isHere`: this one has it. */
  having(action: string, isHere: boolean): number {
    return this.scarce.get(action) ?? (isHere ? 1 : 0);
  }
}
