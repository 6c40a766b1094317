/** The maps that this process works on: who looks at them, when, and what is said to their runs. */
import type { RetryPolicy } from "../../core/definition/retry.ts";
import type { ItemChildEnd } from "../../core/ports/children.ts";
import type { IdleMap, ItemResult, MapRef, MapState } from "../../core/ports/maps.ts";
import type { NodeRef } from "../../core/ports/store.ts";
import type { Task } from "../../core/ports/scheduler.ts";
import type { ErrorRecord } from "../../core/run/event.ts";
import { fingerprintOf } from "../../core/run/fingerprint.ts";
import { itemFailed, itemReleased } from "../../core/run/items.ts";
import { isMapped, isOverdue } from "../../core/run/maps.ts";
import { isCalledOff } from "../../core/run/races.ts";
import type { ActiveRun } from "../active-run.ts";
import type { RunEnvironment } from "../environment.ts";
import type { ChildRuns } from "../child-opener.ts";
import { lossVerdict } from "../loss.ts";
import { observed } from "../observing.ts";
import type { Slots } from "../slots.ts";
import { mapKeyOf } from "./map-key.ts";
import { ItemChildren } from "./item-children.ts";
import { isMapNode, type MapNode } from "./map-node.ts";
import { MapRunner } from "./map-runner.ts";

/** Failed items that the error of a map tells of. */
const MAX_TOLD = 100;
/** Tickets that are sent for a map at once. */
const MAX_TICKETS = 8;
/** Items for which it is worth to ask one more worker. */
const ITEMS_PER_TICKET = 50;
/** So often a worker without room asks others to help. */
const SURPLUS_MS = 500;

export interface MapsOptions {
  readonly env: RunEnvironment<ActiveRun>;
  readonly retry: Partial<RetryPolicy> | null;
  readonly slots: Slots;
  readonly children: ChildRuns;
  /** The run, read anew where `fresh` asks for it; `null`: there is none. */
  readonly run: (runId: string, fresh: boolean) => Promise<ActiveRun | null>;
  readonly send: (tasks: readonly Task[]) => void;
  readonly workers: () => number;
  readonly onFenced: (run: ActiveRun, node: string) => void;
}

export class Maps {
  readonly #options: MapsOptions;
  readonly #runners = new Map<string, MapRunner>();
  readonly #children: ItemChildren;
  readonly #askedAt = new Map<string, number>();
  #tickets = 0;

