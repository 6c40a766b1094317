/** Starts that come from outside, at the door: what the workspace has used up is refused before anything is stored. */
import type { Store } from "../core/ports/store.ts";
import type { HostTransactions } from "../postgres/host-transactions.ts";
import { startBytes } from "../worker/run-size.ts";
import type { RunTable } from "../worker/run-table.ts";
import type { PreparedStart } from "./prepared-start.ts";
import type { QuotaAsk, Quotas } from "./quotas.ts";

export interface DoorParts {
  readonly store: Pick<Store, "key">;
  readonly transactions: Pick<HostTransactions, "key">;
  readonly quotas: Quotas;
  readonly worker: { readonly table: Pick<RunTable, "stopped"> };
}

/** What has become of a start behind the door. */
export interface Behind<Run> {
  readonly run: Run;
  /** It was there, and nothing was stored. */
  readonly isKnown: boolean;
}

/**
 * All of these are let in, or none is. A start whose key is known is none: it gives the run that is there, and uses up nothing. What one has used
 * up that cannot be stored, or finds meanwhile that its key is known, is given back. Throws `QuotaExceededError`, and what `store` throws; then
 * others of them may be stored.
 */
export async function throughDoor<Run>(
  parts: DoorParts,
  starts: readonly PreparedStart[],
  store: (start: PreparedStart) => Promise<Behind<Run>>,
): Promise<readonly Run[]> {
  const counted = await letIn(parts, starts);
  const { quotas, worker } = parts;
  const stored = async (start: PreparedStart): Promise<Run> => {
    let isStored = false;
    try {
      const { run, isKnown } = await store(start);
      isStored = !isKnown;
      return run;
    } finally {
      // While the engine stops nobody finds out what became of a commit without an answer.
      if (!isStored && counted.has(start) && !worker.table.stopped()) quotas.giveBack(askOf(start));
    }
  };
  return Promise.all(starts.map(stored));
}

/** Those that have used up something. */
async function letIn(
  parts: DoorParts,
  starts: readonly PreparedStart[],
): Promise<ReadonlySet<PreparedStart>> {
  const { quotas } = parts;
  const limited = starts.filter(({ start }) => quotas.isLimited(start.workspace));
  if (limited.length === 0) return new Set();
  const known = await Promise.all(limited.map((each) => isKnown(parts, each)));
  const counted = limited.filter((_, index) => !known[index]);
  const admitted: QuotaAsk[] = [];
  try {
    for (const ask of asksOf(counted)) {
      await quotas.admit(ask);
      admitted.push(ask);
    }
  } catch (error) {
    for (const ask of admitted) quotas.giveBack(ask);
    throw error;
  }
  return new Set(counted);
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
