/**
 * The start of a run as one entry, for a transaction of somebody else's. Nobody knows when or whether that is committed, so
 * nothing is claimed or handed over: what can start is `ready`, and is found once it is there.
 */
import type { Plan } from "../core/graph/plan.ts";
import type { CommitEntry, NewRun } from "../core/ports/commit.ts";
import { newRun } from "../core/run/advance.ts";
import { buildEntry } from "./entry.ts";
import { type FirstCommit, startedEvent } from "./first-commit.ts";
import type { Pending } from "./intent.ts";
import { runData } from "./run-data.ts";
import type { RunTable } from "./run-table.ts";
import { startBytes } from "./run-size.ts";
import { Turn } from "./turn.ts";

export interface DeferredStart {
  readonly runId: string;
  readonly plan: Plan;
  readonly start: NewRun;
  readonly first: FirstCommit;
}

export function deferredStart(table: RunTable, { runId, plan, start, first }: DeferredStart): CommitEntry {
  const { registry, limits, random, clock } = table;
  const data = runData(runId, start, { input: start.input, triggerPayload: start.triggerPayload });
  const state = newRun(plan, { ...data, outputs: new Map(), errors: new Map() });
  const bytes = startBytes(start);
  const edits = new Map<number, never>();
  const now = (): number => clock.now();
  const turn = new Turn(
    {
      runId,
      workspace: start.workspace,
      plan,
      version: start.version,
      data,
      edits,
      registry,
      limits,
      workshop: null,
      bytes,
      mapOutputs: new Map(),
      random,
      now,
      deferred: true,
    },
    state,
  );
  const begins: Pending = {
    intent: { type: "event", event: startedEvent(plan, start, first) },
    place: null,
    settle: () => undefined,
  };
  turn.begin([], [begins]);
  // Nothing has run: what is not here was never stored.
  for (let missing = turn.proceed(); missing !== null; missing = turn.proceed())
    for (const id of missing.outputs) data.outputs.set(id, null);
  return buildEntry({
    runId,
    seq: 0,
    start,
    version: null,
    startBytes: bytes,
    parent: start.parent ?? null,
    plan,
    turn,
    advance: turn.close(),
    before: state,
    started: {
      workspace: start.workspace,
      workflow: start.workflow,
      input: data.input,
      trigger: data.trigger,
    },
    about: { version: start.version, labels: start.labels, errors: data.errors },
    rows: new Set(),
    duplicated: new Set(),
    edits,
  });
}
