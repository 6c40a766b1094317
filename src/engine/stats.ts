/** `engine.stats()`: how things stand, and how they went over hours and days. */
import { z } from "zod";
import type { Duration } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { DepthSample, QueuedGroup, Scope, Standing, StatisticsStore } from "../core/ports/statistics.ts";
import type { RunStatus } from "../core/run/state.ts";
import { parseTime } from "../core/graph/until.ts";
import { type QueueUser, queueUsers } from "../core/statistics/queue-users.ts";
import { type AttemptRates, attemptRates, type Rates, ratesOf } from "../core/statistics/rates.ts";
import {
  type CountsAt,
  HOUR_MS,
  intoSteps,
  KEEP_HOURS_MS,
  KEEP_MINUTES_MS,
  MAX_STEPS,
  MINUTE_MS,
  type Span,
  stepFor,
  sum,
  unitOf,
  wholeSteps,
} from "../core/statistics/series.ts";
import type { Plan } from "../core/graph/plan.ts";
import type { PlanKey } from "../worker/plans.ts";
import { type InWorkspace, inWorkspaceSchema, workspaceOf } from "./call-options.ts";
import type { TimeInput } from "./start-time.ts";

interface StatsTime {
  /** The first step holds this time. Counts by the minute are kept for 3 days, by the hour for 400. Default: 24 hours before `until`. */
  readonly since?: TimeInput | undefined;
  /** The last step ends then or holds it. Default: now. */
  readonly until?: TimeInput | undefined;
  /**
   * Of the series: whole minutes up to an hour, then whole hours; at most 1,000 steps. Default: so that there are at most 100.
   */
  readonly step?: Duration | undefined;
}

export interface StatsOptions extends InWorkspace, StatsTime {
  /** Of every workspace. Default false: of `workspace`. */
  readonly allWorkspaces?: boolean | undefined;
  /** Only of this workflow. Default: of all. */
  readonly workflow?: string | undefined;
}

export type WorkflowStatsOptions = InWorkspace & Omit<StatsTime, "step">;

export interface LaneDepth {
  readonly lane: string;
  /** Node runs that can run, and are not in the queue yet. */
  readonly ready: number;
  /** Of these, the ones that are held back because their workspace has no room. */
  readonly held: number;
  /** Node runs that are in the queue. */
  readonly queued: number;
  /** Node runs, and items of maps, that a worker executes. */
  readonly running: number;
}

/** Work that has waited longest for a worker. */
export interface OldestWork {
  readonly workspace: string;
  readonly workflow: string;
  readonly runId: string;
  readonly node: string;
  /** Since when it can run, or is in the queue. */
  readonly since: number;
  readonly ageMs: number;
}

/** How things stand now. */
export interface StatsNow {
  /** Milliseconds since 1970 by the database's clock. */
  readonly at: number;
  /** Runs that are not at rest, by status; what is not there is 0. */
  readonly runs: { readonly [Status in RunStatus]?: number };
  /** Runs that are not at rest. */
  readonly active: number;
  readonly lanes: readonly LaneDepth[];
  /** Whose work that is, by workspace and workflow: those with the most first, at most 50. */
  readonly users: readonly QueueUser[];
  /** Of one state more than 100,000 node runs were found, and the others were not counted. */
  readonly isCut: boolean;
  /** `null`: nothing waits for a worker. */
  readonly oldest: OldestWork | null;
  /** That are open. */
  readonly deadLetters: number;
  /** Runs that should move and do not: see `engine.stuck`. */
  readonly stuck: number;
  /** Circuit breakers that are not closed. */
  readonly openBreakers: number;
  /** Workers that are alive, whatever they work for. */
  readonly workers: number;
}

export interface StatsStep extends Rates {
  /** When it begins: milliseconds since 1970. */
  readonly at: number;
  /** The work that there was, as of the last sample in this step; `null`: there is none, or only one workflow was asked for. */
  readonly depth: Omit<DepthSample, "at"> | null;
}

export interface Stats {
  readonly now: StatsNow;
  /** From here ... */
  readonly since: number;
  /** ... until here, in milliseconds since 1970. */
  readonly until: number;
  readonly stepMs: number;
  /** Of the whole time. */
  readonly total: Rates;
  readonly series: readonly StatsStep[];
}

export interface NodeStats extends AttemptRates {
  readonly node: string;
  /** That were opened. */
  readonly deadLetters: number;
}

export interface WorkflowStats {
  readonly since: number;
  readonly until: number;
  readonly total: Rates;
  /** Of every node that had an attempt in this time, by name. */
  readonly nodes: readonly NodeStats[];
}

