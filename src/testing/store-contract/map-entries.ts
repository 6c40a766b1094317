/** Runs with maps, and what the rules do to them. */
import type { ClaimedItem, ItemResult } from "../../core/ports/maps.ts";
import type { CommitEntry } from "../../core/ports/commit.ts";
import type { Store } from "../../core/ports/store.ts";
import { move, moved, row, seqOf, stored } from "./entries.ts";

export const error = { class: "http", message: "502" };

interface Options {
  readonly total?: number;
  readonly concurrency?: number;
  readonly collect?: boolean;
}

/** A run whose node `m` waits for a map. */
export async function mapped(store: Store, options: Options = {}): Promise<string> {
  const { total = 3, concurrency = 20, collect = false } = options;
  return stored(store, {
    nodes: [row("m", { status: "running", waitingFor: "map", fence: 2 })],
    maps: [{ type: "start", node: "m", fence: 2, total, concurrency, collect }],
  });
}

export const at = (runId: string): { readonly runId: string; readonly node: string } => ({
  runId,
  node: "m",
});

export async function claim(
  store: Store,
  runId: string,
  { limit = 50, by = "w" }: { readonly limit?: number; readonly by?: string } = {},
): Promise<readonly ClaimedItem[]> {
  return (await store.claimItems({ ...at(runId), worker: by, limit })).items;
}

/** The item succeeded, unless `changes` say more. */
export function result(item: number, changes: Partial<ItemResult> = {}): ItemResult {
  const ranUnder = changes.ranUnder ?? 1;
  return {
    item,
    ranUnder,
    fence: ranUnder,
    status: "succeeded",
    attempt: 1,
    losses: 0,
    putOffMs: 0,
    delayMs: 0,
    failure: null,
    possiblyDuplicated: false,
    ...changes,
  };
}

export const dead = (item: number, changes: Partial<ItemResult> = {}): ItemResult =>
  result(item, { status: "failed", failure: "open", error, attemptError: error, ...changes });

export async function changed(store: Store, runId: string, changes: Partial<CommitEntry>): Promise<void> {
  await moved(store, move(runId, await seqOf(store, runId), changes));
}

export async function outputOf(store: Store, runId: string): Promise<unknown> {
  const [run] = await store.load([{ runId, outputs: ["m"] }]);
  return run!.outputs.get("m");
}
