/**
 * The items of one map that this process runs: claimed in batches as far as there is room, their results written in batches.
 *
 * Invariants:
 * - one statement at a time: what ends meanwhile is written by the next one, before anything else is claimed;
 * - an attempt begins only once the end of the one before it is durable;
 * - whoever sees that the map is complete says so to its run, under an id that makes twice once.
 */
import type { RegisteredAction } from "../../actions/registry.ts";
import { type RetryPolicy, resolveRetry } from "../../core/definition/retry.ts";
import {
  type ClaimedItem,
  isComplete,
  type ItemResult,
  type MapRef,
  type MapState,
} from "../../core/ports/maps.ts";
import { fingerprintOf } from "../../core/run/fingerprint.ts";
import { isOverdue } from "../../core/run/maps.ts";
import { isCalledOff } from "../../core/run/races.ts";
import { type ItemFailure, itemFailed, itemReleased, itemSucceeded } from "../../core/run/items.ts";
import type { ActiveRun } from "../active-run.ts";
import type { Outcome } from "../attempt.ts";
import type { Held, RunEnvironment } from "../environment.ts";
import { newAttempt } from "../new-attempt.ts";
import { retryMs } from "../retry-pause.ts";
import { observed } from "../observing.ts";
import type { Slots } from "../slots.ts";
import type { ItemChildren } from "./item-children.ts";
import { ItemBreakers, LOOK_AGAIN_MS } from "./item-breakers.ts";
import { ItemBytes } from "./item-bytes.ts";
import { ItemInputs } from "./item-inputs.ts";
import { ItemPlaces } from "./item-places.ts";
import type { MapNode } from "./map-node.ts";
import { ItemAttempt, type ItemWork } from "./item-attempt.ts";

/** Items that are claimed at once. */
const MAX_CLAIM = 50;
/** Results that are written at once. */
const MAX_RESULTS = 200;
const MAX_BYTES = 4 << 20;

export interface MapRunnerOptions {
  readonly env: RunEnvironment<ActiveRun>;
  readonly run: ActiveRun;
  readonly node: MapNode;
  readonly action: RegisteredAction;
  readonly retry: Partial<RetryPolicy> | null;
  readonly slots: Slots;
  readonly children: ItemChildren;
  /** Items are left that others could run, while this process has no room. */
  readonly onSurplus: () => void;
  readonly onComplete: (map: MapState) => Promise<void>;
  readonly onFenced: () => void;
  /** Nothing of the map is executed here any more. */
  readonly onIdle: () => void;
}

/** The item waits for its child. */
const OPENED = { status: "child", delayMs: 0 } as const;

interface Ended {
  readonly result: ItemResult;
  readonly work: ItemWork;
}

export class MapRunner implements Held {
  /** That of the map, when this process began with it. */
  readonly fence: number;
  readonly #options: MapRunnerOptions;
  readonly #ref: MapRef;
  readonly #inputs: ItemInputs;
  readonly #places: ItemPlaces;
  readonly #breakers: ItemBreakers;
  readonly #bytes: ItemBytes;
  readonly #items = new Map<number, ItemAttempt>();
  /** Attempts whose host code has not ended. */
  readonly #attempts = new Set<ItemAttempt>();
  #ended: Ended[] = [];
  #isHungry = false;
  #isStarved = false;
  #isLooking = false;
  #again = false;
  #loop: Promise<void> | null = null;
  #isAbandoned = false;

  constructor(options: MapRunnerOptions, fence: number) {
    this.#options = options;
    this.fence = fence;
    this.#ref = { runId: options.run.id, node: options.node.id };
    this.#inputs = new ItemInputs(options);
    this.#places = new ItemPlaces({ ...options, onRoom: () => this.roomMade() });
    this.#breakers = new ItemBreakers(options);
    this.#bytes = new ItemBytes(options);
  }

  /** There may be items to claim, or nothing left to do. */
  look(): void {
    this.#isHungry = true;
    this.#isLooking = true;
    this.#wake();
  }

