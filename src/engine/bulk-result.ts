/** What a call for many came to. */
export interface BulkResult {
  readonly done: number;
  readonly refused: number;
  /** How many were refused with which code. */
  readonly reasons: { readonly [code: string]: number };
  /** The first 100 that were refused. */
  readonly examples: readonly { readonly id: string; readonly code: string; readonly message: string }[];
}

const MAX_EXAMPLES = 100;

/** Counts what a call for many does. */
export class BulkCount {
  #done = 0;
  #refused = 0;
  readonly #reasons: Record<string, number> = {};
  readonly #examples: BulkResult["examples"][number][] = [];

  add(done: number): void {
    this.#done += done;
  }

  refuse(id: string, { code, message }: { readonly code: string; readonly message: string }): void {
    this.#refused++;
    this.#reasons[code] = (this.#reasons[code] ?? 0) + 1;
    if (this.#examples.length < MAX_EXAMPLES) this.#examples.push({ id, code, message });
  }

  get result(): BulkResult {
    return {
      done: this.#done,
      refused: this.#refused,
      reasons: { ...this.#reasons },
      examples: [...this.#examples],
    };
  }
}
