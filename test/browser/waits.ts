/** How long somebody at a browser waits for the dashboard. */

const TRIES = 3;
/** Whatever a page asks the server for: so long, and so many times what a page takes that asks for next to nothing. */
const ALLOWED_MS = 1_000;
const ALLOWED_TIMES = 5;

/** Figures of one kind, each the best of some tries: a machine that has much else to do makes tries longer and never shorter. */
export class Waits {
  readonly #title: string;
  readonly #figures = new Map<string, number>();

  constructor(title: string) {
    this.#title = title;
  }

  /** `once` resolves with milliseconds. */
  async measure(what: string, once: () => Promise<number>): Promise<number> {
    let best = Infinity;
    for (let tried = 0; tried < TRIES; tried++) best = Math.min(best, await once());
    this.#figures.set(what, best);
    return best;
  }

  /** Those that took too long. `yardstickMs`: what a page takes here that asks for next to nothing. */
  slow(yardstickMs: number): readonly string[] {
    const most = ALLOWED_MS + ALLOWED_TIMES * yardstickMs;
    return [...this.#figures]
      .filter(([, ms]) => ms > most)
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
