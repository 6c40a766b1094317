/** Starts that come from outside, at the door: what the workspace has used up is refused before anything is stored. */
import type { Store } from "../core/ports/store.ts";
import type { HostTransactions } from "../postgres/host-transactions.ts";
import { startBytes } from "../worker/run-size.ts";
import type { PreparedStart } from "./prepared-start.ts";
import type { QuotaAsk, Quotas } from "./quotas.ts";

export interface DoorParts {
  readonly store: Pick<Store, "key">;
  readonly transactions: Pick<HostTransactions, "key">;
  readonly quotas: Quotas;
}

/**
 * All of these are let in, or none is. A start whose key is known is none: it gives the run that is there, and uses up nothing. Throws
 * `QuotaExceededError`.
 */
export async function letIn(parts: DoorParts, starts: readonly PreparedStart[]): Promise<void> {
  const { quotas } = parts;
  const limited = starts.filter(({ start }) => quotas.isLimited(start.workspace));
  if (limited.length === 0) return;
  const known = await Promise.all(limited.map((each) => isKnown(parts, each)));
  const asks = asksOf(limited.filter((_, index) => !known[index]));
  const admitted: QuotaAsk[] = [];
  try {
    for (const ask of asks) {
      await quotas.admit(ask);
      admitted.push(ask);
    }
  } catch (error) {
    for (const ask of admitted) quotas.giveBack(ask);
    throw error;
  }
}

/** What a start is at the door. */
export function askOf({ start }: PreparedStart): QuotaAsk {
  return { workspace: start.workspace, starts: 1, bytes: startBytes(start) };
}

function asksOf(starts: readonly PreparedStart[]): readonly QuotaAsk[] {
  const byWorkspace = Map.groupBy(starts, ({ start }) => start.workspace);
  return [...byWorkspace].map(([workspace, group]) => ({
    workspace,
    starts: group.length,
    bytes: group.reduce((sum, each) => sum + askOf(each).bytes, 0),
  }));
}

async function isKnown({ store, transactions }: DoorParts, { start, tx }: PreparedStart): Promise<boolean> {
  if (!start.key) return false;
  const ref = { workspace: start.workspace, scope: start.key.scope, key: start.key.key };
  return (await (tx === undefined ? store.key(ref) : transactions.key(tx, ref))) !== null;
}
