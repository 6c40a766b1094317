/** Stores a new run, or finds the one that its idempotency key belongs to; alone, or within a transaction of the caller's. */
import { FlowForgeError } from "../core/errors.ts";
import type { Plan } from "../core/graph/plan.ts";
import type { KeyHolder, KeyRef } from "../core/ports/keys.ts";
import type { NewRun, Verdict } from "../core/ports/commit.ts";
import type { Store } from "../core/ports/store.ts";
import type { CallerTransaction } from "../postgres/caller-transaction.ts";
import type { HostTransactions } from "../postgres/host-transactions.ts";
import { deferredStart } from "../worker/deferred-start.ts";
import type { IntentResult } from "../worker/intent.ts";
import { retryMs } from "../worker/retry-pause.ts";
import { newRunId } from "../worker/run-id.ts";
import type { FirstCommit } from "../worker/first-commit.ts";
import type { Worker } from "../worker/worker.ts";
import { keyConflict, keyInProgress } from "./start-key.ts";

/** How long a start waits for a transaction that holds its key. */
const LOCKED_MS = 10_000;

export interface StartParts {
  readonly store: Store;
  readonly worker: Worker;
  readonly transactions: HostTransactions;
}

export interface PreparedStart {
  readonly plan: Plan;
  readonly start: NewRun;
  /** None: it begins at once, with nothing done. */
  readonly first?: FirstCommit;
  /** The run that has the key is meant, whatever it was started with. */
  readonly anyInput?: boolean;
  /** Where it is written. None: in a commit of its own. */
  readonly tx?: CallerTransaction;
}

/** How one start gets into the store. */
interface Way {
  submit(runId: string): Promise<IntentResult>;
  holder(): Promise<KeyHolder | null>;
}

/** Resolves with the id of the run when it is durable, or with `tx` when it is written. */
export async function startRun(parts: StartParts, prepared: PreparedStart): Promise<string> {
  const { table, clock } = parts.worker;
  const { start } = prepared;
  const way = wayOf(parts, prepared);
  const endsAt = performance.now() + LOCKED_MS;
  const runId = newRunId(Math.floor(clock.now()));
  for (let attempt = 0; ; attempt++) {
    const result = await way.submit(runId);
    if (result === "applied") return runId;
    if (result === "taken") {
      const holder = await way.holder();
      // Where it is free again meanwhile, this start takes it.
      if (holder) return runOf(holder, prepared, { parts, runId });
    } else if (result !== "locked" || table.stopped()) {
      throw notStored(runId, start.workflow);
    } else if (performance.now() >= endsAt) {
      throw start.key ? keyInProgress(start) : notStored(runId, start.workflow);
    } else {
      await table.pause(retryMs(attempt));
    }
  }
}

function wayOf({ store, worker, transactions }: StartParts, prepared: PreparedStart): Way {
  const { plan, start, first = {}, tx } = prepared;
  const { workspace, key } = start;
  const ref = (): KeyRef => ({ workspace, scope: key!.scope, key: key!.key });
  if (tx === undefined) {
    return {
      submit: (runId) => worker.table.start(runId, plan, start, first),
      holder: () => store.key(ref()),
    };
  }
  return {
    submit: async (runId) => {
      const entry = deferredStart(worker.table, { runId, plan, start, first });
      return resultOf(await transactions.commit(tx, entry));
    },
    holder: () => transactions.key(tx, ref()),
  };
}

function resultOf({ type }: Verdict): IntentResult {
  if (type === "committed") return "applied";
  return type === "taken" || type === "locked" ? type : "gone";
}

function runOf(
  holder: KeyHolder,
  { start, anyInput }: PreparedStart,
  own: { readonly parts: StartParts; readonly runId: string },
): string {
  if (!anyInput && holder.fingerprint !== start.key!.fingerprint) throw keyConflict(start, holder.runId);
  // Its own: a commit without an answer did happen after all. What it claimed for this process is taken up.
  if (holder.runId === own.runId) void own.parts.worker.table.submit(own.runId, { type: "look" });
  return holder.runId;
}

function notStored(runId: string, workflow: string): FlowForgeError {
  return new FlowForgeError("run_not_stored", {
    subject: `run ${runId} of workflow "${workflow}"`,
    next: "The store refused it or the engine is stopping; see the log, and start it again.",
  });
}
