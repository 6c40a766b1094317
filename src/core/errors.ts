/**
 * The error catalogue. Every error that FlowForge throws on purpose is a `FlowForgeError` whose `code` is listed here;
 * `docs/reference/errors.md` lists the same codes, and a test holds the two together.
 *
 * A code is a promise: it is never renamed and never changes its meaning.
 */
export const ERROR_CODES = {
  action_duplicate: "Two different actions have the same name.",
  action_not_registered: "A node names an action that this engine does not know.",
  approval_expired: "The approval link is too old.",
  approval_invalid: "This is no approval link that a key of this engine signed.",
  approval_used: "The approval link was used already.",
  attempt_outdated: "The node run belongs to another attempt or worker by now, or has ended.",
  children_too_deep: "A child run would have too many runs above it.",
  code_crashed: "The process that ran the code has ended.",
  code_failed: "The code that was run threw an error, or cannot be run.",
  code_input_too_large: "The code would get more than is allowed.",
  code_out_of_memory: "The code needs more memory than is allowed.",
  code_output_invalid: "What the code returned is no JSON, or more of it than is allowed.",
  code_timeout: "The code did not end in time.",
  commit_outcome_unknown:
    "The connection broke while a commit was under way; it may or may not have happened.",
  concurrency_key_invalid: "The key that a workflow's concurrency has for this run cannot be made.",
  concurrency_limit_reached: "As many runs of the workflow as it allows are under way.",
  credential_not_found: "There is no such credential in this workspace.",
  credential_not_granted: "The node may not use this credential.",
  credential_unavailable: "The host could not say what a credential is.",
  credential_unreadable: "A stored credential cannot be decrypted.",
  data_dir_in_use: "Another engine works on this data directory.",
  data_dir_unusable: "The data directory cannot be used for an embedded PostgreSQL server.",
  dead_letter_not_found: "There is no such dead letter in this workspace.",
  dead_letter_refused: "The run did not take what was asked for its dead letter.",
  dead_letter_resolved: "The dead letter is resolved already.",
  definition_invalid: "A workflow definition has problems; `issues` lists every one of them.",
  delivery_not_found: "There is no such delivery of a webhook in this workspace.",
  delivery_refused: "The delivery of a webhook cannot be replayed.",
  duration_invalid: "A duration is not of the form 500ms, 30s, 5m, 2h, 3d or a number of milliseconds.",
  embedded_postgres_failed: "The embedded PostgreSQL server could not be started or stopped.",
  embedded_postgres_missing: "There are no PostgreSQL programs to start an embedded server with.",
  encryption_missing: "Stored credentials need an encryption key, and this engine has none.",
  engine_not_started: "The engine was not started, or was stopped.",
  event_conflict: "The id of an event belongs to one with another name or payload.",
  event_not_found: "There is no such event in this workspace, or its time is over.",
  expression_failed: "An expression could not be evaluated on the data that it met.",
  expression_invalid: "An expression or template does not compile.",
  http_body_invalid: "The body of a request cannot be read.",
  http_body_too_large: "The body of a request is larger than is allowed.",
  http_forbidden: "The caller may not do this.",
  http_method_not_allowed: "The path does not take this verb.",
  http_not_found: "There is nothing at this path.",
  http_origin_refused: "A page of another site may not send this request.",
  http_request_invalid: "A request does not have the form that its operation takes.",
  http_streams_exhausted: "The server has as many open streams as it allows.",
  http_streams_limit: "This login has as many open streams as it may have.",
  http_type_unsupported: "The body of a request is of a type that is not read.",
  http_unauthorized: "The request does not say who sends it, or nobody is known by what it says.",
  idempotency_conflict: "The idempotency key belongs to a start with another input.",
  idempotency_in_progress:
    "The idempotency key, or the id of an event, is held by a transaction that has not ended.",
  input_invalid: "An input does not fit its schema.",
  internal: "Something happened that FlowForge holds to be impossible; please report it.",
  option_invalid: "An option is unknown, of the wrong type, or out of range.",
  outbound_address_refused: "Workflows may not call this address.",
  outbound_host_refused: "Workflows may not call this host.",
  outbound_redirect_refused: "The answer leads somewhere that is not followed.",
  outbound_request_refused: "A request of this form is not sent.",
  outbound_response_too_large: "The answer is larger than is allowed.",
  output_invalid: "An output does not fit the action's schema.",
  package_missing: "An optional package is not installed.",
  poll_not_found: "There is no such poll in this workspace.",
  postgres_too_old: "The PostgreSQL server is older than FlowForge supports.",
  postgres_unreachable: "No connection to PostgreSQL could be made.",
  queue_not_allowed: "Workflows may not add jobs to this queue.",
  quota_exceeded: "The workspace has used up what it may start or store for now.",
  redis_is_cluster: "One node of a Redis Cluster was given as if it were a server alone.",
  redis_policy_unsafe: "This Redis may evict keys, and with them tasks that wait in the queue.",
  redis_too_old: "The Redis server is older than FlowForge supports.",
  redis_unreachable: "No connection to Redis could be made, or it did not answer in time.",
  redrive_unsafe: "A redrive could let an effect happen twice.",
  rerun_refused: "A run cannot be run again from this node.",
  run_cancelled: "The run was cancelled.",
  run_compensating: "What the run did is undone, and its dead letters are closed.",
  run_expired: "The idempotency key belongs to a run that was deleted since.",
  run_failed: "The run came to rest with failures that nothing handled.",
  run_finished: "The run is at rest and takes no such message.",
  run_not_committed: "The run is part of a transaction that is still open.",
  run_not_found: "There is no such run in this workspace.",
  run_not_stored: "A run could not be stored.",
  run_timeout: "The run did not come to rest in time.",
  run_too_large: "The values of a run would have more bytes than is allowed.",
  sandbox_failed: "The process that runs code could not be started.",
  dashboard_missing: "The dashboard has not been built.",
  sandbox_missing: "What runs code is not installed.",
  schedule_not_found: "There is no such schedule in this workspace.",
  schema_outdated: "The database schema is missing or older than this version of FlowForge.",
  schema_too_new: "The database schema is newer than this version of FlowForge.",
  signing_key_missing: "Approval links need a key, and this engine has none.",
  step_duplicate: "An action used the name of a step twice in one attempt.",
  task_invalid: "A task cannot go into the queue: it is too large, or its id is not allowed there.",
  transaction_failed: "A transaction could only be rolled back, because a statement in it had failed.",
  transaction_foreign: "The transaction is on another database than the engine's.",
  transaction_invalid: "This is no open transaction that something can be started or published in.",
  trigger_required: "The workflow has no manual trigger, and none was named.",
  value_invalid: "A value cannot be stored as JSON within the limits.",
  version_refused: "The run cannot go on with another version of its workflow.",
  workflow_not_found: "There is no such workflow in this workspace.",
  workspace_not_found: "There is no such workspace, or it has nothing.",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface FlowForgeErrorDetails {
  /** What the error is about, by name: `workflow "checkout"`, `option "redis"`. */
  readonly subject: string;
  /** What would have been right. */
  readonly expected?: string;
  /** What came instead, shortened; never a secret. */
  readonly received?: string;
  /** What to do next, as a sentence. */
  readonly next: string;
  readonly cause?: unknown;
}

const BRAND: unique symbol = Symbol.for("flowforge.error") as never;

/**
 * The one error class of FlowForge. Test `error.code`, or `FlowForgeError.is(error)`, which also recognises
 * errors of a second copy of the library in the same process.
 */
export class FlowForgeError extends Error {
  /** Said here, because a bundler renames a class that names itself, and Node.js shows that name with an error. */
  static override readonly name: string = "FlowForgeError";
  readonly code: ErrorCode;
  readonly subject: string;
  readonly expected: string | undefined;
  readonly received: string | undefined;
  readonly next: string;

  constructor(code: ErrorCode, details: FlowForgeErrorDetails) {
    super(sentence(code, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "FlowForgeError";
    this.code = code;
    this.subject = details.subject;
    this.expected = details.expected;
    this.received = details.received;
    this.next = details.next;
    Object.defineProperty(this, BRAND, { value: true });
  }

  static is(error: unknown): error is FlowForgeError {
    return typeof error === "object" && error !== null && BRAND in error;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A subclass keeps the ordinary test; only the base class recognises a second copy of the library.
    if (this !== FlowForgeError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return FlowForgeError.is(value);
  }
}

function sentence(code: ErrorCode, details: FlowForgeErrorDetails): string {
  const parts = [`${details.subject}: ${ERROR_CODES[code]}`];
  if (details.expected !== undefined) parts.push(`Expected ${details.expected}.`);
  if (details.received !== undefined) parts.push(`Received ${details.received}.`);
  parts.push(details.next);
  return `${parts.join(" ")} [${code}]`;
}
