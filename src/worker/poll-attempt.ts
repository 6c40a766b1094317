/** Asks the action of a poll once, with everything that an action may use in a run but what belongs to a run. */
import type { ActionRegistry, RegisteredAction } from "../actions/registry.ts";
import { tryParseDuration } from "../core/definition/duration.ts";
import type { Outbound } from "../core/definition/outbound.ts";
import type { Json } from "../core/json.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { MemoStore } from "../core/ports/memos.ts";
import type { DuePoll } from "../core/ports/polls.ts";
import type { Limits } from "../core/values.ts";
import type { CodeRunner } from "../security/sandbox/sandbox.ts";
import { Attempt, failedForGood, type Failed } from "./attempt.ts";
import type { StoreClock } from "./clock.ts";
import { type CredentialSource, Grants } from "./grants.ts";
import { idempotencyKey } from "./idempotency-key.ts";
import { memoParts } from "./memos.ts";
import { type Outgoing, outgoingParts } from "./outgoing.ts";
import { acceptInput } from "./prepare.ts";
import { redacted } from "./redacted-logger.ts";
import { newRunId } from "./run-id.ts";

const DEFAULT_TIMEOUT_MS = 60_000;

export interface PollEnvironment {
  readonly registry: ActionRegistry;
  readonly credentials: CredentialSource;
  readonly outbound: Outbound;
  readonly outgoing: Outgoing;
  readonly sandbox: CodeRunner;
  readonly limits: Limits;
  readonly clock: StoreClock;
  readonly logger: Logger;
}

/** A poll has one attempt, and what it has finished is of no use to another one. */
const NO_MEMOS: MemoStore = { memos: async () => new Map(), saveMemo: async () => true };

/** The attempt is under way, or it cannot be made. */
export function pollAttempt(env: PollEnvironment, poll: DuePoll): Attempt | Failed {
  const action = env.registry.get(poll.source.action)!;
  if (action.effect === "transactional") {
    const message = `Action "${action.action.name}" is transactional, and cannot be polled.`;
    return failedForGood({ class: "action_refused", message });
  }
  const given = { ...poll.source.input, cursor: poll.cursor };
  const accepted = acceptInput(given, action, env.limits);
  return accepted.ok ? begin(env, poll, { action, input: accepted.value }) : failedForGood(accepted.error);
}

function begin(
  env: PollEnvironment,
  poll: DuePoll,
  { action, input }: { readonly action: RegisteredAction; readonly input: Json },
): Attempt {
  const { workspace, workflow, version, node, source } = poll;
  // Of the poll: there is no run yet.
  const runId = newRunId(Math.floor(env.clock.now()));
  const { credentials: asked } = action.action;
  const granted = (source.credentials ?? []).filter((name) => asked?.includes(name) ?? true);
  const grants = new Grants(env.credentials, granted, { workspace, workflow, runId, node });
  const { secrets } = grants;
  const logger = redacted(env.logger, secrets);
  const timeoutMs =
    (source.timeout === undefined ? null : tryParseDuration(source.timeout)) ??
    action.timeoutMs ??
    DEFAULT_TIMEOUT_MS;
  const place = { runId, node, item: -1, generation: 0 };
  const key = idempotencyKey({ workspace, ...place, shared: null });
  const { limits } = env;
  const from = { workspace, workflow, runId, node };
  const outgoing = { outgoing: env.outgoing, run: from, chain: [workflow], idempotencyKey: key };
  return new Attempt({
    action,
    timeoutMs,
    graceMs: 0,
    isFirst: true,
    limits,
    secrets,
    now: () => env.clock.now(),
    context: {
      input,
      attempt: poll.failures + 1,
      idempotencyKey: key,
      logger,
      credential: (name) => grants.credential(name),
      redact: (secret) => secrets.add(secret),
      ...env.outbound,
      ...outgoingParts({ ...outgoing, limits, secrets }),
      runCode: (request) =>
        env.sandbox.run(request, { workspace, logger, fields: { runId, workflow, node } }),
      ...memoParts({
        store: NO_MEMOS,
        ref: { ...place, fence: 1 },
        limits,
        redact: (value) => secrets.json(value),
        pause: async () => undefined,
        stopped: () => true,
      }),
      run: { id: runId, workflow, workspace, version },
      node: { id: node, item: -1 },
    },
  });
}
