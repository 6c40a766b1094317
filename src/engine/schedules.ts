/** `engine.schedules`: the schedules of a workspace, which its workflows' triggers make. */
import { z } from "zod";
import { FlowForgeError } from "../core/errors.ts";
import type { ScheduleChange, SchedulePlace, ScheduleRecord } from "../core/ports/schedules.ts";
import type { Page, Store } from "../core/ports/store.ts";
import { parseTime } from "../core/graph/until.ts";
import { timingOf } from "../core/schedule/timing.ts";
import { newRunId, tickRunId } from "../worker/run-id.ts";
import { changeOf, syncSchedules, tickAfter, type TickRuns } from "../worker/ticks.ts";
import { inWorkspaceSchema, type InWorkspace, workspaceOf } from "./call-options.ts";
import type { RunControl } from "./run-control.ts";
import type { RunsApi } from "./runs.ts";
import type { TimeInput } from "./start-time.ts";

/** Which schedule: that of a trigger node of a workflow. */
export interface ScheduleOf extends InWorkspace {
  readonly workflow: string;
  /** Id of the trigger node. */
  readonly trigger: string;
}

export interface ListSchedulesOptions extends InWorkspace {
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

export interface BackfillOptions extends ScheduleOf {
  /** Ticks from this time on ... */
  readonly from: TimeInput;
  /** ... and before this one. */
  readonly to: TimeInput;
}

/** A schedule, and where it stands. Times are milliseconds since 1970. */
export interface Schedule {
  readonly workspace: string;
  readonly workflow: string;
  readonly trigger: string;
  readonly source: ScheduleRecord["source"];
  readonly paused: boolean;
  /** The next tick, or the oldest one that waits for the run before it. `null`: there is none left. */
  readonly nextAt: number | null;
  readonly lastRun: string | null;
  /** The tick of `lastRun`. */
  readonly lastAt: number | null;
  /** Why the last tick could not be started; `null`: it was. */
  readonly lastError: string | null;
}

/** How many ticks a call looks at. */
const MAX_TICKS = 1_000;
const TRIES = 20;

const ofSchema: z.ZodObject = inWorkspaceSchema.extend({
  workflow: z.string().min(1).max(128),
  trigger: z.string().min(1).max(128),
});
const nextSchema: z.ZodObject = ofSchema.extend({ count: z.int().min(1).max(MAX_TICKS) });
const backfillSchema: z.ZodObject = ofSchema.extend({ from: z.unknown(), to: z.unknown() });
const listSchema: z.ZodObject = inWorkspaceSchema.extend({
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});

export interface SchedulesParts {
  readonly store: Store;
  readonly runs: RunsApi;
}

/** What the ticker asks of the engine. The parts are made after the worker that calls these. */
export function tickRuns(parts: { runs: () => RunsApi; control: () => RunControl }): TickRuns {
  return {
    start: (tick) => parts.runs().startTick(tick),
    cancel: async ({ runId, workspace }) => {
      try {
        await parts.control().operate("cancel", runId, { workspace });
      } catch (error) {
        const isOver = FlowForgeError.is(error) && ["run_finished", "run_not_found"].includes(error.code);
        if (!isOver) throw error;
      }
    },
  };
}

export class SchedulesApi {
  readonly #parts: SchedulesParts;

  /** @internal */
  constructor(parts: SchedulesParts) {
    this.#parts = parts;
  }

  /** By workflow and trigger, page by page. Throws `option_invalid`. */
  async list(options: ListSchedulesOptions = {}): Promise<Page<Schedule>> {
    const workspace = workspaceOf(options, "schedules.list", listSchema);
    const { cursor, limit = 100 } = options;
    const { store } = this.#parts;
    await syncSchedules(store);
    const after = cursor === undefined ? {} : { after: placeOf(cursor) };
    const found = await store.schedules.list({ workspace, limit: limit + 1, ...after });
    const items = found.slice(0, limit);
    const last = found.length > limit ? items.at(-1) : undefined;
    return { items: items.map(shown), cursor: last ? cursorOf(last) : null };
  }

  /** `null`: there is none. Throws `option_invalid`. */
  async get(options: ScheduleOf): Promise<Schedule | null> {
    const record = await this.#find(placeIn(options, "schedules.get"));
    return record && shown(record);
  }

  /** From now on nothing is due, also with another version of the workflow. Twice is once. Throws `schedule_not_found`. */
  async pause(options: ScheduleOf): Promise<void> {
    await this.#change(placeIn(options, "schedules.pause"), async () => ({ paused: true, held: false }));
  }