export interface StatsParts {
  readonly statistics: StatisticsStore;
  readonly plan: (key: PlanKey) => Promise<Plan | null>;
  readonly flush: () => Promise<void>;
  readonly liveWorkers: () => Promise<number>;
  readonly now: () => Promise<number>;
}

const STANDING_MS = 5_000;
const MOST_USERS = 50;

const time = z.unknown();
const workflow = z.string().min(1).max(128).optional();
const withTime = { since: time.optional(), until: time.optional() };
const statsSchema: z.ZodObject = inWorkspaceSchema.extend({
  ...withTime,
  workflow,
  allWorkspaces: z.boolean().optional(),
  step: z.union([z.string(), z.number()]).optional(),
});
const workflowSchema: z.ZodObject = inWorkspaceSchema.extend(withTime);

export class StatsReader {
  readonly #parts: StatsParts;
  #stands: Promise<StatsNow> | null = null;
  #stoodAt = -Infinity;

  constructor(parts: StatsParts) {
    this.#parts = parts;
  }

  async stats(options: StatsOptions): Promise<Stats> {
    const given = workspaceOf(options, "stats", statsSchema);
    const { allWorkspaces = false } = options;
    if (allWorkspaces && options.workspace !== undefined) throw bothWorkspaces();
    if (allWorkspaces && options.workflow !== undefined) throw workflowOfAll();
    const workspace = allWorkspaces ? null : given;
    const span = await this.#span(options, "stats");
    const scope = { workspace, workflow: options.workflow ?? null };
    await this.#parts.flush();
    const [now, counted, samples] = await Promise.all([
      this.#standing(scope),
      this.#counts(scope, span),
      scope.workflow === null ? this.#samples(scope, span) : [],
    ]);
    const { since, until, stepMs } = span;
    const lengthMs = Math.max(1, Math.min(until, now.at) - since);
    const depths = depthsOf(span, samples);
    const series = intoSteps(span, counted).map((tally, index): StatsStep => {
      const at = since + index * stepMs;
      const ratesMs = Math.max(1, Math.min(stepMs, now.at - at));
      return { at, ...ratesOf(tally, ratesMs), depth: depths[index] ?? null };
    });
    return { now, since, until, stepMs, total: ratesOf(sum(counted), lengthMs), series };
  }

  /** Of all workspaces, at most a few seconds old: whoever collects metrics comes often. */
  standing(): Promise<StatsNow> {
    const now = performance.now();
    if (now - this.#stoodAt > STANDING_MS) {
      this.#stoodAt = now;
      this.#stands = this.#standing({ workspace: null, workflow: null });
      this.#stands.catch(() => (this.#stoodAt = -Infinity));
    }
    return this.#stands!;
  }

  async workflow(name: string, options: WorkflowStatsOptions): Promise<WorkflowStats> {
    const workspace = workspaceOf(options, "workflows.stats", workflowSchema);
    const { since, until } = await this.#span({ ...options, step: HOUR_MS }, "workflows.stats");
    await this.#parts.flush();
    const query = { unitMs: HOUR_MS, workspace, workflow: name, node: "", since, until };
    const [all, nodes, now] = await Promise.all([
      this.#parts.statistics.counts(query),
      this.#parts.statistics.nodes(query),
      this.#parts.now(),
    ]);
    const lengthMs = Math.max(1, Math.min(until, now) - since);
    const nodeStats = nodes.map(({ node, ...counts }) => ({
      node,
      deadLetters: counts.deadLetters,
      ...attemptRates(counts, lengthMs),
    }));
    return {
      since,
      until,
      total: ratesOf(sum(all), lengthMs),
      nodes: nodeStats.sort((a, b) => (a.node < b.node ? -1 : 1)),
    };
  }

