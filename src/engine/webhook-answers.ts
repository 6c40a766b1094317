/** What the senders of webhooks are told. Little: nobody of them needs to know how the workspace is made. */
import { FlowForgeError } from "../core/errors.ts";
import { type QuotaExceededError, retryAfterHeader } from "../core/limits/quota-error.ts";
import type { Handshake } from "../triggers/webhooks/handshake.ts";
import type { RunHandle } from "./run-handle.ts";

/** For whoever mounts the intake: an HTTP response. */
export interface WebhookAnswer {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
}

const SAFE = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

export function answer(
  status: number,
  value: unknown,
  headers: WebhookAnswer["headers"] = {},
): WebhookAnswer {
  return {
    status,
    headers: { ...SAFE, "content-type": "application/json", ...headers },
    body: JSON.stringify(value),
  };
}

export function refusal(
  status: number,
  reason: string,
  headers: WebhookAnswer["headers"] = {},
): WebhookAnswer {
  return answer(status, { error: reason }, headers);
}

/** The sender is to try again. */
export function later(seconds: number): WebhookAnswer {
  return refusal(503, "unavailable", { "retry-after": String(seconds) });
}

/** The workspace has started enough for now. Nothing of the delivery is kept: the sender brings it again. */
export function overQuota({ code, retryAfterMs }: QuotaExceededError): WebhookAnswer {
  return refusal(429, code, { "retry-after": retryAfterHeader(retryAfterMs) });
}

/** The run is stored and begins then. */
export function delayed(runId: string, at: number): WebhookAnswer {
  return answer(202, { runId, repeated: false, startsAt: new Date(at).toISOString() });
}

export function shaken({ contentType, body }: Handshake): WebhookAnswer {
  return { status: 200, headers: { ...SAFE, "content-type": contentType }, body };
}

/** Waits for the run's end, and answers with its output; with 202 where it goes on. Says nothing of why a run failed. */
export async function resultOf(run: RunHandle, timeoutMs: number): Promise<WebhookAnswer> {
  try {
    return answer(200, await run.result({ timeout: timeoutMs }), { "flowforge-run": run.id });
  } catch (error) {
    const code = FlowForgeError.is(error) ? error.code : null;
    if (code === "run_timeout") return answer(202, { runId: run.id });
    if (code === "run_failed" || code === "run_cancelled") return answer(502, { runId: run.id, error: code });
    throw error;
  }
}
