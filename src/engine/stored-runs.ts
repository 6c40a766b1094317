/**
 * How many runs a workspace has stored, as far as one process knows: counted now and then, with what is started here meanwhile. A count costs
 * more the more there are, so one that took long is kept longer.
 */
const COUNT_MS = 2_000;
/** At most so little of one connection's time goes into counting for one workspace, in each process. */
const COUNT_SHARE = 0.02;
const MOST_COUNTED = 10_000;

export interface StoredRunsParts {
  /** Up to `most`. */
  readonly count: (workspace: string, most: number) => Promise<number>;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
}

interface Counted {
  runs: number;
  /** Nobody counted further. */
  readonly most: number;
  readonly until: number;
}

export class StoredRuns {
  readonly #parts: StoredRunsParts;
  readonly #counted = new Map<string, Counted>();
  readonly #counting = new Map<string, Promise<Counted>>();

  constructor(parts: StoredRunsParts) {
    this.#parts = parts;
  }

  /** `false`: with these there are more than `most`, and they are not counted in. */
  async take(workspace: string, most: number, starts: number): Promise<boolean> {
    let counted = this.#counted.get(workspace);
    if (!counted || counted.most !== most || this.#parts.now() >= counted.until)
      counted = await this.#counts(workspace, most);
    if (counted.runs + starts > most) return false;
    counted.runs += starts;
    return true;
  }

  /** They are not stored after all. */
  giveBack(workspace: string, starts: number): void {
    const counted = this.#counted.get(workspace);
    if (counted) counted.runs -= starts;
  }

  /** Whoever asks while somebody counts has the same count. */
  #counts(workspace: string, most: number): Promise<Counted> {
    const key = `${most} ${workspace}`;
    const known = this.#counting.get(key);
    if (known) return known;
    const counting = this.#count(workspace, most).finally(() => this.#counting.delete(key));
    this.#counting.set(key, counting);
    return counting;
  }

  async #count(workspace: string, most: number): Promise<Counted> {
    const { count, now } = this.#parts;
    const begun = now();
    const runs = await count(workspace, most);
    const ended = now();
    const until = ended + Math.max(COUNT_MS, (ended - begun) / COUNT_SHARE);
    const counted = { runs, most, until };
    this.#counted.delete(workspace);
    this.#counted.set(workspace, counted);
    if (this.#counted.size > MOST_COUNTED) this.#counted.delete(this.#counted.keys().next().value!);
    return counted;
  }
}
