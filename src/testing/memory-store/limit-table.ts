/** What is set for workspaces. */
import type { JsonObject } from "../../core/json.ts";
import type { LimitStore, StoredLimits } from "../../core/ports/limits.ts";

interface Row {
  readonly plan: string | null;
  readonly text: string;
  readonly setAt: number;
}

export class LimitTable implements LimitStore {
  readonly #rows = new Map<string, Row>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  async set({ workspace, plan, limits }: StoredLimits): Promise<void> {
    this.#rows.set(workspace, { plan, text: JSON.stringify(limits), setAt: this.#now() });
  }

  async get(workspace: string): Promise<StoredLimits | null> {
    const row = this.#rows.get(workspace);
    return row ? storedLimits(workspace, row) : null;
  }

  async since(
    time: number | null,
  ): Promise<{ readonly now: number; readonly limits: readonly StoredLimits[] }> {
    const rows = [...this.#rows].filter(([, { setAt }]) => time === null || setAt >= time);
    return { now: this.#now(), limits: rows.map(([workspace, row]) => storedLimits(workspace, row)) };
  }

  forget(workspace: string): void {
    this.#rows.delete(workspace);
  }
}

function storedLimits(workspace: string, { plan, text }: Row): StoredLimits {
  return { workspace, plan, limits: JSON.parse(text) as JsonObject };
}
