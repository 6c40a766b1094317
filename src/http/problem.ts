/** Errors as `application/problem+json` (RFC 9457). Two tables say which code is which status. */
import { ERROR_CODES, type ErrorCode, FlowForgeError } from "../core/errors.ts";
import { QuotaExceededError, retryAfterHeader } from "../core/limits/quota-error.ts";

/** What a caller can cause, or do something about. */
const OF_CALLER = {
  http_request_invalid: 400,
  http_body_invalid: 400,
  option_invalid: 400,
  duration_invalid: 400,
  trigger_required: 400,
  http_unauthorized: 401,
  http_forbidden: 403,
  http_origin_refused: 403,
  http_not_found: 404,
  run_not_found: 404,
  workflow_not_found: 404,
  dead_letter_not_found: 404,
  credential_not_found: 404,
  schedule_not_found: 404,
  poll_not_found: 404,
  delivery_not_found: 404,
  event_not_found: 404,
  workspace_not_found: 404,
  approval_invalid: 404,
  http_method_not_allowed: 405,
  approval_used: 409,
  children_too_deep: 409,
  dead_letter_refused: 409,
  delivery_refused: 409,
  dead_letter_resolved: 409,
  idempotency_in_progress: 409,
  redrive_unsafe: 409,
  rerun_refused: 409,
  run_compensating: 409,
  run_finished: 409,
  version_refused: 409,
  approval_expired: 410,
  run_expired: 410,
  http_body_too_large: 413,
  run_too_large: 413,
  http_type_unsupported: 415,
  action_not_registered: 422,
  concurrency_key_invalid: 422,
  definition_invalid: 422,
  event_conflict: 422,
  expression_failed: 422,
  expression_invalid: 422,
  idempotency_conflict: 422,
  input_invalid: 422,
  output_invalid: 422,
  run_not_stored: 422,
  value_invalid: 422,
  concurrency_limit_reached: 429,
  quota_exceeded: 429,
  dashboard_missing: 501,
  http_streams_limit: 429,
  encryption_missing: 501,
  signing_key_missing: 501,
  commit_outcome_unknown: 503,
  engine_not_started: 503,
  http_streams_exhausted: 503,
  postgres_unreachable: 503,
  redis_unreachable: 503,
} as const satisfies { readonly [Code in ErrorCode]?: number };

/**
 * The server's own: 500, and no word of it. Listed one by one, so that a new code is in neither list, and does not compile, until somebody
 * has thought of whether it is for the caller.
 */
const OWN = {
  // How the host has set the engine up, or what it has installed.
  action_duplicate: 500,
  data_dir_in_use: 500,
  data_dir_unusable: 500,
  embedded_postgres_failed: 500,
  embedded_postgres_missing: 500,
  package_missing: 500,
  postgres_too_old: 500,
  queue_not_allowed: 500,
  redis_is_cluster: 500,
  redis_policy_unsafe: 500,
  redis_too_old: 500,
  sandbox_failed: 500,
  sandbox_missing: 500,
  schema_outdated: 500,
  schema_too_new: 500,
  // Keys of the host's that do not fit what is stored.
  credential_unavailable: 500,
  credential_unreadable: 500,
  // What an action meets while a run is worked on: it is stored with the run, and no route throws it.
  attempt_outdated: 500,
  code_crashed: 500,
  code_failed: 500,
  code_input_too_large: 500,
  code_out_of_memory: 500,
  code_output_invalid: 500,
  code_timeout: 500,
  credential_not_granted: 500,
  outbound_address_refused: 500,
  outbound_host_refused: 500,
  outbound_redirect_refused: 500,
  outbound_request_refused: 500,
  outbound_response_too_large: 500,
  step_duplicate: 500,
  // What only whoever waits for a result, or starts in a transaction of its own, can meet: no route does.
  run_cancelled: 500,
  run_failed: 500,
  run_not_committed: 500,
  run_timeout: 500,
  transaction_failed: 500,
  transaction_foreign: 500,
  transaction_invalid: 500,
  // Mistakes of FlowForge itself.
  internal: 500,
  task_invalid: 500,
} as const satisfies { readonly [Code in ErrorCode]?: number };

const STATUS: { readonly [Code in ErrorCode]: number } = { ...OF_CALLER, ...OWN };

/** What is said of the server's own failures: their texts may name hosts, files and settings. */
const HIDDEN = "The request could not be answered.";

export function statusOf(code: ErrorCode): number {
  return STATUS[code];
}

/** The same for whatever was thrown; `headers`: more of them. */
export function problem(error: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  const known = FlowForgeError.is(error) ? error : null;
  const status = known ? statusOf(known.code) : 500;
  const said = known && status !== 500 ? known : null;
  const code = said?.code ?? "internal";
  const body = {
    type: `urn:flowforge:error:${code}`,
    title: said ? ERROR_CODES[said.code] : HIDDEN,
    status,
    code,
    ...(said && status < 500 ? { detail: said.message, next: said.next } : {}),
    ...(said && "issues" in said ? { issues: said.issues } : {}),
    ...(said && "retryAfterMs" in said ? { retryAfterMs: said.retryAfterMs } : {}),
  };
  const when =
    said instanceof QuotaExceededError ? { "retry-after": retryAfterHeader(said.retryAfterMs) } : {};
  return json(body, { status, type: "application/problem+json", headers: { ...when, ...headers } });
}

/** A JSON answer that no browser keeps, runs or guesses another type for. */
export function json(
  body: unknown,
  {
    status = 200,
    type = "application/json",
    headers = {},
  }: {
    readonly status?: number;
    readonly type?: string;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...SAFE_HEADERS, "content-type": type, ...headers },
  });
}

export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
};
