/** Deletes runs that are over. Nothing is left of them, so `clear` has nothing to do. */
import type {
  ExpiredRun,
  ExpiredRuns,
  ExpiredRunsQuery,
  KeepTimes,
  RetentionStore,
} from "../../core/ports/retention.ts";
import type { RunHeader } from "../../core/ports/stored-run.ts";
import type { MemoryRun, Tables } from "./tables.ts";

export interface RetentionTableParts {
  readonly tables: Tables;
  readonly now: () => number;
  readonly isHeld: (runId: string) => boolean;
  /** What else knows runs. */
  readonly others: readonly { forget(runId: string): void }[];
}

export class RetentionTable implements RetentionStore {
  readonly #parts: RetentionTableParts;

  constructor(parts: RetentionTableParts) {
    this.#parts = parts;
  }

  async workspaces({ after = "", limit }: { after?: string; limit: number }): Promise<readonly string[]> {
    const all = new Set([...this.#runs().values()].map(({ header }) => header.workspace));
    return [...all]
      .sort()
      .filter((workspace) => workspace > after)
      .slice(0, limit);
  }

  async expired({ workspace, keep, after, limit }: ExpiredRunsQuery): Promise<ExpiredRuns> {
    const now = this.#parts.now();
    const youngest = now - Math.min(...Object.values(keep).map((ms: number | null) => ms ?? Infinity));
    const looked = [...this.#runs().values()]
      .map(({ header }) => header)
      .filter((header) => header.workspace === workspace && header.createdAt <= youngest)
      .filter((header) => after === undefined || oldestFirst(header, after) > 0)
      .sort(oldestFirst)
      .slice(0, limit);
    const children = this.#children();
    const levels = looked
      .filter(({ parent }) => parent === null || !this.#runs().has(parent.runId))
      .map((top) => ({ root: top.id, levels: levelsOf(top, children) }))
      .filter((tree) => tree.levels.flat().every((header) => isPast(header, keep, now)));
    const deepest = Math.max(0, ...levels.map((tree) => tree.levels.length));
    const runs: ExpiredRun[] = [];
    for (let depth = 0; depth < deepest; depth++)
      for (const tree of levels)
        runs.push(...(tree.levels[depth] ?? []).map((header) => ({ header, root: tree.root })));
    const last = looked.at(-1);
    const next = last && looked.length === limit ? { createdAt: last.createdAt, id: last.id } : null;
    return { runs: runs.slice(0, limit), next };
  }

  async delete(runs: readonly ExpiredRun[]): Promise<readonly string[]> {
    const moved = runs.filter(({ header: { id, seq } }) => {
      return this.#parts.isHeld(id) || this.#runs().get(id)?.header.seq !== seq;
    });
    const kept = new Set(moved.map(({ root }) => root));
    const gone = runs.filter(({ root }) => !kept.has(root)).map(({ header }) => header.id);
    for (const id of gone) this.remove(this.#runs().get(id)!);
    return gone;
  }

  async clear(): Promise<boolean> {
    return false;
  }

  remove(run: MemoryRun): void {
    this.#parts.tables.remove(run);
    for (const other of this.#parts.others) other.forget(run.header.id);
  }

  #runs(): Tables["runs"] {
    return this.#parts.tables.runs;
  }

  #children(): ReadonlyMap<string, readonly RunHeader[]> {
    const headers = [...this.#runs().values()].map(({ header }) => header);
    return Map.groupBy(headers, ({ parent }) => parent?.runId ?? "");
  }
}

function levelsOf(
  top: RunHeader,
  children: ReadonlyMap<string, readonly RunHeader[]>,
): readonly (readonly RunHeader[])[] {
  const levels: (readonly RunHeader[])[] = [];
  for (let level: readonly RunHeader[] = [top]; level.length > 0;) {
    levels.push(level);
    level = level.flatMap(({ id }) => children.get(id) ?? []);
  }
  return levels;
}

function isPast({ status, finishedAt, deadLetters }: RunHeader, keep: KeepTimes, now: number): boolean {
  const rest = status === "succeeded" ? keep.succeeded : status === "failed" ? keep.failed : keep.cancelled;
  const keepMs = deadLetters > 0 ? keep.unresolved : rest;
  return finishedAt !== null && keepMs !== null && finishedAt <= now - keepMs;
}

function oldestFirst(a: Pick<RunHeader, "createdAt" | "id">, b: Pick<RunHeader, "createdAt" | "id">): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
