/** Typed events of an engine, for logs, alerts and tests. They tell what this process saw; the store tells the rest. */
import type { BreakerKey } from "../core/breaker/key.ts";
import type { Alert } from "../core/alert/alert.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { StuckRun } from "../core/ports/stuck.ts";
import type { RunStatus } from "../core/run/state.ts";
import type { MissedTicks } from "../worker/ticks.ts";

export interface EngineEventMap {
  /** A run came to rest in this process. */
  readonly "run.ended": {
    readonly runId: string;
    readonly workflow: string;
    readonly workspace: string;
    readonly status: RunStatus;
  };
  /** A node run, or an item of a map, gave up and nothing handles it. */
  readonly "node.deadLetter": {
    readonly runId: string;
    readonly workflow: string;
    readonly workspace: string;
    readonly node: string;
    /** Its place in the list, of an item of a map. */
    readonly item?: number;
    readonly error: { readonly class: string; readonly message: string };
  };
  /** A run with open dead letters is past `retention.unresolved`, and is deleted now, with them. */
  readonly "run.unresolvedDeleted": {
    readonly runId: string;
    readonly workflow: string;
    readonly workspace: string;
    readonly deadLetters: number;
    readonly finishedAt: number;
  };
  /**
   * Somebody should look at it: a dead letter (of a map once, when it ends), a stuck run, a breaker that opened, missed ticks. In the process that saw
   * it, beside the event of its own.
   */
  readonly alert: Alert;
  /** Ticks of a schedule were passed over, because nobody saw them in time and its `catchUp` is not `all`, or they are out of its window. */
  readonly "schedule.missed": MissedTicks;
  /** A run should move and does not. Told once for each node and reason, by the engine that found it, however long it lasts. */
  readonly "run.stuck": StuckRun;
  /** An event matched a trigger, and could not start its run: the input does not fit, say. It is in `events.get` as well. */
  readonly "event.refused": {
    readonly id: string;
    readonly event: string;
    readonly workspace: string;
    readonly workflow: string;
    /** Id of the trigger node. */
    readonly trigger: string;
    readonly error: { readonly code: string; readonly message: string };
  };
  /**
   * A circuit breaker has opened after it was closed: of all processes, the one that wrote it tells, once. That its probes fail, and it stays
   * open, is not told. `failed` of `attempts` failed within its window; both are 0 where somebody has opened it.
   */
  readonly "breaker.opened": BreakerKey & { readonly failed: number; readonly attempts: number };
  /** All that was parked has gone on, and the breaker is closed. Told once, as that it opened. */
  readonly "breaker.closed": BreakerKey;
  /** A late answer of this process was refused: somebody else has taken the node run over. */
  readonly "node.fenced": { readonly runId: string; readonly node: string };
  /** This process was declared dead by another one, dropped what it held, and goes on under a new worker id. */
  readonly "worker.declaredDead": { readonly workerId: string };
}

export type EngineEventName = keyof EngineEventMap;
type Listener<Name extends EngineEventName> = (event: EngineEventMap[Name]) => void;

export class EngineEvents {
  readonly #listeners = new Map<EngineEventName, Set<Listener<never>>>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Returns a function that takes the listener off again. */
  on<Name extends EngineEventName>(name: Name, listener: Listener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  emit<Name extends EngineEventName>(name: Name, event: EngineEventMap[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as Listener<Name>)(event);
      } catch (error) {
        // A listener of the host must not break the engine.
        this.#logger.error({ error, event: name }, "a listener failed");
      }
    }
  }
}
