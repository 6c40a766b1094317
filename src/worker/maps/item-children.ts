/**
 * Items that run another workflow. The worker that claims such an item starts its child; then the item goes on `running`, without a
 * worker and in its place, until the child has ended. A child's end stays in the store until its item knows.
 */
import type { JsonObject } from "../../core/json.ts";
import type { ItemChildEnd, ParentRef } from "../../core/ports/children.ts";
import type { ItemResult, ItemState, MapRef } from "../../core/ports/maps.ts";
import { fingerprintOf } from "../../core/run/fingerprint.ts";
import { itemFailed, itemSucceeded } from "../../core/run/items.ts";
import { isCalledOff } from "../../core/run/races.ts";
import { sizeOf } from "../../core/values.ts";
import type { ActiveRun } from "../active-run.ts";
import { chainOfRun } from "../announcements.ts";
import type { Outcome } from "../attempt.ts";
import { type ChildEnd, ChildOpener, type ChildRuns, endAs, type Opened } from "../child-opener.ts";
import { parentOf } from "../children.ts";
import type { RunEnvironment } from "../environment.ts";
import { isResting } from "../resting.ts";
import { retryMs } from "../retry-pause.ts";
import { childRunId } from "../run-id.ts";
import { noRoom } from "../run-size.ts";
import type { ItemRun, ItemWork } from "./item-attempt.ts";
import { isMapNode, type MapNode } from "./map-node.ts";

/** Children that are cancelled at once. */
const PAGE = 500;

export interface ItemChildrenOptions {
  readonly env: RunEnvironment<ActiveRun>;
  readonly runs: ChildRuns;
  readonly run: (runId: string, fresh: boolean) => Promise<ActiveRun | null>;
  /** Items of this map have ended. */
  readonly onEnded: (map: MapRef, fence: number) => Promise<void>;
}

interface MapOf {
  readonly run: ActiveRun;
  readonly node: MapNode;
}

export class ItemChildren {
  readonly #options: ItemChildrenOptions;
  readonly #opener: ChildOpener;
  readonly #cancelling = new Map<string, Promise<void>>();

  constructor(options: ItemChildrenOptions) {
    this.#options = options;
    this.#opener = new ChildOpener(options);
  }

  // ------------------------------------------------------------------ opening

  open(of: MapOf, work: ItemWork): ItemRun {
    let isInterrupted = false;
    const outcome = this.#outcome(of, work, () => isInterrupted);
    const interrupt = (): void => void (isInterrupted = true);
    // A child that is just being started is cancelled once it is there.
    return { outcome, ended: outcome.then(() => undefined), cancel: () => undefined, interrupt };
  }

  async #outcome(of: MapOf, work: ItemWork, isInterrupted: () => boolean): ItemRun["outcome"] {
    const { env } = this.#options;
    for (let attempt = 0; ; attempt++) {
      try {
        return outcomeOf(await this.#open(of, work));
      } catch (error) {
        env.logger.warn(
          { error, runId: of.run.id, node: of.node.id, item: work.item },
          "the child of an item could not be started; trying again",
        );
        if (isInterrupted() || env.stopped()) return { type: "interrupted" };
        await env.pause(retryMs(attempt));
      }
    }
  }

