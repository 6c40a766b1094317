/**
 * What a maintenance loop has asked of runs. A run that cannot be read now (its rows are locked, its definition cannot be compiled)
 * answers late or never, and must not hold up the loop that serves all others.
 */
import type { NodeRef } from "../../core/ports/store.ts";
import type { IntentResult } from "../intent.ts";

/** How long a round waits for answers. */
const PATIENCE_MS = 2_000;

export class UnderWay {
  readonly #keys = new Set<string>();

  /**
   * Asks for each of these, but not again for what has not answered yet. Resolves when all have answered, and after
   * `patienceMs` at the latest, with the number of those that were applied.
   */
  async ask<Ref>(
    refs: readonly Ref[],
    ask: { readonly keyOf: (ref: Ref) => string; readonly submit: (ref: Ref) => Promise<IntentResult> },
    patienceMs: number = PATIENCE_MS,
  ): Promise<number> {
    let applied = 0;
    const answers = refs.flatMap((ref) => {
      const key = ask.keyOf(ref);
      if (this.#keys.has(key)) return [];
      this.#keys.add(key);
      const answer = ask.submit(ref).finally(() => this.#keys.delete(key));
      return [answer.then((result) => void (applied += Number(result === "applied")))];
    });
    await within(patienceMs, Promise.all(answers));
    return applied;
  }
}

/** What is asked of many together, of which so many were taken. */
export function resultOf(taken: number): IntentResult {
  return taken > 0 ? "applied" : "stale";
}

/** A node run under one fence. */
export function keyOf({ runId, node, item, fence }: NodeRef): string {
  return `${runId} ${node} ${item} ${fence}`;
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const deadline = Promise.withResolvers<void>();
  const timer = setTimeout(deadline.resolve, ms);
  try {
    await Promise.race([work, deadline.promise]);
  } finally {
    clearTimeout(timer);
  }
}
