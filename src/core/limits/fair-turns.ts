/**
 * Whose turn it is among workspaces that compete, by their weights: each has a time of its own, which a turn moves on by 1 / weight, and the
 * one that is furthest behind is next. Who had nothing to do begins where the others are: it has saved up nothing.
 */
export interface Contender {
  readonly workspace: string;
  readonly weight: number;
}

/** Workspaces that are remembered; of the others nothing is known but that they had nothing to do for a while. */
const MOST = 10_000;

export class FairTurns {
  readonly #times = new Map<string, number>();
  /** Of the last one whose turn it was. */
  #now = 0;

  /** The one that is next; it is not its turn before `charge` says so. `null`: nobody competes. */
  next<One extends Contender>(contenders: Iterable<One>): One | null {
    let first: One | null = null;
    let earliest = Infinity;
    for (const contender of contenders) {
      const time = this.#timeOf(contender.workspace);
      if (time >= earliest) continue;
      first = contender;
      earliest = time;
    }
    if (first) this.#now = earliest;
    return first;
  }

  /** It has had so many turns. */
  charge({ workspace, weight }: Contender, turns = 1): void {
    const time = this.#timeOf(workspace) + turns / weight;
    // The one that had the last turn is the last one of the map.
    this.#times.delete(workspace);
    this.#times.set(workspace, time);
    if (this.#times.size > MOST) this.#times.delete(this.#times.keys().next().value!);
  }

  /** Shares out so many turns among those who can take them, each at most so many; nothing is charged. */
  share(
    turns: number,
    contenders: readonly (Contender & { readonly most: number })[],
  ): ReadonlyMap<string, number> {
    const shares = new Map<string, number>();
    const planned = new Map(contenders.map(({ workspace }) => [workspace, this.#timeOf(workspace)]));
    const open = new Set(contenders.filter(({ most }) => most > 0));
    for (let left = turns; left > 0 && open.size > 0; left--) {
      let first: (Contender & { readonly most: number }) | null = null;
      for (const each of open)
        if (!first || planned.get(each.workspace)! < planned.get(first.workspace)!) first = each;
      const { workspace, weight, most } = first!;
      const share = (shares.get(workspace) ?? 0) + 1;
      shares.set(workspace, share);
      planned.set(workspace, planned.get(workspace)! + 1 / weight);
      if (share >= most) open.delete(first!);
    }
    return shares;
  }

  #timeOf(workspace: string): number {
    return Math.max(this.#times.get(workspace) ?? 0, this.#now);
  }
}
