/** Polls, which follow the triggers of the newest versions, and the items that they have seen. */
import { isDeepStrictEqual } from "node:util";
import type { PollSource } from "../../core/definition/document.ts";
import { boundTriggers } from "../../core/graph/bound-triggers.ts";
import type {
  DuePoll,
  PollEnd,
  PollPlace,
  PollRecord,
  PollSeries,
  PollStore,
} from "../../core/ports/polls.ts";
import type { WorkflowTable } from "./workflow-table.ts";
import { rowsByWorkspaceKey, type WorkspaceRows } from "./workspace-table.ts";

interface PollTrigger extends PollPlace {
  readonly source: PollSource;
  readonly version: number;
  readonly enabled: boolean;
}

interface PollTableParts {
  readonly workflows: WorkflowTable;
  readonly now: () => number;
  readonly isAlive: (worker: string) => boolean;
}

export class PollTable implements PollStore {
  readonly #parts: PollTableParts;
  readonly #rows = new Map<string, PollRecord>();
  /** By poll and series: when each item was seen last. */
  readonly #items = new Map<string, Map<string, number>>();

  /** Items are counted with their poll. */
  readonly ofWorkspaces: WorkspaceRows = {
    ...rowsByWorkspaceKey(this.#rows),
    forget: (workspace) => {
      rowsByWorkspaceKey(this.#rows).forget(workspace);
      rowsByWorkspaceKey(this.#items).forget(workspace);
    },
  };

  constructor(parts: PollTableParts) {
    this.#parts = parts;
  }

  async sync(): Promise<void> {
    const now = this.#parts.now();
    const there = new Map(this.#bound().map((trigger) => [keyOf(trigger), trigger]));
    for (const key of this.#rows.keys()) if (!there.has(key)) this.#rows.delete(key);
    for (const [key, trigger] of there) {
      const row = this.#rows.get(key);
      if (!row && trigger.enabled) this.#put(fresh(trigger, now));
      if (!row) continue;
      const next = followed(row, trigger.source, now);
      const isStill = next.stage === "again" && next.holder === null;
      this.#put(
        trigger.enabled || isStill ? next : { ...next, stage: "again", holder: null, rev: next.rev + 1 },
      );
    }
  }

  async due({ worker, actions, limit }: Parameters<PollStore["due"]>[0]): Promise<readonly DuePoll[]> {
    const now = this.#parts.now();
    const isFree = ({ holder }: PollRecord): boolean =>
      holder === null || holder === worker || !this.#parts.isAlive(holder);
    return this.#bound()
      .flatMap(({ version, enabled, ...trigger }): DuePoll[] => {
        const row = this.#rows.get(keyOf(trigger));
        if (!row || !enabled || !isDeepStrictEqual(row.source, trigger.source)) return [];
        const isDue = !row.paused && row.dueAt <= now && actions.includes(row.source.action);
        return isDue && isFree(row) ? [{ ...row, version }] : [];
      })
      .sort((a, b) => a.dueAt - b.dueAt)
      .slice(0, limit);
  }

  async claim(place: PollPlace, rev: number, worker: string): Promise<boolean> {
    const row = this.#rows.get(keyOf(place));
    if (row?.rev !== rev) return false;
    this.#put({ ...row, holder: worker, rev: rev + 1 });
    return true;
  }

  async seen(poll: PollSeries, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const items = this.#items.get(seriesKey(poll));
    return new Set(ids.filter((id) => items?.has(id)));
  }

  async finish(place: PollPlace, rev: number, end: PollEnd): Promise<boolean> {
    const row = this.#rows.get(keyOf(place));
    if (row?.rev !== rev || row.holder === null) return false;
    const now = this.#parts.now();
    const { delayMs, succeeded, seen, stage, cursor, failures, lastItems, lastError, lastRefusal } = end;
    const change = structuredClone({ stage, cursor, failures, lastItems, lastError, lastRefusal });
    const lastAt = succeeded ? now : row.lastAt;
    this.#put({ ...row, ...change, lastAt, dueAt: now + delayMs, holder: null, rev: rev + 1 });
    const key = seriesKey(row);
    const items = this.#items.get(key) ?? new Map<string, number>();
    for (const id of seen) items.set(id, now);
    this.#items.set(key, items);
    return true;
  }

  async setPaused(place: PollPlace, paused: boolean): Promise<boolean> {
    return this.#change(place, () => ({ paused }));
  }

  async hurry(place: PollPlace): Promise<boolean> {
    return this.#change(place, ({ dueAt }) => ({ dueAt: Math.min(dueAt, this.#parts.now()) }));
  }

  async get(place: PollPlace): Promise<PollRecord | null> {
    return this.#rows.get(keyOf(place)) ?? null;
  }

  async list(page: Parameters<PollStore["list"]>[0]): Promise<readonly PollRecord[]> {
    const { workspace, workflow, after, limit } = page;
    return [...this.#rows.values()]
      .filter((row) => row.workspace === workspace && (workflow === undefined || row.workflow === workflow))
      .filter((row) => after === undefined || compare(row, after) > 0)
      .sort(compare)
      .slice(0, limit);
  }

  async expire({ olderThanMs, most }: Parameters<PollStore["expire"]>[0]): Promise<number> {
    const since = this.#parts.now() - olderThanMs;
    const live = new Set([...this.#rows.values()].map(seriesKey));
    let gone = 0;
    for (const [key, items] of this.#items) {
      const newest = [...items].sort(([a, at], [b, bt]) => bt - at || (a < b ? 1 : -1));
      const kept = live.has(key) ? newest.slice(0, most).filter(([, at]) => at >= since) : [];
      gone += items.size - kept.length;
      if (kept.length > 0) this.#items.set(key, new Map(kept));
      else this.#items.delete(key);
    }
    return gone;
  }

  #change(place: PollPlace, change: (row: PollRecord) => Partial<PollRecord>): boolean {
    const row = this.#rows.get(keyOf(place));
    if (row) this.#put({ ...row, ...change(row) });
    return row !== undefined;
  }

  #put(row: PollRecord): void {
    this.#rows.set(keyOf(row), Object.freeze(row));
  }

  #bound(): readonly PollTrigger[] {
    const { workflows } = this.#parts;
    return workflows.newest().flatMap(({ workspace, name: workflow, version, enabled, document }) =>
      boundTriggers(document).flatMap(({ node, source }) => {
        return source.type === "poll" ? [{ workspace, workflow, node, version, enabled, source }] : [];
      }),
    );
  }
}

function fresh({ workspace, workflow, node, source }: PollTrigger, now: number): PollRecord {
  return {
    workspace,
    workflow,
    node,
    source,
    rev: 0,
    paused: false,
    stage: "first",
    series: now,
    cursor: null,
    dueAt: now,
    holder: null,
    failures: 0,
    lastAt: null,
    lastItems: 0,
    lastError: null,
    lastRefusal: null,
  };
}

function followed(row: PollRecord, source: PollSource, now: number): PollRecord {
  if (isDeepStrictEqual(row.source, source)) return row;
  const { action, input = {} } = source;
  if (row.source.action === action && isDeepStrictEqual(row.source.input ?? {}, input))
    return { ...row, source, dueAt: Math.min(row.dueAt, now) };
  const begun = { cursor: null, stage: "first", holder: null, failures: 0, dueAt: now } as const;
  const series = Math.max(row.series + 1, now);
  return { ...row, ...begun, source, series, lastError: null, lastRefusal: null, rev: row.rev + 1 };
}

function keyOf({ workspace, workflow, node }: PollPlace): string {
  return JSON.stringify([workspace, workflow, node]);
}

function seriesKey({ workspace, workflow, node, series }: PollSeries): string {
  return JSON.stringify([workspace, workflow, node, series]);
}

type Within = Pick<PollPlace, "workflow" | "node">;

function compare(a: Within, b: Within): number {
  if (a.workflow !== b.workflow) return a.workflow < b.workflow ? -1 : 1;
  if (a.node !== b.node) return a.node < b.node ? -1 : 1;
  return 0;
}
