/**
 * `engine.health()`: what a load balancer or an orchestrator asks. It looks at what this process needs, each with a limit of time, and
 * never throws.
 */
import { FlowForgeError } from "../core/errors.ts";

/** How one part answered. */
export interface HealthCheck {
  readonly ok: boolean;
  /** How long it took to answer, in milliseconds. */
  readonly ms: number;
  /** Code and message of the error, where it did not answer. */
  readonly error?: { readonly code: string; readonly message: string };
}

export interface Health {
  /** `false`: a restart of the process would help, because its worker gives no sign of life although PostgreSQL answers. */
  readonly live: boolean;
  /** Calls and work can be sent to this process: it has started, does not stop, and everything that it needs answers. */
  readonly ready: boolean;
  readonly postgres: HealthCheck;
  readonly queue: HealthCheck;
  /** `null`: this process neither works nor maintains. */
  readonly worker: {
    /** `null`: it was declared dead, and has not registered anew yet. */
    readonly id: string | null;
    /** Milliseconds since its last heartbeat. */
    readonly silentMs: number;
    /** Without a heartbeat for this long others take its work over. */
    readonly leaseMs: number;
  } | null;
}

export interface HealthParts {
  /** Rejects where the store does not answer. */
  readonly askStore: () => Promise<unknown>;
  /** Rejects where the queue does not answer. */
  readonly askQueue: () => Promise<unknown>;
  readonly worker: Health["worker"];
}

/** A part that has not answered by then counts as away. */
const ANSWER_MS = 2_000;
/** Leases without a heartbeat after which a restart is better than waiting. */
const LIVE_LEASES = 6;

const NOT_STARTED: HealthCheck = {
  ok: false,
  ms: 0,
  error: { code: "engine_not_started", message: "The engine has not started, or stops." },
};

/** Of an engine that has not started, or stops. */
export const NOT_RUNNING: Health = {
  live: true,
  ready: false,
  postgres: NOT_STARTED,
  queue: NOT_STARTED,
  worker: null,
};

export async function healthOf({ askStore, askQueue, worker }: HealthParts): Promise<Health> {
  const [postgres, queue] = await Promise.all([checked(askStore), checked(askQueue)]);
  const isSilent = worker !== null && worker.silentMs > worker.leaseMs * LIVE_LEASES;
  const isRegistered = worker === null || (worker.id !== null && worker.silentMs <= worker.leaseMs);
  return {
    live: !(isSilent && postgres.ok),
    ready: postgres.ok && queue.ok && isRegistered,
    postgres,
    queue,
    worker,
  };
}

async function checked(ask: () => Promise<unknown>): Promise<HealthCheck> {
  const askedAt = performance.now();
  const ms = (): number => Math.round(performance.now() - askedAt);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
  });
  try {
    await Promise.race([ask(), late]);
    return { ok: true, ms: ms() };
  } catch (error) {
    const code = FlowForgeError.is(error) ? error.code : "unreachable";
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, ms: ms(), error: { code, message } };
  } finally {
    clearTimeout(timer);
  }
}