  /** Goes on with the first tick from now on: what fell due meanwhile is not made up for. Throws `schedule_not_found`. */
  async resume(options: ScheduleOf): Promise<void> {
    const place = placeIn(options, "schedules.resume");
    await this.#change(place, async ({ paused, source }) =>
      paused ? { paused: false, ...tickAfter(place, source, await this.#parts.store.now()) } : null,
    );
  }

  /** The next ticks from now on, whether it is paused or not; fewer where there are no more. 1 to 1,000. Throws `schedule_not_found`. */
  async next(options: ScheduleOf & { readonly count: number }): Promise<readonly number[]> {
    const place = placeIn(options, "schedules.next", nextSchema);
    const { source } = await this.#existing(place);
    const timing = timingOf(source);
    const ticks: number[] = [];
    let at = timing.nextTick(await this.#parts.store.now());
    for (; at !== null && ticks.length < options.count; at = timing.nextTick(at)) ticks.push(at);
    return ticks;
  }

  /**
   * Starts a run for every tick from `from` on and before `to`, whatever the schedule's policies say, at most 1,000. A tick that has a run
   * already gets no other one, so the call may be repeated. Resolves with the ids of all their runs, in the order of the ticks.
   *
   * Throws `schedule_not_found`, `option_invalid` (too many ticks, say), and what `runs.start` throws.
   */
  async backfill(options: BackfillOptions): Promise<readonly string[]> {
    const place = placeIn(options, "schedules.backfill", backfillSchema);
    const from = timeOf("from", options.from);
    const to = timeOf("to", options.to);
    const { source } = await this.#existing(place);
    const timing = timingOf(source);
    const ticks: number[] = [];
    for (let at = timing.nextTick(from - 1); at !== null && at < to; at = timing.nextTick(at)) {
      if (ticks.length === MAX_TICKS) throw tooManyTicks();
      ticks.push(at);
    }
    const version = await this.#version(place);
    const started: string[] = [];
    for (const dueAt of ticks) {
      const runId = tickRunId(place, dueAt);
      await this.#parts.runs.startTick({ runId, place, version, dueAt });
      started.push(runId);
    }
    return started;
  }

  /** Starts a run as for a tick that is due now, and leaves the schedule as it is. Throws `schedule_not_found`, and what `runs.start` throws. */
  async trigger(options: ScheduleOf): Promise<{ readonly runId: string }> {
    const place = placeIn(options, "schedules.trigger");
    await this.#existing(place);
    const dueAt = await this.#parts.store.now();
    const runId = newRunId(dueAt);
    await this.#parts.runs.startTick({ runId, place, version: await this.#version(place), dueAt });
    return { runId };
  }

  async #find(place: SchedulePlace): Promise<ScheduleRecord | null> {
    const { store } = this.#parts;
    const known = await store.schedules.get(place);
    if (known) return known;
    // No ticker has seen a workflow that was registered just now.
    await syncSchedules(store);
    return store.schedules.get(place);
  }

  async #existing(place: SchedulePlace): Promise<ScheduleRecord> {
    const record = await this.#find(place);
    if (record) return record;
    const { workspace, workflow, node } = place;
    throw new FlowForgeError("schedule_not_found", {
      subject: `schedule "${node}" of workflow "${workflow}" in workspace "${workspace}"`,
      next: "Give the workflow's newest version a trigger with this id and a source of the type schedule, or enable the workflow.",
    });
  }

  async #version({ workspace, workflow }: SchedulePlace): Promise<number> {
    const version = await this.#parts.store.workflow(workspace, workflow);
    return version?.version ?? 1;
  }

  /** Tickers write to it as well, each for a moment. */
  async #change(
    place: SchedulePlace,
    decide: (record: ScheduleRecord) => Promise<Partial<ScheduleChange> | null>,
  ): Promise<void> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const record = await this.#existing(place);
      const change = await decide(record);
      if (!change) return;
      if (await this.#parts.store.schedules.advance(place, record.rev, changeOf(record, change))) return;
    }
    throw new FlowForgeError("internal", {
      subject: `schedule "${place.node}" of workflow "${place.workflow}"`,
      next: "It changes all the time; try again.",
    });
  }
}

function placeIn(options: ScheduleOf, call: string, schema = ofSchema): SchedulePlace {
  const workspace = workspaceOf(options, call, schema);
  return { workspace, workflow: options.workflow, node: options.trigger };
}

function shown(record: ScheduleRecord): Schedule {
  const { workspace, workflow, node: trigger, source, paused, dueAt, lastRun, lastDueAt, lastError } = record;
  const last = { lastRun, lastAt: lastDueAt, lastError };
  return { workspace, workflow, trigger, source, paused, nextAt: dueAt, ...last };
}

/** Names of workflows and nodes hold no space. */
function cursorOf({ workflow, node }: ScheduleRecord): string {
  return `${workflow} ${node}`;
}

function placeOf(cursor: string): { readonly workflow: string; readonly node: string } {
  const [workflow = "", node = ""] = cursor.split(" ", 2);
  return { workflow, node };
}

function timeOf(option: "from" | "to", given: TimeInput): number {
  const time = parseTime(given instanceof Date ? given.getTime() : given);
  if (time !== null) return Math.ceil(time);
  throw new FlowForgeError("option_invalid", {
    subject: `option "${option}" of schedules.backfill`,
    expected: "a time: a Date, ISO 8601 text with a zone, or milliseconds since 1970",
    next: "Write it like 2030-01-31T09:00:00Z.",
  });
}

function tooManyTicks(): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: 'options "from" and "to" of schedules.backfill',
    expected: `at most ${MAX_TICKS} ticks`,
    received: "more",
    next: "Nothing was started. Take a shorter span, one after the other.",
  });
}
