/**
 * The locked path: a transaction that holds the run's row while it decides. For runs that are too hot for the batch (their
 * `seq` moves before a batch arrives) and for work that must not be overtaken. It waits, so it ends.
 *
 * `decide` runs while the row is locked: it must not wait for anything but its own computation.
 */
import { FlowForgeError } from "../core/errors.ts";
import type { CommitEntry, Verdict } from "../core/ports/commit.ts";
import type { LoadRequest, StoredRun } from "../core/ports/stored-run.ts";
import { impossibleRun, loneVerdict, sendBatch, type CommitStatements } from "./commit.ts";
import { isConnectionError, isServerFault, outcomeUnknown } from "../postgres-connection/failures.ts";
import { loadRuns, type LoadStatements } from "./load.ts";
import { isRunId } from "./names.ts";
import type { ConnectionPool, Session } from "../postgres-connection/pool.ts";

export type Decide = (run: StoredRun | null) => Promise<CommitEntry | null>;

export interface LockedCommitParts {
  readonly pool: ConnectionPool;
  readonly schema: string;
  readonly commits: CommitStatements;
  readonly loads: LoadStatements;
}

/** See `Store.commitLocked`. What `decide` throws passes through, after a rollback. */
export async function commitLocked(
  parts: LockedCommitParts,
  request: LoadRequest,
  decide: Decide,
): Promise<Verdict | null> {
  if (!isRunId(request.runId)) {
    const entry = await decide(null);
    return entry === null ? null : impossibleRun(assertSameRun(request, entry));
  }
  return parts.pool.use(async (session) => {
    await session.query({ text: "begin; set local lock_timeout = '10s'" });
    return decideLocked(session, parts, { request, decide });
  });
}

/** The same in a transaction that is open already, and its end. */
export async function decideLocked(
  session: Session,
  parts: LockedCommitParts,
  { request, decide }: { readonly request: LoadRequest; readonly decide: Decide },
): Promise<Verdict | null> {
  try {
    const run = await lockAndLoad(session, parts, request);
    const entry = await decide(run);
    const verdict = entry === null ? null : await write(session, parts, assertSameRun(request, entry));
    // Nothing was written: the end of the transaction changes nothing, and its loss neither.
    if (verdict?.type !== "committed") await session.query({ text: "rollback" }).catch(() => undefined);
    else await finish(session, parts.pool.target);
    return verdict;
  } catch (error) {
    await session.query({ text: "rollback" }).catch(() => undefined);
    throw error;
  }
}

async function lockAndLoad(
  session: Session,
  { schema, loads }: LockedCommitParts,
  request: LoadRequest,
): Promise<StoredRun | null> {
  await session.query({
    name: "flowforge_lock",
    text: `select 1 from ${schema}.runs where id = $1 for no key update`,
    values: [request.runId],
  });
  const [run] = await loadRuns(session, loads, [request]);
  return run ?? null;
}

async function write(session: Session, parts: LockedCommitParts, entry: CommitEntry): Promise<Verdict> {
  try {
    const [verdict] = await sendBatch(session, parts.commits, [entry]);
    return verdict!;
  } catch (error) {
    if (isConnectionError(error) || isServerFault(error)) throw error;
    return loneVerdict(entry, error);
  }
}

function assertSameRun(request: LoadRequest, entry: CommitEntry): CommitEntry {
  if (entry.runId === request.runId) return entry;
  throw new FlowForgeError("internal", {
    subject: `the locked path of run "${request.runId}"`,
    received: `an entry for ${JSON.stringify(entry.runId.slice(0, 80))}`,
    next: "Please report this with the version of FlowForge.",
  });
}

async function finish(session: Session, target: string): Promise<void> {
  try {
    await session.query({ text: "commit" });
  } catch (error) {
    throw isConnectionError(error) ? outcomeUnknown(target, error) : error;
  }
}
