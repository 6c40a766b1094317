/**
 * Hands events on: first to the runs that wait for them, then to the triggers that they fire, page by page, and what was done is written
 * down after every page. Whoever goes on after a crash may do a page again: a run takes an event once by its id, and the run that a
 * trigger starts has an id that is made of the event and the trigger.
 */
import { FlowForgeError } from "../core/errors.ts";
import { OWN_PREFIX } from "../core/definition/own-events.ts";
import { compileExpression } from "../core/expression/compile.ts";
import type { CompiledExpression } from "../core/expression/expression.ts";
import {
  type EventDetail,
  type EventProgress,
  type EventRecord,
  type EventRefusal,
  MOST_REFUSALS,
} from "../core/ports/events.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Store } from "../core/ports/store.ts";
import type { BoundTrigger } from "../core/ports/triggers.ts";
import type { Limits } from "../core/values.ts";
import { DEFINITE } from "../worker/child-opener.ts";
import { eventRunId } from "../worker/run-id.ts";
import { messageSize } from "./message-size.ts";
import { type EventStart, firedPayload } from "./prepared-start.ts";

/** Longer than a page takes: who is silent for so long has died. */
export const HOLD_MS = 15_000;
/** Runs that one statement writes to. */
const WAITS = 500;
/** Runs that are started in one go: few enough that the commits of others hardly wait for theirs. */
const STARTS = 100;
const MAX_CHAIN = 10;
const MAX_FAILURES = 10;
const MAX_PAUSE_MS = 60_000;
const MAX_FILTERS = 5_000;

export interface FanOutParts {
  readonly store: Pick<Store, "append" | "events" | "listeners" | "triggers">;
  readonly limits: () => Limits;
  /** Does nothing where the run is there. Throws what `runs.start` throws. */
  readonly start: (start: EventStart) => Promise<void>;
  /** Decides the run here, with whatever its inbox holds. */
  readonly look: (runId: string) => Promise<void>;
  readonly onRefused: (event: EventRecord, refusal: EventRefusal) => void;
  readonly logger: Logger;
}

type Fired = "started" | "passed" | EventRefusal;

export class EventFanOut {
  readonly #parts: FanOutParts;
  readonly #filters = new Map<string, CompiledExpression>();
  /** An event whose hold has run out is still handed on here. */
  readonly #underWay = new Set<string>();
  #closed = false;

  constructor(parts: FanOutParts) {
    this.#parts = parts;
  }

  /** From now on nothing is begun; what is not done is for others. */
  close(): void {
    this.#closed = true;
  }

  /**
   * Hands an event on that this process holds, at most so many pages. Resolves with how far it is then; where it is not done, whoever
   * comes first goes on. Never rejects.
   */
  async handOn(event: EventDetail, pages: number): Promise<EventRecord> {
    const key = JSON.stringify([event.workspace, event.id]);
    if (this.#underWay.has(key)) return event;
    this.#underWay.add(key);
    try {
      return await this.#pages(event, pages);
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #pages(held: EventDetail, pages: number): Promise<EventRecord> {
    let event = held;
    for (let left = pages; left > 0 && event.stage !== "done"; left--) {
      const next = await this.#page(event);
      const isLast = left === 1 || this.#closed || next.failures > 0;
      const holdMs = isLast ? pauseMs(next.failures) : HOLD_MS;
      const saved = await this.#save(event, next, holdMs);
      if (!saved) return this.#seen(event);
      event = saved;
      if (isLast) break;
    }
    return event;
  }

  /** Somebody else went on with it. */
  async #seen(event: EventRecord): Promise<EventRecord> {
    return (await this.#parts.store.events.get(event).catch(() => null)) ?? event;
  }

  /** `null`: somebody else goes on. */
  async #save(event: EventDetail, next: EventProgress, holdMs: number): Promise<EventDetail | null> {
    try {
      const moved = await this.#parts.store.events.advance(event, event.rev, { ...next, holdMs });
      return moved ? { ...event, ...next, rev: event.rev + 1 } : null;
    } catch (error) {
      this.#warn(event, error);
      return null;
    }
  }

  /** What follows from the next page. */
  async #page(event: EventDetail): Promise<EventProgress> {
    const before = progressOf(event);
    if (this.#closed) return before;
    try {
      const waited = event.stage === "waits" ? await this.#toWaits(event, before) : before;
      return waited.stage === "triggers" ? await this.#toTriggers(event, waited) : waited;
    } catch (error) {
      this.#warn(event, error);
      return { ...before, failures: before.failures + 1 };
    }
  }

  async #toWaits(event: EventDetail, before: EventProgress): Promise<EventProgress> {
    const { store, limits, look } = this.#parts;
    const { workspace, id, name, payload, publishedAt: createdBy } = event;
    const after = typeof before.after === "string" ? { after: before.after } : {};
    const page = await store.listeners({ workspace, event: name, createdBy, limit: WAITS, ...after });
    const message = { id: `event/${id}`, body: { kind: "event", name, payload } as const };
    const sized = { ...message, ...messageSize(payload, limits()) };
    const results = await store.append(page.map((runId) => ({ runId, ...sized })));
    const taken = page.filter((_, index) => results[index] === "stored" || results[index] === "repeated");
    await Promise.all(taken.map((runId) => look(runId)));
    const runs = before.runs + taken.length;
    const full = before.full + results.filter((result) => result === "full").length;
    const isLast = page.length < WAITS;
    const place = isLast ? null : page.at(-1)!;
    return { ...before, stage: isLast ? "triggers" : "waits", after: place, runs, full, failures: 0 };
  }