  /** There may be room again. */
  roomMade(): void {
    if (this.#isStarved && this.#places.open > 0) this.#wake();
  }

  holds(item: number, fence: number): boolean {
    if (this.#items.get(item)?.work.fence === fence) return true;
    return this.#ended.some(({ result }) => result.item === item && result.ranUnder === fence);
  }

  cancel(): void {
    for (const attempt of this.#items.values()) attempt.cancel();
  }

  interrupt(): void {
    this.#isAbandoned = true;
    this.#ended = [];
    for (const attempt of this.#items.values()) attempt.interrupt();
  }

  /** Resolves when no host code of items runs any more. */
  async drained(): Promise<void> {
    while (this.#attempts.size > 0) await Promise.race([...this.#attempts].map(({ done }) => done));
  }

  /** Resolves when every result is written. */
  async quiet(): Promise<void> {
    while (this.#loop) await this.#loop;
  }

  /** Items that are executed here, to be given back. */
  get held(): readonly ItemWork[] {
    return [...this.#items.values()].map(({ work }) => work);
  }

  #wake(): void {
    this.#again = true;
    this.#loop ??= this.#work();
  }

  async #work(): Promise<void> {
    const { env } = this.#options;
    // What ends in the same moment is written together.
    await new Promise(setImmediate);
    for (let attempt = 0; this.#again && !this.#isAbandoned;) {
      this.#again = false;
      try {
        while (this.#ended.length > 0) await this.#write();
        await this.#claim();
        attempt = 0;
      } catch (error) {
        env.logger.warn(
          { error, ...this.#ref },
          "items of a map could not be claimed or finished; trying again",
        );
        this.#again = !env.stopped();
        await env.pause(retryMs(attempt++));
      }
    }
    this.#loop = null;
    // Who waits for room is woken when there is some. What nothing is left of waits for none.
    if (!this.#isHungry) this.#isStarved = false;
    if (this.#items.size === 0 && !this.#isStarved) this.#options.onIdle();
  }

  // ------------------------------------------------------------------ claiming

  async #claim(): Promise<void> {
    const { env } = this.#options;
    const workshop = env.workshop();
    if (!this.#isHungry || !workshop) return;
    // Nothing begins any more; whoever only wants to know whether the map is complete may look.
    const most = this.#leftMs() <= 0 ? 0 : this.#breakers.room(MAX_CLAIM);
    const places = most <= 0 ? 0 : await this.#places.take(most);
    this.#isStarved = places === 0;
    if (places === 0 && !this.#isLooking) return;
    this.#isLooking = false;
    let used = 0;
    try {
      const request = { ...this.#ref, worker: workshop.workerId, limit: places };
      const { map, items, runBytes } = await env.store.claimItems(request);
      used = items.length;
      env.admission.charge(this.#options.run.identity!.workspace, used);
      this.#bytes.told(runBytes);
      await this.#begin(items);
      await this.#note(map);
      if (map && this.#isHungry && map.running < map.concurrency && used === places)
        this.#options.onSurplus();
    } finally {
      this.#places.giveBack(places - used);
    }
  }

  /** What is known of the map now. */
  async #note(map: MapState | null): Promise<void> {
    this.#isHungry = map !== null && !map.closed && (map.next < map.total || map.waiting > 0);
    if (map && isComplete(map)) await this.#options.onComplete(map);
  }

  async #begin(items: readonly ClaimedItem[]): Promise<void> {
    try {
      await this.#inputs.read(items);
    } catch (error) {
      for (const item of items) this.#release(item, 0);
      throw error;
    }
    // They belong to a worker that is dead, and will be taken over.
    if (this.#isAbandoned) return this.#places.giveBack(items.length);
    for (const item of items) {
      const isStored = item.input !== undefined;
      const rendered = this.#inputs.prepare(item);
      if (this.#breakers.refuses(rendered)) {
        this.#release(item, LOOK_AGAIN_MS);
        continue;
      }
      const prepared = this.#bytes.fitting(rendered, { item: item.item, isStored });
      if (prepared.ok) {
        const bytes = isStored ? 0 : prepared.bytes;
        this.#start({ ...item, input: prepared.value, isStored, bytes }, 0);
      } else {
        this.#places.leave();
        const work = { ...item, input: item.input ?? null, isStored: true, bytes: 0 };
        this.#fail(work, { verdict: { type: "permanent" }, error: prepared.error });
      }
    }
  }

  /** Nothing of it has begun: it and its place go back. */
  #release(item: ClaimedItem, delayMs: number): void {
    this.#places.giveBack(1);
    const work = { ...item, input: item.input ?? null, isStored: true, bytes: 0 };
    this.#end(work, { ...itemReleased(work), delayMs });
  }

  // ------------------------------------------------------------------ executing

  #start(work: ItemWork, delayMs: number): void {
    const { env, run, node, action, children } = this.#options;
    const { deadlineAt } = run.state!.nodes[node.index]!;
    const attempt: ItemAttempt = new ItemAttempt({
      work,
      delayMs,
      attempt: () =>
        node.isChild
          ? children.open({ run, node }, work)
          : newAttempt({ env, run, node, action, deadlineAt, ...this.#breakers.begun(work) }),
      onOutcome: (outcome) => this.#over(work, this.#breakers.ended(work, outcome)),
      onEnded: () => {
        this.#attempts.delete(attempt);
        this.#places.leave();
        if (this.#isHungry && !this.#isAbandoned) this.#wake();
      },
    });
    this.#items.set(work.item, attempt);
    this.#bytes.add(work.bytes);
    this.#attempts.add(attempt);
    // Between the claim and now somebody may have cancelled the run.
    if (this.#isUnwanted) attempt.cancel();
  }

  #over(work: ItemWork, outcome: Outcome | { readonly type: "released" | "opened" }): void {
    if (this.#isAbandoned) return;
    switch (outcome.type) {
      case "interrupted":
        this.#items.delete(work.item);
        return;
      case "opened":
        return this.#end(work, {
          ...itemReleased(work),
          ...OPENED,
          fence: work.fence,
          attempt: work.attempt,
        });
      case "released":
        return this.#end(work, itemReleased(work));
      case "succeeded":
        return this.#succeed(work, outcome);
      case "failed":
        this.#fail(work, outcome);
    }
  }

  #succeed(work: ItemWork, { output, bytes }: Extract<Outcome, { type: "succeeded" }>): void {
    const error = this.#bytes.noRoom("output", work.item, bytes);
    if (error) return this.#fail(work, { verdict: { type: "permanent" }, error });
    this.#end(work, { ...itemSucceeded(work), output }, bytes);
  }

  #fail(
    work: ItemWork,
    failure: Pick<ItemFailure, "verdict" | "error"> & { possiblyDuplicated?: boolean },
  ): void {
    const { possiblyDuplicated = false, verdict, error } = failure;
    const outcome = itemFailed(work, { ...this.#circumstances(), verdict, error, lost: false });
    const isFailure = verdict.type !== "notYet";
    const fingerprint = outcome.error ? { fingerprint: fingerprintOf(this.#ref.node, outcome.error) } : {};
    this.#end(work, {
      ...outcome,
      ...fingerprint,
      possiblyDuplicated,
      ...(isFailure ? { attemptError: error } : {}),
    });
  }

  #circumstances(): Omit<ItemFailure, "verdict" | "error" | "lost"> {
    const { env, run, node, action, retry } = this.#options;
    return {
      retry: resolveRetry([node.retry, action.retry, run.plan!.retry, retry]),
      random: env.random(),
      unwanted: this.#isUnwanted,
      paused: run.state!.paused,
      leftMs: this.#leftMs(),
      handled: node.hasErrorEdge || node.map.collect,
    };
  }

  get #isUnwanted(): boolean {
    const { run, node } = this.#options;
    return isCalledOff(run.plan!, run.state!, node.index);
  }

  /** Until the deadline of the map, whether or not the run knows yet that it has passed. */
  #leftMs(): number {
    const { env, run, node } = this.#options;
    const state = run.state!.nodes[node.index]!;
    if (isOverdue(state)) return 0;
    return state.deadlineAt === null ? Infinity : state.deadlineAt - env.clock.now();
  }

  #end(
    work: ItemWork,
    outcome: Omit<ItemResult, "item" | "ranUnder" | "possiblyDuplicated"> & { possiblyDuplicated?: boolean },
    outputBytes = 0,
  ): void {
    const { item, fence: ranUnder, input, isStored } = work;
    const given = isStored ? {} : { input };
    const bytes = work.bytes + outputBytes;
    this.#bytes.add(outputBytes);
    this.#ended.push({
      result: { possiblyDuplicated: false, ...outcome, ...given, item, ranUnder, bytes },
      work,
    });
    this.#wake();
  }

  // ------------------------------------------------------------------ finishing

  async #write(): Promise<void> {
    const { env, onFenced, children, run, node } = this.#options;
    const batch = this.#batch();
    const { map, taken, runBytes } = await env.store.finishItems(
      this.#ref,
      batch.map(({ result }) => result),
    );
    this.#ended.splice(0, batch.length);
    this.#bytes.told(runBytes);
    const written = new Set(taken);
    for (const { result, work } of batch) {
      const { item, status, bytes = 0 } = result;
      this.#bytes.add(-bytes);
      if (this.#items.get(item)?.work === work) this.#items.delete(item);
      if (result.failure === "open" && written.has(item))
        env.observer.deadLetter({ ...observed(run), node: node.id, item }, result.error!);
      if (!written.has(item)) onFenced();
      else if (status === "running" && !this.#isAbandoned) this.#goOn(work, result);
    }
    if (this.#isUnwanted && batch.some(({ result }) => result.status === "child"))
      children.cancel({ run, node });
    await this.#note(map);
  }

  #batch(): readonly Ended[] {
    let bytes = 0;
    const batch: Ended[] = [];
    for (const ended of this.#ended) {
      bytes += ended.result.bytes ?? 0;
      if (batch.length > 0 && (batch.length === MAX_RESULTS || bytes > MAX_BYTES)) break;
      batch.push(ended);
    }
    return batch;
  }

  /** The next attempt, in a place that it takes whether there is one or not: the item is this worker's already. */
  #goOn(work: ItemWork, { fence, attempt, losses, putOffMs, delayMs }: ItemResult): void {
    this.#places.leave(-1);
    this.#start({ ...work, fence, attempt, losses, putOffMs, isStored: true, bytes: 0 }, delayMs);
  }
}
