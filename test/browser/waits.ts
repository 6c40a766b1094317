/** How long somebody at a browser waits for the dashboard. */

const TRIES = 3;
/** Whatever a page asks the server for: so long, and so many times what a page takes that asks for next to nothing. */
const ALLOWED_MS = 1_000;
const ALLOWED_TIMES = 5;

/** How long one may wait at most. `yardstickMs`: what a page takes here that asks for next to nothing. */
export function boundOf(yardstickMs: number): number {
  return ALLOWED_MS + ALLOWED_TIMES * yardstickMs;
}

/** Figures of one kind, each the best of some tries: a machine that has much else to do makes tries longer and never shorter. */
export class Waits {
  readonly #title: string;
  readonly #figures = new Map<string, number>();

  constructor(title: string) {
    this.#title = title;
  }

  /** `once` resolves with milliseconds. A try that took no longer than `enoughMs` is the last one. Default 0: all tries are made. */
  async measure(what: string, once: () => Promise<number>, enoughMs = 0): Promise<number> {
    let best = Infinity;
    for (let tried = 0; tried < TRIES && best > enoughMs; tried++) best = Math.min(best, await once());
    this.#figures.set(what, best);
    return best;
  }

  /** Those that took too long. */
  slow(mostMs: number): readonly string[] {
    return [...this.#figures]
      .filter(([, ms]) => ms > mostMs)
      .map(([what, ms]) => `${what}: ${Math.round(ms)} ms`);
  }

  table(): string {
    const lines = [...this.#figures].map(
      ([what, ms]) => `${what.padEnd(44)} ${String(Math.round(ms)).padStart(6)}`,
    );
    return [`${this.#title}, in milliseconds, best of ${TRIES}:`, ...lines].join("\n");
  }
}

/** Milliseconds until what was done has had its effect. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}
