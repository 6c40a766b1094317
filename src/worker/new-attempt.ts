/** Makes an attempt of a node run, or of an item of a map, with everything that its action may use. */
import type { RegisteredAction } from "../actions/registry.ts";
import type { PlanAction } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { ActiveRun } from "./active-run.ts";
import type { CodeRunner } from "../security/sandbox/sandbox.ts";
import { Attempt } from "./attempt.ts";
import type { RunEnvironment } from "./environment.ts";
import { Grants } from "./grants.ts";
import { idempotencyKey } from "./idempotency-key.ts";
import type { ObservedAttempt } from "./observer.ts";
import { observed } from "./observing.ts";
import { memoParts, type MemosOptions } from "./memos.ts";
import { chainOfRun } from "./announcements.ts";
import { outgoingParts } from "./outgoing.ts";
import { redacted } from "./redacted-logger.ts";
import type { AttemptTransaction } from "./transaction.ts";

const DEFAULT_TIMEOUT_MS = 5 * 60_000;
const CANCEL_GRACE_MS = 30_000;

export interface NewAttempt {
  readonly env: RunEnvironment<ActiveRun>;
  readonly run: ActiveRun;
  readonly node: PlanAction;
  readonly action: RegisteredAction;
  /** -1: the node run itself. */
  readonly item: number;
  readonly fence: number;
  readonly keyFence: number;
  readonly attempt: number;
  readonly generation: number;
  readonly deadlineAt: number | null;
  readonly input: Json;
  /** That the node shares with other runs. None: nothing. */
  readonly key?: string | null;
}

export function grantsOf({
  env,
  run,
  node,
  action,
}: Pick<NewAttempt, "env" | "run" | "node" | "action">): Grants {
  const { workspace, workflow } = run.identity!;
  const asked = action.action.credentials;
  const granted = node.credentials.filter((name) => asked?.includes(name) ?? true);
  return new Grants(env.credentials, granted, { workspace, workflow, runId: run.id, node: node.id });
}

export function memosOf(
  { env, run, node, item, fence, generation }: NewAttempt,
  { secrets }: Grants,
): Omit<MemosOptions, "store" | "stopped"> {
  return {
    ref: { runId: run.id, node: node.id, item, fence, generation },
    limits: env.limits,
    redact: (value) => secrets.json(value),
    pause: (ms) => env.pause(ms),
  };
}

export function newAttempt(
  options: NewAttempt,
  grants: Grants = grantsOf(options),
  transaction?: AttemptTransaction,
): Attempt {
  const { env, run, node, action, item, fence, keyFence, attempt, input } = options;
  const { workspace, workflow, version } = run.identity!;
  const { secrets } = grants;
  const key = keyOf(options);
  const subject = subjectOf(options);
  const logger = redacted(env.attemptLogs.logger(subject), secrets);
  const watch = env.observer.attempt(subject);
  const made = new Attempt({
    action,
    timeoutMs: timeoutMs(options),
    graceMs: CANCEL_GRACE_MS,
    isFirst: fence === keyFence + 1,
    limits: env.limits,
    secrets,
    now: () => env.clock.now(),
    ...(transaction ? { transaction } : {}),
    ...(watch.within ? { within: watch.within } : {}),
    context: {
      input,
      attempt,
      idempotencyKey: key,
      logger,
      credential: (name) => grants.credential(name),
      redact: (secret) => grants.secrets.add(secret),
      ...env.outbound,
      ...(watch.fetch ? { fetch: watch.fetch(env.outbound.fetch) } : {}),
      ...outgoingParts({
        outgoing: env.outgoing,
        run: { workspace, workflow, runId: run.id, node: node.id },
        chain: chainOfRun(run.started),
        idempotencyKey: key,
        limits: env.limits,
        secrets,
      }),
      runCode: (request) => {
        const run = (): ReturnType<CodeRunner["run"]> =>
          env.sandbox.run(request, { workspace, logger, fields: {} });
        return watch.code ? watch.code(run) : run();
      },
      ...memoParts({ ...memosOf(options, grants), store: env.store, stopped: () => env.stopped() }),
      run: { id: run.id, workflow, workspace, version },
      node: { id: node.id, item },
    },
  });
  void made.outcome.then((outcome) => watch.ended(outcome));
  return made;
}

function subjectOf({ run, node, item, attempt, fence }: NewAttempt): ObservedAttempt {
  return { ...observed(run), node: node.id, item, action: node.action, attempt, fence };
}

function keyOf({ run, node, item, generation, key }: NewAttempt): string {
  const { workspace } = run.identity!;
  const shared = key ? { action: node.action, key } : null;
  return idempotencyKey({ workspace, runId: run.id, node: node.id, item, generation, shared });
}

/** No attempt outlasts the node's deadline. */
function timeoutMs({ env, run, node, action, deadlineAt }: NewAttempt): number {
  const ms = node.timeoutMs ?? action.timeoutMs ?? run.plan!.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  return deadlineAt === null ? ms : Math.min(ms, Math.max(0, deadlineAt - env.clock.now()));
}
