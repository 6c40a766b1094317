/**
 * Retention: deletes runs that are over, a page at a time, and rests for as long as that took, so that at most half of the time of one
 * connection goes into it. Every process walks through all workspaces by itself; what another one has deleted meanwhile is gone.
 */
import type { Logger } from "../../core/ports/logger.ts";
import type { ExpiredRun, KeepTimes, RunPlace } from "../../core/ports/retention.ts";
import type { Store } from "../../core/ports/store.ts";
import type { RunHeader } from "../../core/ports/stored-run.ts";

/** Runs that are looked at, and deleted, at once. */
const PAGE = 500;
/** Rows of each table that are deleted at once. */
const ROWS = 5_000;
/** Between two walks. */
const EVERY_MS = 300_000;

export interface RetentionRules {
  /** Throws: the workspace is passed by. */
  keepTimes(workspace: string): Promise<KeepTimes>;
  /** Throws: these runs stay. */
  onDelete(runs: readonly RunHeader[]): Promise<void>;
  /** Dead letters of the run are open still, and go with it. */
  onUnresolved(run: RunHeader): void;
}

export interface RetentionRoundOptions {
  readonly store: Pick<Store, "retention">;
  readonly rules: RetentionRules;
  readonly logger: Logger;
}

export function retentionRound(options: RetentionRoundOptions): () => Promise<number> {
  const walk = new Walk(options);
  return async () => {
    const startedAt = performance.now();
    // What another process has left behind comes first.
    const clears = await options.store.retention.clear(ROWS);
    const goesOn = clears || (await walk.step());
    return goesOn ? performance.now() - startedAt : EVERY_MS;
  };
}

/** Where a process is among the workspaces and their runs. */
class Walk {
  readonly #options: RetentionRoundOptions;
  #workspaces: readonly string[] = [];
  #last: string | undefined;
  #after: RunPlace | null = null;

  constructor(options: RetentionRoundOptions) {
    this.#options = options;
  }

  /** `false`: it has been everywhere. */
  async step(): Promise<boolean> {
    const { retention } = this.#options.store;
    if (this.#workspaces.length === 0) {
      const after = this.#last === undefined ? {} : { after: this.#last };
      this.#workspaces = await retention.workspaces({ ...after, limit: PAGE });
      this.#last = this.#workspaces.at(-1);
    }
    const [workspace] = this.#workspaces;
    if (workspace === undefined) return false;
    const keep = await this.#keepTimes(workspace);
    const query = { workspace, limit: PAGE, ...(this.#after ? { after: this.#after } : {}) };
    const page = keep ? await retention.expired({ ...query, keep }) : { runs: [], next: null };
    if (page.runs.length > 0) await this.#delete(page.runs);
    this.#after = page.next;
    if (page.next === null) this.#workspaces = this.#workspaces.slice(1);
    return true;
  }

  async #keepTimes(workspace: string): Promise<KeepTimes | null> {
    try {
      return await this.#options.rules.keepTimes(workspace);
    } catch (error) {
      this.#options.logger.error(
        { error, workspace },
        "how long runs of this workspace are kept cannot be told; none is deleted",
      );
      return null;
    }
  }

  async #delete(runs: readonly ExpiredRun[]): Promise<void> {
    const { rules, logger, store } = this.#options;
    const headers = runs.map(({ header }) => header);
    try {
      await rules.onDelete(headers);
    } catch (error) {
      const { workspace } = headers[0]!;
      logger.error({ error, workspace, runs: runs.length }, "retention.onDelete failed; the runs stay");
      return;
    }
    for (const header of headers) if (header.deadLetters > 0) rules.onUnresolved(header);
    await store.retention.delete(runs);
  }
}