  #open({ run, node }: MapOf, work: ItemWork): Promise<Opened> {
    const { item, generation, fence, attempt, losses } = work;
    const parent = parentOf(run, { node: node.id, item, generation });
    const { workspace } = run.identity!;
    // Claimed once more, and neither after a loss nor for another attempt: its dead letter was redriven.
    const mayRedrive = fence > 1 && attempt === 1 && losses === 0;
    const opening = {
      runId: childRunId(parent),
      workspace,
      parent,
      chain: chainOfRun(run.started),
      mayRedrive,
    };
    return this.#opener.open(opening, () => Promise.resolve(work.input as JsonObject));
  }

  // ------------------------------------------------------------------ cancelling

  /** Tells the children of a map that nobody wants any more. Those of others that are started now are found later. */
  cancel({ run, node }: MapOf): void {
    const key = `${run.id} ${node.id}`;
    if (this.#cancelling.has(key)) return;
    const done = this.#cancel({ run, node }).catch((error: unknown) => {
      const { logger } = this.#options.env;
      logger.warn({ error, runId: run.id, node: node.id }, "children of items could not be cancelled");
    });
    this.#cancelling.set(key, done);
    void done.then(() => this.#cancelling.delete(key));
  }

  async quiet(): Promise<void> {
    while (this.#cancelling.size > 0) await Promise.all(this.#cancelling.values());
  }

  async #cancel({ run, node }: MapOf): Promise<void> {
    const { env, runs } = this.#options;
    const { workspace } = run.identity!;
    const ref = { runId: run.id, node: node.id };
    for (let after = -1; ;) {
      const items = await env.store.itemsWithChildren(ref, { after, limit: PAGE });
      if (items.length === 0) return;
      const targets = items.map((item) => ({ runId: childRunId({ ...ref, ...item }), workspace }));
      await runs.cancel(targets, run.state!.compensate);
      after = items.at(-1)!.item;
    }
  }

  // ------------------------------------------------------------------ ends

  /** Tells items of one map how their children ended. */
  async ended(ends: readonly ItemChildEnd[]): Promise<void> {
    const { env } = this.#options;
    await this.#endedOf(ends[0]!.parent, ends);
    // A run that could not be read before the process ends looks like one that is gone. To be told twice does no harm.
    if (!env.stopped()) await env.store.forgetChildEnds(ends);
  }

  async #endedOf(parent: ParentRef, ends: readonly ItemChildEnd[]): Promise<void> {
    const { env, onEnded } = this.#options;
    const ref = { runId: parent.runId, node: parent.node };
    const run = await this.#options.run(ref.runId, true);
    const node = run?.plan?.nodes[run.plan.indexOf.get(ref.node) ?? -1];
    if (!run || !node || !isMapNode(node)) return;
    // One that goes on again tells when it rests the next time.
    const resting = ends.filter(({ status }) => isResting(status));
    const byItem = new Map(resting.map((end) => [end.parent.item!, end]));
    const refs = resting.map(({ parent: { item, generation } }) => ({ item: item!, generation }));
    const items = await env.store.itemsOfChildren(ref, refs);
    const results = items
      .filter(({ isOpen }) => !isOpen)
      .map((item) => this.#result({ run, node }, item, byItem.get(item.item)!));
    for (const item of items) if (item.isOpen) await this.#mend(ref, item, byItem.get(item.item)!);
    if (results.length === 0) return;
    const { map } = await env.store.finishItems(ref, results);
    if (map) await onEnded(ref, map.fence);
  }

  #result({ run, node }: MapOf, state: ItemState & { readonly item: number }, end: ItemChildEnd): ItemResult {
    const { status, output, error } = this.#fitting(run, node, { item: state.item, end });
    const base = { item: state.item, ranUnder: state.fence, possiblyDuplicated: false };
    if (status === "succeeded") return { ...base, ...itemSucceeded(state), output, bytes: sizeOf(output) };
    const outcome = itemFailed(state, {
      error,
      verdict: { type: "permanent" },
      lost: false,
      retry: { immediate: 0, backoffMs: [] },
      random: 0,
      unwanted: isCalledOff(run.plan!, run.state!, node.index),
      paused: run.state!.paused,
      leftMs: Infinity,
      handled: node.hasErrorEdge || node.map.collect,
    });
    const fingerprint = fingerprintOf(node.id, error);
    return { ...base, ...outcome, attemptError: error, fingerprint };
  }

  /** An output for which the run has no room is a failure of the item. */
  #fitting(
    run: ActiveRun,
    node: MapNode,
    { item, end }: { readonly item: number; readonly end: ItemChildEnd },
  ): ChildEnd {
    const ended = endAs({ ...end, child: end.runId });
    if (ended.status !== "succeeded") return ended;
    const what = `the output of item ${item} of node "${node.id}"`;
    const error = noRoom({ what, bytes: sizeOf(ended.output), used: run.bytes }, this.#options.env.limits);
    return error ? { status: "failed", output: null, error } : ended;
  }

  /** A child that succeeds after all resolves the dead letter that its failure had made. */
  async #mend(
    ref: MapRef,
    { item, fence }: ItemState & { readonly item: number },
    end: ItemChildEnd,
  ): Promise<void> {
    if (end.status !== "succeeded") return;
    const { runId, node } = ref;
    const { output } = end;
    const body = { kind: "complete", node, item, fence, by: null, output } as const;
    await this.#options.env.store.append([{ runId, id: `child ${end.runId} ${end.seq}`, body }]);
    await this.#options.run(runId, true);
  }
}

function outcomeOf(opened: Opened): Outcome | { readonly type: "opened" } {
  if (opened.type !== "ended") return { type: "opened" };
  const { status, output, error } = opened.end;
  if (status === "succeeded") return { type: "succeeded", output, bytes: sizeOf(output) };
  return { type: "failed", error, verdict: { type: "permanent" }, possiblyDuplicated: false };
}
