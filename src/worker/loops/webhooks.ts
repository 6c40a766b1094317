/** Finishes deliveries of webhooks whose receiver died between the claim and the run, and deletes those whose time is over. */
import type { Logger } from "../../core/ports/logger.ts";
import type { Store } from "../../core/ports/store.ts";
import type { DeliveryDetail } from "../../core/ports/webhooks.ts";

const PAGE = 200;
const EVERY_MS = 5_000;
/** Longer than a start takes, with its waits. */
const LEFT_MS = 30_000;

/** What the engine does for deliveries: ends one as accepted or rejected, or throws and it is tried again. */
export interface DeliveryRuns {
  finish(delivery: DeliveryDetail): Promise<unknown>;
}

export function webhooksRound(
  store: Pick<Store, "webhooks">,
  deliveries: DeliveryRuns,
  logger: Logger,
): () => Promise<number> {
  return async () => {
    const expired = await store.webhooks.expire(PAGE);
    const left = await store.webhooks.unfinished({ olderThanMs: LEFT_MS, limit: PAGE });
    await Promise.all(
      left.map((delivery) =>
        deliveries.finish(delivery).catch((error: unknown) => {
          const { id, workspace, path } = delivery;
          logger.warn({ error, id, workspace, path }, "a delivery that was left over could not be started");
        }),
      ),
    );
    return expired === PAGE || left.length === PAGE ? 0 : EVERY_MS;
  };
}
