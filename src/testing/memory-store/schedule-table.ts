/** Schedules, which follow the triggers of the newest versions. */
import { isDeepStrictEqual } from "node:util";
import { boundTriggers } from "../../core/graph/bound-triggers.ts";
import type {
  DueSchedule,
  NextTick,
  ScheduleChange,
  SchedulePlace,
  ScheduleRecord,
  ScheduleStore,
  UnsyncedTrigger,
} from "../../core/ports/schedules.ts";
import type { WorkflowTable } from "./workflow-table.ts";
import { rowsByWorkspace, type WorkspaceRows } from "./workspace-table.ts";

interface ScheduleTrigger extends UnsyncedTrigger {
  readonly version: number;
  readonly enabled: boolean;
}

export class ScheduleTable implements ScheduleStore {
  readonly #workflows: WorkflowTable;
  readonly #now: () => number;
  readonly #rows = new Map<string, ScheduleRecord>();
  readonly ofWorkspaces: WorkspaceRows = rowsByWorkspace(this.#rows, ({ workspace }) => workspace);

  constructor(workflows: WorkflowTable, now: () => number) {
    this.#workflows = workflows;
    this.#now = now;
  }

  async unsynced(limit: number): Promise<{ now: number; triggers: readonly UnsyncedTrigger[] }> {
    const triggers = this.#bound().filter(
      (trigger) =>
        trigger.enabled && !isDeepStrictEqual(this.#rows.get(keyOf(trigger))?.source, trigger.source),
    );
    const found = triggers.slice(0, limit).map(({ workspace, workflow, node, source }) => {
      return { workspace, workflow, node, source };
    });
    return { now: this.#now(), triggers: found };
  }

  async sync(trigger: UnsyncedTrigger, { dueAt, fireAt }: NextTick): Promise<void> {
    const bound = this.#bound().find((other) => keyOf(other) === keyOf(trigger));
    const old = this.#rows.get(keyOf(trigger));
    if (!bound?.enabled || !isDeepStrictEqual(bound.source, trigger.source)) return;
    if (old && isDeepStrictEqual(old.source, trigger.source)) return;
    const { workspace, workflow, node } = trigger;
    const fresh = { paused: false, lastRun: null, lastDueAt: null, lastError: null, rev: -1 };
    const kept = { ...fresh, ...old };
    const source = structuredClone(trigger.source);
    const rev = kept.rev + 1;
    this.#put({ ...kept, workspace, workflow, node, source, dueAt, fireAt, held: false, rev });
  }

  async prune(): Promise<number> {
    const there = new Map(this.#bound().map((trigger) => [keyOf(trigger), trigger]));
    const gone = [...this.#rows.keys()].filter((key) => {
      const trigger = there.get(key);
      return !trigger || !(trigger.enabled || this.#rows.get(key)?.paused);
    });
    for (const key of gone) this.#rows.delete(key);
    return gone.length;
  }

  async due(limit: number): Promise<{ now: number; schedules: readonly DueSchedule[] }> {
    const now = this.#now();
    const schedules = this.#bound().flatMap(({ version, enabled, ...trigger }): DueSchedule[] => {
      const row = this.#rows.get(keyOf(trigger));
      const isDue = enabled && row && !row.paused && row.fireAt !== null && row.fireAt <= now;
      return isDue && isDeepStrictEqual(row.source, trigger.source) ? [{ ...row, version }] : [];
    });
    return { now, schedules: schedules.sort((a, b) => a.fireAt! - b.fireAt!).slice(0, limit) };
  }

  async advance(place: SchedulePlace, rev: number, change: ScheduleChange): Promise<boolean> {
    const row = this.#rows.get(keyOf(place));
    if (row?.rev !== rev) return false;
    const { paused, dueAt, fireAt, held, lastRun, lastDueAt, lastError } = change;
    this.#put({ ...row, paused, dueAt, fireAt, held, lastRun, lastDueAt, lastError, rev: rev + 1 });
    return true;
  }

  async get(place: SchedulePlace): Promise<ScheduleRecord | null> {
    return this.#rows.get(keyOf(place)) ?? null;
  }

  async list(page: Parameters<ScheduleStore["list"]>[0]): Promise<readonly ScheduleRecord[]> {
    const { workspace, after, limit } = page;
    return [...this.#rows.values()]
      .filter((row) => row.workspace === workspace && (after === undefined || compare(row, after) > 0))
      .sort(compare)
      .slice(0, limit);
  }

  #put(row: ScheduleRecord): void {
    this.#rows.set(keyOf(row), Object.freeze(row));
  }

  #bound(): readonly ScheduleTrigger[] {
    return this.#workflows.newest().flatMap(({ workspace, name: workflow, version, enabled, document }) =>
      boundTriggers(document).flatMap(({ node, source }) => {
        return source.type === "schedule" ? [{ workspace, workflow, node, version, enabled, source }] : [];
      }),
    );
  }
}

function keyOf({ workspace, workflow, node }: SchedulePlace): string {
  return JSON.stringify([workspace, workflow, node]);
}

type Within = Pick<SchedulePlace, "workflow" | "node">;

function compare(a: Within, b: Within): number {
  if (a.workflow !== b.workflow) return a.workflow < b.workflow ? -1 : 1;
  if (a.node !== b.node) return a.node < b.node ? -1 : 1;
  return 0;
}
