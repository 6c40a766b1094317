/** Schedules, which follow the triggers of the newest versions. */
import { isDeepStrictEqual } from "node:util";
import { boundTriggers } from "../../core/graph/bound-triggers.ts";
import type {
  DueSchedule,
  NamedSchedule,
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

const FRESH = { starts: null, paused: false, lastRun: null, lastDueAt: null, lastError: null, rev: -1 };

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
    const asleep = this.#named().filter(({ row, enabled }) => enabled && sleeps(row));
    const found = [...triggers, ...asleep.map(({ row }) => row)]
      .slice(0, limit)
      .map(({ workspace, workflow, node, source }) => {
        return { workspace, workflow, node, source };
      });
    return { now: this.#now(), triggers: found };
  }

  async sync(trigger: UnsyncedTrigger, { dueAt, fireAt }: NextTick): Promise<void> {
    const old = this.#rows.get(keyOf(trigger));
    if (old?.starts) return this.#wake(old, trigger, { dueAt, fireAt });
    const bound = this.#bound().find((other) => keyOf(other) === keyOf(trigger));
    if (!bound?.enabled || !isDeepStrictEqual(bound.source, trigger.source)) return;
    if (old && isDeepStrictEqual(old.source, trigger.source)) return;
    const { workspace, workflow, node } = trigger;
    const kept = { ...FRESH, ...old };
    const source = structuredClone(trigger.source);
    const rev = kept.rev + 1;
    this.#put({ ...kept, workspace, workflow, node, source, dueAt, fireAt, held: false, rev });
  }

  async prune(): Promise<number> {
    const there = new Map(this.#bound().map((trigger) => [keyOf(trigger), trigger]));
    const gone = [...this.#rows.keys()].filter((key) => {
      const trigger = there.get(key);
      const row = this.#rows.get(key)!;
      return row.starts === null && !(trigger && (trigger.enabled || row.paused));
    });
    for (const key of gone) this.#rows.delete(key);
    for (const { row, enabled } of this.#named())
      if (!enabled && !row.paused && row.fireAt !== null)
        this.#put({ ...row, fireAt: null, held: false, rev: row.rev + 1 });
    return gone.length;
  }

  async due(limit: number): Promise<{ now: number; schedules: readonly DueSchedule[] }> {
    const now = this.#now();
    const isDue = (row: ScheduleRecord): boolean => !row.paused && row.fireAt !== null && row.fireAt <= now;
    const ofTriggers = this.#bound().flatMap(({ version, enabled, ...trigger }): DueSchedule[] => {
      const row = this.#rows.get(keyOf(trigger));
      const isBound = enabled && row && isDeepStrictEqual(row.source, trigger.source);
      return isBound && isDue(row) ? [{ ...row, version }] : [];
    });
    const named = this.#named().flatMap(({ row, version, enabled }) =>
      enabled && isDue(row) ? [{ ...row, version }] : [],
    );
    const schedules = [...ofTriggers, ...named].sort((a, b) => a.fireAt! - b.fireAt!);
    return { now, schedules: schedules.slice(0, limit) };
  }

  async set(schedule: NamedSchedule, { dueAt, fireAt }: NextTick): Promise<ScheduleRecord | null> {
    const { workspace, workflow, node } = schedule;
    if (!this.#workflows.get(workspace, workflow)) return null;
    const old = this.#rows.get(keyOf(schedule));
    const { source, starts } = structuredClone({ source: schedule.source, starts: schedule.starts });
    const isSame = isDeepStrictEqual(old?.source, source);
    if (old && isSame && isDeepStrictEqual(old.starts, starts)) return old;
    const kept = { ...FRESH, ...old };
    const ticks = isSame && old ? {} : { dueAt, fireAt, held: false };
    const row = { dueAt, fireAt, held: false, ...kept, workspace, workflow, node, source, starts, ...ticks };
    return this.#put({ ...row, rev: kept.rev + 1 });
  }

  async delete(place: SchedulePlace): Promise<boolean> {
    const key = keyOf(place);
    return this.#rows.get(key)?.starts ? this.#rows.delete(key) : false;
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
    const { workspace, workflow, after, limit } = page;
    return [...this.#rows.values()]
      .filter((row) => row.workspace === workspace && (workflow === undefined || row.workflow === workflow))
      .filter((row) => after === undefined || compare(row, after) > 0)
      .sort(compare)
      .slice(0, limit);
  }

  #put(row: ScheduleRecord): ScheduleRecord {
    this.#rows.set(keyOf(row), Object.freeze(row));
    return row;
  }

  #wake(row: ScheduleRecord, { source }: UnsyncedTrigger, { dueAt, fireAt }: NextTick): void {
    const isEnabled = this.#named().some((other) => other.row === row && other.enabled);
    if (!isEnabled || !sleeps(row) || !isDeepStrictEqual(row.source, source)) return;
    this.#put({ ...row, dueAt, fireAt, held: false, rev: row.rev + 1 });
  }

  #named(): readonly { row: ScheduleRecord; version: number; enabled: boolean }[] {
    const workflows = this.#workflows.newest();
    return [...this.#rows.values()].flatMap((row) => {
      const of = workflows.find(
        ({ workspace, name }) => workspace === row.workspace && name === row.workflow,
      );
      return row.starts && of ? [{ row, version: of.version, enabled: of.enabled }] : [];
    });
  }

  #bound(): readonly ScheduleTrigger[] {
    return this.#workflows.newest().flatMap(({ workspace, name: workflow, version, enabled, document }) =>
      boundTriggers(document).flatMap(({ node, source }) => {
        return source.type === "schedule" ? [{ workspace, workflow, node, version, enabled, source }] : [];
      }),
    );
  }
}

function sleeps({ fireAt, dueAt }: ScheduleRecord): boolean {
  return fireAt === null && dueAt !== null;
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
