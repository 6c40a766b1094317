/**
 * `engine.stuck`: runs that should move and do not. Engines that maintain look for them, one at a time; each state is told once, when it is found:
 * to the log, to listeners of the engine, and to workflows of its workspace.
 */
import { z } from "zod";
import type { Duration } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Plan } from "../core/graph/plan.ts";
import type { JsonObject } from "../core/json.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Page, Store } from "../core/ports/store.ts";
import type { KnownStuckRun, StuckRun } from "../core/ports/stuck.ts";
import { judgeWaiting, type NodeNeed, type Waiting } from "../core/stuck/judge.ts";
import { chainOfRun } from "../worker/announcements.ts";
import { Loop } from "../worker/loop.ts";
import type { PlanKey } from "../worker/plans.ts";
import { roundsWithin } from "../worker/retry-pause.ts";
import { announceAlert } from "./alerts.ts";
import { type InWorkspace, inWorkspaceSchema, workspaceOf } from "./call-options.ts";
import type { EngineEvents } from "./engine-events.ts";

/** The option `stuck`. */
export interface StuckSettings {
  /**
   * How long what should move may not: from 1s to 1h. Looked at twice in this time, so a run is reported after twice this time at the latest.
   * `null`: nobody looks. Default 20s.
   */
  readonly after?: Duration | null | undefined;
}

export interface ListStuckOptions extends InWorkspace {
  /** Of every workspace; not beside `workspace`. Default false. */
  readonly allWorkspaces?: boolean | undefined;
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

export const stuckSchema: z.ZodObject = z.strictObject({
  after: z.union([z.string(), z.number(), z.null()]).optional(),
});
const listSchema: z.ZodObject = inWorkspaceSchema.extend({
  allWorkspaces: z.boolean().optional(),
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});

const SHORTEST_MS = 1_000;
const LONGEST_MS = 3_600_000;
/** Of each node: the others are like these. */
const MOST_OF_NODE = 100;

/** `null`: nobody looks. Throws `option_invalid` and `duration_invalid`. */
export function parseStuck({ after = "20s" }: StuckSettings = {}): number | null {
  if (after === null) return null;
  const afterMs = parseDuration(after, 'option "stuck.after"');
  if (afterMs >= SHORTEST_MS && afterMs <= LONGEST_MS) return afterMs;
  throw new FlowForgeError("option_invalid", {
    subject: 'option "stuck.after"',
    expected: "1s to 1h, or null",
    received: `${afterMs} ms`,
    next: "Choose a time that is longer than your slowest start, or null to leave it off.",
  });
}

export interface StuckParts {
  readonly store: Pick<Store, "stuck" | "events" | "load">;
  readonly plan: (key: PlanKey) => Promise<Plan | null>;
  readonly logger: Logger;
  readonly events: Pick<EngineEvents, "emit">;
  /** `null`: nobody looks. */
  readonly afterMs: number | null;
}

export class StuckRuns {
  readonly #parts: StuckParts;
  readonly #loop: Loop;

  /** @internal */
  constructor(parts: StuckParts) {
    this.#parts = parts;
    const { logger, afterMs } = parts;
    // After a failed look, what the database could not do meanwhile is given time first.
    const errorMs = afterMs ?? 0;
    this.#loop = new Loop({ name: "stuck", logger, random: Math.random, round: () => this.#look(), errorMs });
  }