  async #toTriggers(event: EventDetail, before: EventProgress): Promise<EventProgress> {
    const { workspace, name } = event;
    const after = before.after !== null && typeof before.after === "object" ? { after: before.after } : {};
    const { store } = this.#parts;
    const page = await store.triggers.find({ type: "event", workspace, name, limit: STARTS, ...after });
    const fired = await Promise.all(
      page.map((trigger) => this.#fire(event, trigger, before.failures >= MAX_FAILURES)),
    );
    const refused = fired.filter((each) => typeof each === "object");
    for (const refusal of refused) this.#parts.onRefused(event, refusal);
    const isLast = page.length < STARTS;
    const { workflow, node } = page.at(-1) ?? { workflow: "", node: "" };
    return {
      ...before,
      stage: isLast ? "done" : "triggers",
      after: isLast ? null : { workspace, workflow, node },
      started: before.started + fired.filter((each) => each === "started").length,
      refused: before.refused + refused.length,
      refusals: [...before.refusals, ...refused].slice(0, MOST_REFUSALS),
      failures: 0,
    };
  }

  /** `isLast`: what fails now is not tried again. */
  async #fire(event: EventDetail, trigger: BoundTrigger, isLast: boolean): Promise<Fired> {
    const { workspace, id, name, payload, chain, publishedAt } = event;
    const { workflow, version, node } = trigger;
    if (!this.#mayStart(event, workflow)) return "passed";
    const firedAt = publishedAt;
    const facts = { event: { id, name }, chain };
    if (!this.#matches(event, trigger, { firedAt, ...facts })) return "passed";
    const runId = eventRunId({ workspace, id, publishedAt }, trigger);
    try {
      await this.#parts.start({
        runId,
        workspace,
        workflow,
        version,
        trigger: node,
        input: payload,
        firedAt,
        ...facts,
      });
      return "started";
    } catch (error) {
      const known = FlowForgeError.is(error) ? error : null;
      if (!isLast && !(known && DEFINITE.has(known.code))) throw error;
      const message = error instanceof Error ? error.message : String(error);
      return { workflow, trigger: node, code: known?.code ?? "internal", message: message.slice(0, 2_000) };
    }
  }

  /** How its own runs end does not start a workflow, nor what that led to. What a host or an action publishes may. */
  #mayStart({ id, name, chain }: EventDetail, workflow: string): boolean {
    if (!name.startsWith(OWN_PREFIX)) return true;
    if (chain.includes(workflow)) return false;
    if (chain.length < MAX_CHAIN) return true;
    this.#parts.logger.warn(
      { event: id, name, workflow, chain },
      `an event that ${MAX_CHAIN} workflows have led to starts no other one`,
    );
    return false;
  }

  /** A filter that fails does not match. */
  #matches(
    { id, name, workspace, payload }: EventDetail,
    { workflow, node, source }: BoundTrigger,
    fired: Pick<EventStart, "firedAt" | "chain" | "event">,
  ): boolean {
    if (source.type !== "event" || source.filter === undefined) return source.type === "event";
    try {
      const event = { id, name, payload };
      const trigger = firedPayload({ id: node, source }, payload, fired);
      return this.#filter(source.filter).evaluate({ event, trigger }) === true;
    } catch (error) {
      const place = { event: id, name, workspace, workflow, trigger: node };
      this.#parts.logger.warn(
        { error, ...place },
        "the filter of a trigger failed; the event does not match",
      );
      return false;
    }
  }

  #filter(source: string): CompiledExpression {
    let filter = this.#filters.get(source);
    if (filter) return filter;
    filter = compileExpression(source);
    if (this.#filters.size >= MAX_FILTERS) this.#filters.clear();
    this.#filters.set(source, filter);
    return filter;
  }

  #warn({ id, name, workspace }: EventRecord, error: unknown): void {
    if (this.#closed) return;
    const fields = { error, event: id, name, workspace };
    this.#parts.logger.warn(fields, "an event could not be handed on; it is tried again");
  }
}

function progressOf(event: EventDetail): EventProgress {
  const { stage, after, runs, full, started, refused, refusals, failures } = event;
  return { stage, after, runs, full, started, refused, refusals, failures };
}

function pauseMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(500 * 2 ** failures, MAX_PAUSE_MS);
}
