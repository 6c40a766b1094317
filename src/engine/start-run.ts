/** Stores a new run, or finds the one that its idempotency key belongs to; alone, or within a transaction of the caller's. */
import { FlowForgeError } from "../core/errors.ts";
import type { KeyHolder, KeyRef } from "../core/ports/keys.ts";
import type { Verdict } from "../core/ports/commit.ts";
import type { Store } from "../core/ports/store.ts";
import type { HostTransactions } from "../postgres/host-transactions.ts";
import { deferredStart } from "../worker/deferred-start.ts";
import type { IntentResult } from "../worker/intent.ts";
import { retryMs } from "../worker/retry-pause.ts";
import type { Tracer } from "../worker/observer.ts";
import { newRunId } from "../worker/run-id.ts";
import type { Worker } from "../worker/worker.ts";
import type { PreparedStart } from "./prepared-start.ts";
import { tracedStart } from "./traced-start.ts";
import { roomFor } from "./room.ts";
import { keyConflict, keyInProgress, runExpired } from "./start-key.ts";

/** How long a start waits for a transaction that holds its key. */
const LOCKED_MS = 10_000;

export interface StartParts {
  readonly store: Store;
  readonly worker: Worker;
  readonly transactions: HostTransactions;
  /** `null`: nobody traces. */
  readonly observation: { readonly tracer: Tracer | null };
}

/** Where a start has led. */
export interface Started {
  readonly runId: string;
  /** It was there, and this start has stored nothing. */
  readonly isKnown: boolean;
}

/** How one start gets into the store. */
interface Way {
  submit(runId: string, waitsForRoom: boolean): Promise<IntentResult>;
  holder(): Promise<KeyHolder | null>;
}

/** Resolves when the run is durable, or with `tx` when it is written. */
export async function startRun(parts: StartParts, prepared: PreparedStart): Promise<Started> {
  const { worker, observation } = parts;
  if (!observation.tracer) return storeRun(parts, prepared);
  const { trace, traced } = await tracedStart({ worker, tracer: observation.tracer }, prepared);
  try {
    const started = await storeRun(parts, traced);
    trace.ended(started.runId);
    return started;
  } catch (error) {
    trace.failed(error);
    throw error;
  }
}

async function storeRun(parts: StartParts, prepared: PreparedStart): Promise<Started> {
  const { table, clock } = parts.worker;
  const { start } = prepared;
  const room = roomFor(prepared, clock.now());
  const way = wayOf(parts, prepared);
  const endsAt = performance.now() + LOCKED_MS;
  const runId = prepared.runId ?? newRunId(Math.floor(clock.now()));
  const known = async (): Promise<Started | null> => {
    const holder = start.key ? await way.holder() : null;
    return holder && runOf(holder, prepared, { parts, runId });
  };
  // A start that comes again needs no room.
  const before = room && (await known());
  if (before) return before;
  for (let attempt = 0; ; attempt++) {
    const result = await way.submit(runId, room?.waits ?? false);
    // A run with an id of its own (a child, a tick) that somebody else has started is there as well.
    if (result === "applied") return { runId, isKnown: false };
    if (result === "stale" && prepared.runId !== undefined) return { runId, isKnown: true };
    if (result === "taken" || result === "full") {
      // Where the key is free again meanwhile, this start takes it.
      const holder = await known();
      if (holder) return holder;
      if (result === "full") room!.wait();
    } else if (result !== "locked" || table.stopped()) {
      throw notStored(runId, start.workflow);
    } else if (performance.now() >= endsAt) {
      if (start.key) throw keyInProgress(start);
      throw room?.refusal() ?? notStored(runId, start.workflow);
    } else if (!room?.mayWait || room.waits) {
      await table.pause(retryMs(attempt));
    } else {
      // Somebody else is just taking a place: in the queue nobody has to wait for that.
      room.wait();
    }
  }
}

function wayOf({ store, worker, transactions }: StartParts, prepared: PreparedStart): Way {
  const { plan, start, first = {}, tx } = prepared;
  const { workspace, key } = start;
  const ref = (): KeyRef => ({ workspace, scope: key!.scope, key: key!.key });
  if (tx === undefined) {
    return {
      submit: (runId, waitsForRoom) => worker.table.start(runId, plan, start, { ...first, waitsForRoom }),
      holder: () => store.key(ref()),
    };
  }
  return {
    submit: async (runId, waitsForRoom) => {
      const entry = deferredStart(worker.table, { runId, plan, start, first: { ...first, waitsForRoom } });
      return resultOf(await transactions.commit(tx, entry));
    },
    holder: () => transactions.key(tx, ref()),
  };
}

function resultOf({ type }: Verdict): IntentResult {
  if (type === "committed") return "applied";
  return type === "taken" || type === "locked" || type === "full" ? type : "gone";
}

function runOf(
  holder: KeyHolder,
  { start, anyInput }: PreparedStart,
  own: { readonly parts: StartParts; readonly runId: string },
): Started {
  if (!anyInput && holder.fingerprint !== start.key!.fingerprint) throw keyConflict(start, holder.runId);
  if (holder.isRunGone) throw runExpired(start, holder.runId);
  // Its own: a commit without an answer did happen after all. What it claimed for this process is taken up.
  const isOwn = holder.runId === own.runId;
  if (isOwn) void own.parts.worker.table.submit(own.runId, { type: "look" });
  return { runId: holder.runId, isKnown: !isOwn };
}

function notStored(runId: string, workflow: string): FlowForgeError {
  return new FlowForgeError("run_not_stored", {
    subject: `run ${runId} of workflow "${workflow}"`,
    next: "The store refused it or the engine is stopping; see the log, and start it again.",
  });
}