  /**
   * Runs that are stuck, as they were found; the newest first, page by page, at most 1,000 in all. Throws `option_invalid`.
   */
  async list(options: ListStuckOptions = {}): Promise<Page<KnownStuckRun>> {
    const given = workspaceOf(options, "stuck.list", listSchema);
    const { allWorkspaces = false, cursor, limit = 100 } = options;
    if (allWorkspaces && options.workspace !== undefined) throw bothWorkspaces();
    const found = await this.#parts.store.stuck.list({
      workspace: allWorkspaces ? null : given,
      limit: limit + 1,
      ...(cursor === undefined ? {} : { after: placeOf(cursor) }),
    });
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const isMore = last && found.length > limit;
    return { items, cursor: isMore ? JSON.stringify([last.foundAt, last.runId, last.node]) : null };
  }

  /** @internal Whoever has just started gives what was left to others time to move. */
  start({ maintain }: { readonly maintain: boolean }): void {
    if (maintain && this.#parts.afterMs !== null) this.#loop.start(this.#parts.afterMs / 2);
  }

  /** @internal */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #look(): Promise<number> {
    const { store, afterMs } = this.#parts;
    const quietMs = afterMs!;
    // A loop pauses for half to one and a half of this: no engine for longer than half the quiet time.
    const pauseMs = Math.floor(quietMs / 3);
    if (!(await store.stuck.takeTurn(Math.floor(pauseMs / 2)))) return pauseMs;
    const query = { quietMs, rounds: roundsWithin(quietMs), limit: MOST_OF_NODE };
    const [waiting, rooms] = await Promise.all([store.stuck.waiting(query), store.stuck.rooms()]);
    const found: StuckRun[] = [];
    for (const each of waiting) {
      const need = await this.#need(each);
      const reason = judgeWaiting(each, need, rooms);
      if (reason) found.push(stuckRun(each, reason, need));
    }
    const fresh = await store.stuck.note(found);
    // From now on they are known, and nobody else tells of them.
    for (const run of fresh) this.#say(run);
    for (const run of fresh) await this.#announce(run);
    return pauseMs;
  }

  async #need({ node, ...key }: Waiting): Promise<NodeNeed | null> {
    if (node === null) return null;
    // One that cannot be read is as good as none: the runs of others are looked at all the same.
    const plan = await this.#parts.plan(key).catch(() => null);
    const planned = plan?.nodes[plan.indexOf.get(node) ?? -1];
    return planned?.kind === "action" ? { lane: planned.lane, action: planned.action } : null;
  }

  #say(run: StuckRun): void {
    const { logger, events } = this.#parts;
    logger.error({ ...run }, "a run is stuck");
    events.emit("run.stuck", run);
  }

  /** One that cannot be announced keeps no other one from it. */
  async #announce(run: StuckRun): Promise<void> {
    try {
      await this.#tell(run);
    } catch (error) {
      const { runId, node } = run;
      this.#parts.logger.warn({ error, runId, node }, "a stuck run could not be told to workflows");
    }
  }

  async #tell(run: StuckRun): Promise<void> {
    const { store, events } = this.#parts;
    const [stored] = await store.load([{ runId: run.runId, withInput: true }]);
    if (!stored) return;
    const trigger = stored.triggerPayload ?? null;
    const chain = chainOfRun({ trigger, workflow: run.workflow });
    const { workspace, workflow, runId, node, reason, lane, action, since } = run;
    const details = { reason, lane, action, since };
    const told = stuckEvent(run, chain, stored.header.labels);
    await announceAlert({ store, events }, told, {
      what: "run_stuck",
      workspace,
      workflow,
      runId,
      node,
      details,
    });
  }
}

function stuckRun(waiting: Waiting, reason: StuckRun["reason"], need: NodeNeed | null): StuckRun {
  const { runId, workspace, workflow, version, node, since } = waiting;
  const place = { runId, workspace, workflow, version, node };
  return { ...place, reason, since, lane: need?.lane ?? null, action: need?.action ?? null };
}

/** Its id is made of the state, so that it is there once. */
function stuckEvent(run: StuckRun, chain: readonly string[], labels: JsonObject) {
  const { runId, workflow, version, reason, node, lane, action, since } = run;
  const payload = { runId, workflow, version, labels: { ...labels }, reason, node, lane, action, since };
  const id = `flowforge.run.stuck/${runId}/${node ?? ""}/${reason}/${since}`;
  return { id, name: "flowforge.run.stuck", payload, chain } as const;
}

function bothWorkspaces(): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: 'option "allWorkspaces" of stuck.list',
    expected: "either workspace or allWorkspaces",
    received: "both",
    next: "Leave one of them out.",
  });
}

function placeOf(cursor: string): Pick<KnownStuckRun, "foundAt" | "runId" | "node"> {
  try {
    const [foundAt, runId, node] = z
      .tuple([z.int(), z.uuid(), z.string().nullable()])
      .parse(JSON.parse(cursor));
    return { foundAt, runId, node };
  } catch {
    throw new FlowForgeError("option_invalid", {
      subject: 'option "cursor" of stuck.list',
      expected: "the cursor of the page before",
      next: "Begin without one.",
    });
  }
}