  async #span({ since, until, step }: StatsTime, call: string): Promise<Span> {
    const now = await this.#parts.now();
    const to = until === undefined ? now : timeOf("until", until, call);
    const from = since === undefined ? to - 24 * HOUR_MS : timeOf("since", since, call);
    if (from >= to) throw invalid("since", call, { expected: "a time before `until`" });
    if (from < now - KEEP_HOURS_MS) {
      throw invalid("since", call, {
        expected: "a time within the last 400 days, for which counts are kept",
      });
    }
    const stepMs = step === undefined ? defaultStep(from, to, now) : stepOf(step, call);
    if (stepMs % HOUR_MS !== 0 && from < now - KEEP_MINUTES_MS) {
      const expected = "whole hours for a time that is longer ago than 3 days";
      throw invalid("step", call, { expected });
    }
    const span = wholeSteps(from, to, stepMs);
    if ((span.until - span.since) / stepMs <= MAX_STEPS) return span;
    throw invalid("step", call, { expected: `at most ${MAX_STEPS} steps` });
  }

  async #standing(scope: Scope): Promise<StatsNow> {
    const [standing, workers] = await Promise.all([
      this.#parts.statistics.standing(scope),
      this.#parts.liveWorkers(),
    ]);
    const { now, runs, groups, isCut, deadLetters, stuck, openBreakers } = standing;
    return {
      at: now,
      runs: Object.fromEntries(runs.map(({ status, count }) => [status, count])),
      active: runs.reduce((all, { count }) => all + count, 0),
      lanes: await this.#lanes(groups),
      users: queueUsers(groups, { most: MOST_USERS, now }),
      isCut,
      oldest: oldestOf(standing),
      deadLetters,
      stuck,
      openBreakers,
      workers,
    };
  }

  #counts({ workspace, workflow: name }: Scope, span: Span): Promise<readonly CountsAt[]> {
    const place = { workspace: workspace ?? "", workflow: name ?? "", node: "" };
    const { since, until } = span;
    return this.#parts.statistics.counts({ ...place, unitMs: unitOf(span), since, until });
  }

  #samples({ workspace }: Scope, { since, until }: Span): Promise<readonly DepthSample[]> {
    return this.#parts.statistics.samples({ workspace: workspace ?? "", since, until });
  }

  /** Which lane a node belongs to, its workflow says. */
  async #lanes(groups: readonly QueuedGroup[]): Promise<readonly LaneDepth[]> {
    const lanes = new Map<string, { ready: number; held: number; queued: number; running: number }>();
    for (const group of groups) {
      const plan = await this.#parts.plan(group);
      const node = plan?.nodes[plan.indexOf.get(group.node) ?? -1];
      const lane = node?.kind === "action" ? node.lane : "default";
      const depth = lanes.get(lane) ?? { ready: 0, held: 0, queued: 0, running: 0 };
      depth[group.state] += group.count;
      depth.held += group.held;
      lanes.set(lane, depth);
    }
    return [...lanes].map(([lane, depth]) => ({ lane, ...depth })).sort((a, b) => (a.lane < b.lane ? -1 : 1));
  }
}

function oldestOf({ groups, now }: Standing): OldestWork | null {
  let oldest: OldestWork | null = null;
  for (const { since, runId, workspace, workflow: name, node } of groups) {
    if (since === null || runId === null || (oldest && oldest.since <= since)) continue;
    oldest = { workspace, workflow: name, runId, node, since, ageMs: Math.max(0, now - since) };
  }
  return oldest;
}

function depthsOf(span: Span, samples: readonly DepthSample[]): readonly Omit<DepthSample, "at">[] {
  const depths: Omit<DepthSample, "at">[] = [];
  for (const { at, ...depth } of samples) depths[Math.floor((at - span.since) / span.stepMs)] = depth;
  return depths;
}

function defaultStep(from: number, to: number, now: number): number {
  const step = stepFor(to - from);
  return from < now - KEEP_MINUTES_MS ? Math.max(HOUR_MS, step) : step;
}

function stepOf(step: Duration, call: string): number {
  const stepMs = parseDuration(step, `option "step" of ${call}`);
  const isWhole = stepMs % HOUR_MS === 0 || (stepMs < HOUR_MS && stepMs % MINUTE_MS === 0);
  if (isWhole && stepMs > 0) return stepMs;
  throw invalid("step", call, {
    expected: "whole minutes up to an hour, or whole hours",
    received: String(step),
  });
}

function timeOf(option: string, given: TimeInput, call: string): number {
  const parsed = parseTime(given instanceof Date ? given.getTime() : given);
  if (parsed !== null) return Math.floor(parsed);
  throw invalid(option, call, {
    expected: "a time: a Date, ISO 8601 text with a zone, or milliseconds since 1970",
  });
}

function invalid(
  option: string,
  call: string,
  what: { readonly expected: string; readonly received?: string },
): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: `option "${option}" of ${call}`,
    ...what,
    next: "Correct it; docs/reference/stats.md says what is kept.",
  });
}

function bothWorkspaces(): FlowForgeError {
  return invalid("allWorkspaces", "stats", {
    expected: "either workspace or allWorkspaces",
    received: "both",
  });
}

function workflowOfAll(): FlowForgeError {
  return invalid("workflow", "stats", { expected: "a workspace beside it: a workflow belongs to one" });
}
