/** Errors as `application/problem+json` (RFC 9457). One table says which code is which status. */
import { ERROR_CODES, type ErrorCode, FlowForgeError } from "../core/errors.ts";

/** Every code that a caller can cause, or do something about. All others are the server's own: 500. */
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
  delivery_not_found: 404,
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
  http_body_too_large: 413,
  run_too_large: 413,
  http_type_unsupported: 415,
  action_not_registered: 422,
  concurrency_key_invalid: 422,
  definition_invalid: 422,
  expression_failed: 422,
  expression_invalid: 422,
  idempotency_conflict: 422,
  input_invalid: 422,
  output_invalid: 422,
  run_not_stored: 422,
  value_invalid: 422,
  concurrency_limit_reached: 429,
  encryption_missing: 501,
  signing_key_missing: 501,
  commit_outcome_unknown: 503,
  engine_not_started: 503,
  postgres_unreachable: 503,
  redis_unreachable: 503,
} as const satisfies { readonly [Code in ErrorCode]?: number };

/** What is said of the server's own failures: their texts may name hosts, files and settings. */
const HIDDEN = "The request could not be answered.";

export function statusOf(code: ErrorCode): number {
  return code in OF_CALLER ? OF_CALLER[code as keyof typeof OF_CALLER] : 500;
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
  };
  return json(body, { status, type: "application/problem+json", headers });
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
