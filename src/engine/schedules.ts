/** `engine.schedules`: the schedules of a workspace, which its workflows' triggers make. */
import { isDeepStrictEqual } from "node:util";
import { FlowForgeError } from "../core/errors.ts";
import type { ScheduleChange, SchedulePlace, ScheduleRecord } from "../core/ports/schedules.ts";
import type { Page, Store } from "../core/ports/store.ts";
import { parseTime } from "../core/graph/until.ts";
import { timingOf } from "../core/schedule/timing.ts";
import { newRunId, tickRunId } from "../worker/run-id.ts";
import { changeOf, syncSchedules, tickAfter, type TickRuns, type TickStart } from "../worker/ticks.ts";
import { workspaceOf } from "./call-options.ts";
import { namedSchedule, neverDue } from "./named-schedule.ts";
import type { FiredStart } from "./prepared-start.ts";
import type { RunControl } from "./run-control.ts";
import type { RunsApi } from "./runs.ts";
import {
  type BackfillOptions,
  backfillSchema,
  type ListSchedulesOptions,
  listSchema,
  MAX_TICKS,
  type NamedScheduleOf,
  nextSchema,
  nodeOfName,
  partsOfNode,
  placeIn,
  type ScheduleOf,
  type SetScheduleOptions,
  setSchema,
} from "./schedule-options.ts";
import type { TimeInput } from "./start-time.ts";

/** A schedule, and where it stands. Times are milliseconds since 1970. */
export interface Schedule {
  readonly workspace: string;
  readonly workflow: string;
  /** Id of the trigger node that makes it; `null`: it was set under a name. */
  readonly trigger: string | null;
  /** `null`: a trigger makes it. */
  readonly name: string | null;
  readonly source: ScheduleRecord["source"];
  /** What its runs are started with, where it was set under a name. */
  readonly starts: ScheduleRecord["starts"];
  readonly paused: boolean;
  /** The next tick, or the oldest one that waits for the run before it. `null`: there is none left. */
  readonly nextAt: number | null;
  readonly lastRun: string | null;
  /** The tick of `lastRun`. */
  readonly lastAt: number | null;
  /** Why the last tick could not be started; `null`: it was. */
  readonly lastError: string | null;
}

const TRIES = 20;

export interface SchedulesParts {
  readonly store: Store;
  readonly runs: RunsApi;
}

/** What the ticker asks of the engine. The parts are made after the worker that calls these. */
export function tickRuns(parts: { runs: () => RunsApi; control: () => RunControl }): TickRuns {
  return {
    start: (tick) => startTick(parts.runs(), tick),
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

/** Where the run is there already, nothing is done. */
async function startTick(runs: RunsApi, { runId, ...tick }: TickStart): Promise<void> {
  await runs.startPrepared({ ...(await runs.prepareFired(firedBy(tick), "a tick")), runId });
}

function firedBy({ place, version, starts, dueAt }: Omit<TickStart, "runId">): FiredStart {
  const { workspace, workflow, node } = place;
  const input = { firedAt: new Date(dueAt).toISOString() };
  const how = starts ? { trigger: undefined, input, ...starts } : { trigger: node, input };
  return { ...how, workspace, workflow, version, firedAt: dueAt };
}

export class SchedulesApi {
  readonly #parts: SchedulesParts;

  /** @internal */
  constructor(parts: SchedulesParts) {
    this.#parts = parts;
  }

  /**
   * Makes a schedule of a workflow under a name, or changes the one that has it; the same again changes nothing. It stays with every
   * new version of the workflow, which its runs are of, and is deleted by `delete` only. With another timing its ticks count from now on; whether it is
   * paused, and which run it started last, stay.
   *
   * Throws `option_invalid` and `duration_invalid` (a pattern that is none, or a time that has passed), `workflow_not_found`,
   * `trigger_required`, and `input_invalid`, `value_invalid` and `expression_failed` where its runs could not be started with this input.
   */
  async set(options: SetScheduleOptions): Promise<Schedule> {
    const workspace = workspaceOf(options, "schedules.set", setSchema);
    const { workflow, name } = options;
    const { source, starts } = namedSchedule(options);
    const place = { workspace, workflow, node: nodeOfName(name) };
    const { store, runs } = this.#parts;
    const now = await store.now();
    await runs.prepareFired(firedBy({ place, version: undefined, starts, dueAt: now }), "schedules.set");
    const next = tickAfter(place, source, now);
    if (next.dueAt === null) {
      const known = await store.schedules.get(place);
      if (!known || !isDeepStrictEqual(known.source, source)) throw neverDue(name);
    }
    const record = await store.schedules.set({ ...place, source, starts }, next);
    if (record) return shown(record);
    throw new FlowForgeError("workflow_not_found", {
      subject: `workflow "${workflow}" in workspace "${workspace}"`,
      next: "Register it first.",
    });
  }

  /**
   * Deletes a schedule that was set under a name; runs that it has started go on. That of a trigger goes with the trigger. Throws
   * `schedule_not_found`.
   */
  async delete(options: NamedScheduleOf): Promise<void> {
    const place = placeIn(options, "schedules.delete");
    if (await this.#parts.store.schedules.delete(place)) return;
    throw notFound(place);
  }

  /** By workflow and trigger or name, page by page. Throws `option_invalid`. */
  async list(options: ListSchedulesOptions = {}): Promise<Page<Schedule>> {
    const workspace = workspaceOf(options, "schedules.list", listSchema);
    const { workflow, cursor, limit = 100 } = options;
    const { store } = this.#parts;
    await syncSchedules(store);
    const page = {
      ...(cursor === undefined ? {} : { after: placeOf(cursor) }),
      ...(workflow === undefined ? {} : { workflow }),
    };
    const found = await store.schedules.list({ workspace, limit: limit + 1, ...page });
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
    const { source, starts } = await this.#existing(place);
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
      await startTick(this.#parts.runs, { runId, place, version, starts, dueAt });
      started.push(runId);
    }
    return started;
  }

  /** Starts a run as for a tick that is due now, and leaves the schedule as it is. Throws `schedule_not_found`, and what `runs.start` throws. */
  async trigger(options: ScheduleOf): Promise<{ readonly runId: string }> {
    const place = placeIn(options, "schedules.trigger");
    const { starts } = await this.#existing(place);
    const dueAt = await this.#parts.store.now();
    const runId = newRunId(dueAt);
    await startTick(this.#parts.runs, { runId, place, version: await this.#version(place), starts, dueAt });
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
    throw notFound(place);
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

function notFound({ workspace, workflow, node }: SchedulePlace): FlowForgeError {
  const { trigger, name } = partsOfNode(node);
  return new FlowForgeError("schedule_not_found", {
    subject: `schedule "${trigger ?? name}" of workflow "${workflow}" in workspace "${workspace}"`,
    next:
      trigger === null
        ? "Look at engine.schedules.list(), or make it with engine.schedules.set()."
        : "Give the workflow's newest version a trigger with this id and a source of the type schedule, or enable the workflow.",
  });
}

function shown(record: ScheduleRecord): Schedule {
  const { workspace, workflow, node, source, starts, paused, dueAt, lastRun, lastDueAt, lastError } = record;
  const last = { lastRun, lastAt: lastDueAt, lastError };
  return { workspace, workflow, ...partsOfNode(node), source, starts, paused, nextAt: dueAt, ...last };
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
