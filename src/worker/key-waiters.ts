/** Tells those who wait for keys of actions that these are settled. One that is not told looks again by itself, a little later. */
import type { Logger } from "../core/ports/logger.ts";
import type { Store } from "../core/ports/store.ts";

export interface KeyWaitersOptions {
  readonly store: Pick<Store, "takeKeyWaiters" | "append">;
  readonly logger: Logger;
  /** The run has a message. */
  readonly look: (runId: string) => void;
}

/** `nodes`: of the run, that a commit ended. Never rejects. */
export async function tellKeyWaiters(
  { store, logger, look }: KeyWaitersOptions,
  runId: string,
  nodes: readonly string[],
): Promise<void> {
  try {
    const waiters = await store.takeKeyWaiters(nodes.map((node) => ({ runId, node })));
    if (waiters.length === 0) return;
    await store.append(
      waiters.map((waiter) => {
        const { node, fence } = waiter;
        return { runId: waiter.runId, id: `key/${node}/${fence}`, body: { kind: "keySettled", node, fence } };
      }),
    );
    for (const waiter of waiters) look(waiter.runId);
  } catch (error) {
    logger.warn({ error, runId }, "those who wait for an idempotency key were not told; they look again");
  }
}