  constructor(options: MapsOptions) {
    this.#options = options;
    this.#children = new ItemChildren({
      env: options.env,
      runs: options.children,
      run: options.run,
      onEnded: (ref, fence) => this.#goOn(ref, fence),
    });
    options.slots.onChange((free) => {
      if (free > 0) for (const runner of this.#runners.values()) runner.roomMade();
    });
  }

  // ------------------------------------------------------------------ looking at maps

  /** A turn of the run has begun the map, or taken it up again. */
  opened(run: ActiveRun, index: number): void {
    const node = run.plan!.nodes[index]!;
    const { fence } = run.state!.nodes[index]!;
    if (!isMapNode(node)) return;
    const isHere = this.#look(run, node);
    if (!isHere || this.#options.workers() > 1) this.#sendTickets({ run, node, fence, more: isHere ? 0 : 1 });
  }

  /** Permission to look: the map may be over by now, or have all the workers that it can use. */
  async ticket({ runId, node: id, fence }: Pick<Task, "runId" | "node" | "fence">): Promise<boolean> {
    for (const fresh of [false, true]) {
      const run = await this.#options.run(runId, fresh);
      const index = run?.plan?.indexOf.get(id);
      if (!run || index === undefined) return false;
      const node = run.plan!.nodes[index]!;
      const state = run.state!.nodes[index]!;
      // What is older than the map does not know what its items read.
      if (isMapNode(node) && isMapped(state) && state.fence === fence) return this.#look(run, node);
    }
    return false;
  }

  /** Of the sweeper: nobody may be working on it. */
  revive(map: IdleMap): Promise<void> {
    return this.#goOn(map, map.fence);
  }

  /** Here, where that is possible. */
  async #goOn(ref: MapRef, fence: number): Promise<void> {
    if (await this.ticket({ ...ref, fence })) return;
    const run = await this.#options.run(ref.runId, false);
    const node = run?.plan?.nodes[run.plan.indexOf.get(ref.node) ?? -1];
    if (run && node && isMapNode(node)) this.#sendTickets({ run, node, fence, more: 1 });
  }

  /** Children of items of one map have ended. */
  childrenEnded(ends: readonly ItemChildEnd[]): Promise<void> {
    return this.#children.ended(ends);
  }

  #look(run: ActiveRun, node: MapNode): boolean {
    if (node.isChild && isCalledOff(run.plan!, run.state!, node.index)) this.#children.cancel({ run, node });
    const runner = this.#runner(run, node);
    runner?.look();
    return runner !== null;
  }

  /** `null`: this process cannot run the action. */
  #runner(run: ActiveRun, node: MapNode): MapRunner | null {
    const { env, retry, slots, onFenced } = this.#options;
    const action = env.registry.get(node.action);
    if (!action || !env.workshop()?.lanes.has(node.lane)) return null;
    const key = mapKeyOf({ runId: run.id, node: node.id });
    const known = this.#runners.get(key);
    if (known) return known;
    const { fence } = run.state!.nodes[node.index]!;
    const runner: MapRunner = new MapRunner(
      {
        env,
        run,
        node,
        action,
        retry,
        slots,
        children: this.#children,
        onSurplus: () => this.#surplus(run, node),
        onComplete: (map) => this.#complete(run, node, map),
        onFenced: () => onFenced(run, node.id),
        onIdle: () => {
          if (this.#runners.get(key) === runner) this.#runners.delete(key);
          if (run.held.get(node.index) === runner) run.held.delete(node.index);
          this.#askedAt.delete(key);
          env.rested(run);
        },
      },
      fence,
    );
    this.#runners.set(key, runner);
    run.held.set(node.index, runner);
    return runner;
  }

  #surplus(run: ActiveRun, node: MapNode): void {
    if (this.#options.workers() <= 1) return;
    const key = mapKeyOf({ runId: run.id, node: node.id });
    const now = performance.now();
    if (now - (this.#askedAt.get(key) ?? -Infinity) < SURPLUS_MS) return;
    this.#askedAt.set(key, now);
    this.#sendTickets({ run, node, fence: run.state!.nodes[node.index]!.fence, more: 1 });
  }

  #sendTickets({
    run,
    node,
    fence,
    more,
  }: {
    run: ActiveRun;
    node: MapNode;
    fence: number;
    more: number;
  }): void {
    const { env, send, workers } = this.#options;
    const { workspace, workflow, version } = run.identity!;
    const wanted =
      more > 0
        ? more
        : Math.min(MAX_TICKETS, workers(), Math.ceil(node.map.concurrency / ITEMS_PER_TICKET) + 1);
    const now = Math.floor(env.clock.now());
    send(
      Array.from({ length: wanted }, (_, item) => ({
        runId: run.id,
        node: node.id,
        item,
        fence,
        // No two tickets of this map have the same id.
        dispatches: (now % 1_000_000_000) + (this.#tickets++ % 1_000),
        lane: node.lane,
        workspace,
        workflow,
        version,
        dispatchedAt: now,
      })),
    );
  }

  // ------------------------------------------------------------------ ends

  async #complete(run: ActiveRun, { id: node, hasErrorEdge }: MapNode, map: MapState): Promise<void> {
    const { store } = this.#options.env;
    const { fence, open, failed, total, done } = map;
    const unfinished = total - done - failed - open;
    const told =
      failed + open > 0 && hasErrorEdge ? await store.failedItems({ runId: run.id, node }, MAX_TOLD) : [];
    const error: ErrorRecord = {
      class: "items_failed",
      message: `${failed + open} of ${total} items failed.`,
      ...(told.length > 0 ? { items: told.map(({ item, error: cause }) => ({ item, ...cause })) } : {}),
    };
    const body = { kind: "mapEnded", node, fence, open, failed, unfinished, error } as const;
    await store.append([{ runId: run.id, id: `map/${node}/${fence}`, body }]);
    void this.#options.run(run.id, true);
  }

  // ------------------------------------------------------------------ losing items

  holds({ runId, node, item, fence }: NodeRef): boolean {
    return this.#runners.get(mapKeyOf({ runId, node }))?.holds(item, fence) ?? false;
  }

  /** The workers of these items are lost, or no longer know of them. What this process does not know how to judge, it leaves. */
  async lost(refs: readonly NodeRef[]): Promise<number> {
    const groups = Map.groupBy(refs, mapKeyOf);
    let taken = 0;
    for (const [, group] of groups) taken += await this.#lostOf(group[0]!, group, false);
    return taken;
  }

  async #lostOf(
    ref: MapRef,
    refs: readonly { item: number; fence: number }[],
    inOrder: boolean,
  ): Promise<number> {
    const { env } = this.#options;
    const run = await this.#options.run(ref.runId, false);
    const node = run?.plan?.nodes[run.plan.indexOf.get(ref.node) ?? -1];
    const action = node && isMapNode(node) ? env.registry.get(node.action) : undefined;
    if (!run || !node || !isMapNode(node) || !action) return 0;
    const { verdict, error, unknown } = lossVerdict(action);
    const states = await env.store.itemStates(ref, refs);
    const results = states.map((state): ItemResult => {
      const isHarmless = inOrder && verdict.type === "retry";
      const outcome = isHarmless
        ? itemReleased(state)
        : itemFailed(state, {
            verdict,
            error,
            lost: true,
            retry: { immediate: 0, backoffMs: [] },
            random: 0,
            unwanted: isCalledOff(run.plan!, run.state!, node.index),
            paused: false,
            leftMs: isOverdue(run.state!.nodes[node.index]!) ? 0 : Infinity,
            handled: node.hasErrorEdge || node.map.collect,
          });
      return {
        item: state.item,
        ranUnder: state.fence,
        ...outcome,
        possiblyDuplicated: unknown,
        ...(isHarmless ? {} : { attemptError: error }),
        ...(outcome.error ? { fingerprint: fingerprintOf(node.id, outcome.error) } : {}),
      };
    });
    if (results.length === 0) return 0;
    const { map, taken } = await env.store.finishItems(ref, results);
    for (const { item, failure, error } of results)
      if (failure === "open" && taken.includes(item))
        env.observer.deadLetter({ ...observed(run), node: node.id, item }, error!);
    if (map && !inOrder) await this.#goOn(ref, map.fence);
    return taken.length;
  }

  // ------------------------------------------------------------------ stopping

  async drained(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.drained()));
    await this.quiet();
  }

  async quiet(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.quiet()));
    await this.#children.quiet();
  }

  /** Everything here belongs to others by now; each runner was told. */
  abandon(): void {
    this.#runners.clear();
  }

  /** What did not end in time is told to stop, and goes back by its effect class. */
  async release(): Promise<void> {
    await Promise.all(
      [...this.#runners].map(async ([key, runner]) => {
        // What has ended already is no loss.
        await runner.quiet();
        const { held } = runner;
        runner.interrupt();
        const [runId, node] = key.split(" ") as [string, string];
        if (held.length > 0) await this.#lostOf({ runId, node }, held, true);
      }),
    );
  }
}
