/**
 * The committer: all transitions of a process go through it. What arrives while a batch is in flight is written by the
 * next one, so that a busy process pays for one commit per batch and not per step.
 *
 * Where more waits than one batch takes, workspaces have their turns: see `CommitLines`.
 *
 * Invariants:
 * - a run is in at most one entry of at most one batch in flight (its `ActiveRun` submits one at a time);
 * - `locked` entries come again in a later batch, unchanged, for at most `lockedMs`; then the caller takes the locked path;
 * - a batch whose outcome is unknown (the reply was lost) answers `unknown` for each entry: the caller reads its run again.
 */
import type { CommitEntry, Verdict } from "../core/ports/commit.ts";
import type { Store } from "../core/ports/store.ts";
import { CommitLines, type LineEntry } from "./commit-lines.ts";

export type Answer = Verdict | { readonly type: "unknown"; readonly error: unknown };

export interface CommitterOptions {
  /** Entries of one batch. Default 500. */
  readonly maxEntries?: number;
  /** Estimated bytes of one batch. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Batches in flight at once. Default 2. */
  readonly inFlight?: number;
  /** How long a `locked` entry is tried again. Default 50. */
  readonly lockedMs?: number;
  /** Is told of every batch that was answered. Default: nobody is. */
  readonly onBatch?: (batch: { readonly entries: number; readonly ms: number }) => void;
}

/** An entry on its way. */
export interface Submission extends LineEntry {
  readonly entry: CommitEntry;
}

interface Waiting extends Submission {
  readonly since: number;
  readonly answer: (answer: Answer) => void;
}

export class Committer {
  readonly #store: Pick<Store, "commit">;
  readonly #options: Required<CommitterOptions>;
  readonly #waiting = new CommitLines<Waiting>();
  #flying = 0;
  #scheduled = false;
  /** Batches sent so far, and entries in them: the figures of the bench. */
  readonly counts: { batches: number; entries: number } = { batches: 0, entries: 0 };

  constructor(store: Pick<Store, "commit">, options: CommitterOptions = {}) {
    this.#store = store;
    this.#options = {
      maxEntries: 500,
      maxBytes: 1 << 20,
      inFlight: 2,
      lockedMs: 50,
      onBatch: () => {},
      ...options,
    };
  }

  /** Never rejects. `bytes`: an estimate of the values in the entry. */
  submit({ entry, workspace, bytes }: Submission): Promise<Answer> {
    return new Promise((answer) => {
      this.#waiting.push({ entry, workspace, bytes, since: performance.now(), answer });
      this.#schedule();
    });
  }

  /** Resolves when nothing waits and nothing is in flight. */
  async idle(): Promise<void> {
    while (this.#waiting.size > 0 || this.#flying > 0) await new Promise(setImmediate);
  }

  #schedule(): void {
    if (this.#scheduled || this.#flying >= this.#options.inFlight) return;
    this.#scheduled = true;
    // Not at once: what the other runs of this turn of the loop submit shall be in the same batch.
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#waiting.size > 0 && this.#flying < this.#options.inFlight)
        void this.#fly(this.#waiting.take(this.#options));
    });
  }

  async #fly(batch: readonly Waiting[]): Promise<void> {
    this.#flying++;
    this.counts.batches++;
    this.counts.entries += batch.length;
    this.#schedule();
    const at = performance.now();
    try {
      const verdicts = await this.#store.commit(batch.map((waiting) => waiting.entry));
      this.#options.onBatch({ entries: batch.length, ms: performance.now() - at });
      batch.forEach((waiting, index) => this.#settle(waiting, verdicts[index]!));
    } catch (error) {
      for (const waiting of batch) waiting.answer({ type: "unknown", error });
    } finally {
      this.#flying--;
      if (this.#waiting.size > 0) this.#schedule();
    }
  }

  #settle(waiting: Waiting, verdict: Verdict): void {
    if (verdict.type === "locked" && performance.now() - waiting.since < this.#options.lockedMs) {
      this.#waiting.push(waiting);
    } else {
      waiting.answer(verdict);
    }
  }
}
