/** Makes an engine's worker of its options and connections, and tells what it does to whoever listens to the engine. */
import type { ActionRegistry } from "../actions/registry.ts";
import { Worker } from "../worker/worker.ts";
import type { WorkerOptions } from "../worker/worker-options.ts";
import type { Connections } from "./connect.ts";
import { credentialSource } from "./credentials.ts";
import type { EngineEvents } from "./engine-events.ts";
import type { ParsedOptions } from "./options.ts";
import { tellMoved, tellUnresolved } from "./telling.ts";
import type { Watch } from "./watch.ts";

type Wired =
  | "breakers"
  | "children"
  | "ticks"
  | "onMissed"
  | "items"
  | "deliveries"
  | "outgoing"
  | "events"
  | "observer"
  | "attemptLogs";

export interface EngineWorkerParts extends Pick<WorkerOptions, Wired> {
  readonly options: ParsedOptions;
  readonly connections: Connections;
  readonly registry: ActionRegistry;
  readonly engineEvents: EngineEvents;
  readonly watch: Watch;
}

export function engineWorker(from: EngineWorkerParts): Worker {
  const { options, connections, registry, engineEvents: events, watch, ...parts } = from;
  const { logger, retry, limits, concurrency, lanes, inline, leaseMs, retention, audit } = options;
  const { store, buckets, definitions, scheduler, leaseKeeper, outbound, sandbox, vault } = connections;
  const tell = { logger, events };
  return new Worker({
    store,
    buckets,
    definitions,
    scheduler,
    logger,
    retry,
    limits,
    concurrency,
    lanes,
    inline,
    leaseMs,
    leaseKeeper,
    outbound,
    sandbox,
    ...parts,
    workspaces: options.workspaces,
    retention: { ...retention, onUnresolved: (run) => tellUnresolved(tell, run) },
    auditKeepMs: audit.keepMs,
    credentials: credentialSource(options.resolveCredential, vault, logger),
    registry,
    onMoved: (run, turn, advance) => tellMoved({ ...tell, watch }, { run, turn, advance }),
    onFenced: (runId, node) => events.emit("node.fenced", { runId, node }),
    onDeclaredDead: (workerId) => events.emit("worker.declaredDead", { workerId }),
  });
}
