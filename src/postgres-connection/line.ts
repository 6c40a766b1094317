/**
 * The line before the few connections of a pool. The driver's pool gives everybody who waits the same time, so that a burst of calls that it works off one by
 * one fails at its end, with a server that does all it can. Here nobody is sent away while the line moves: only where no connection was lent
 * for that time.
 */
export interface LineOptions {
  /** So many are let through at once. */
  readonly places: number;
  /** So long one waits in a line that does not move. 0: for ever. */
  readonly standMs: number;
}

interface Waiting {
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Line {
  readonly #options: LineOptions;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  #free: number;
  #movedAt = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#free = options.places;
  }

  /** Whoever is let through calls `leave` in the end. Rejects where the line stands still. */
  enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.#waiting.add({ since: performance.now(), resolve, reject });
      this.#watch();
    });
  }

  /** Whoever was let through has what he came for. */
  moved(): void {
    this.#movedAt = performance.now();
  }

  leave(): void {
    const next = this.#first();
    if (!next) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next.resolve();
  }

  #first(): Waiting | undefined {
    const { value } = this.#waiting.values().next();
    return value;
  }

  #watch(): void {
    const { standMs } = this.#options;
    const first = this.#first();
    if (standMs === 0 || this.#timer || !first) return;
    const at = Math.max(first.since, this.#movedAt) + standMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#sendAway();
        this.#watch();
      },
      Math.max(1, Math.ceil(at - performance.now())),
    );
    // A line keeps no process alive; what it waits for does.
    this.#timer.unref();
  }

  #sendAway(): void {
    const { standMs } = this.#options;
    const late = performance.now() - standMs;
    if (this.#movedAt > late) return;
    for (const waiting of this.#waiting) {
      if (waiting.since > late) return;
      this.#waiting.delete(waiting);
      waiting.reject(new Error(`timeout exceeded when trying to connect: none became free in ${standMs} ms`));
    }
  }
}
