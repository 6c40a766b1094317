/** `webhook.deliver`: tells somebody else's service of an event, signed as Standard Webhooks 1.0 says. */
import { createHmac } from "node:crypto";
import { z } from "zod";
import { type Action, type ActionContext, defineAction } from "../core/definition/action.ts";
import type { Json } from "../core/json.ts";
import { PermanentError } from "../core/run/failures.ts";
import { HttpStatusError } from "./http-request.ts";

/** What a workflow passes to `webhook.deliver`. */
export interface WebhookDelivery {
  /** `http:` or `https:`. */
  readonly url: string;
  /** The body, sent as JSON. */
  readonly payload: Json;
  /** A credential that the node's `credentials` names. Its field `secret` is base64, with or without `whsec_` before it. */
  readonly credential: string;
}

/** Its output. */
export interface DeliveredWebhook {
  /** `webhook-id` of the message: the same on every attempt. */
  readonly id: string;
  readonly status: number;
}

const delivery: z.ZodType<WebhookDelivery, WebhookDelivery> = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  payload: z.json(),
  credential: z.string(),
});

const delivered: z.ZodType<DeliveredWebhook, DeliveredWebhook> = z.object({
  id: z.string(),
  status: z.int(),
});

/** The receiver asked not to be called any more. */
const GONE = 410;
const PREFIX = "whsec_";
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Sends a POST with the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. The id is the same on every attempt, so that
 * the receiver takes the message once; the timestamp and the signature are new.
 *
 * A status from 200 to 299 is a success, and what the answer says is not read. 410 and the other statuses from 400 to 499 fail for good, but
 * for 408, 425 and 429, which are tried again like those from 500 on. Redirects are not followed.
 */
export const webhookDeliver: Action<WebhookDelivery, DeliveredWebhook> = defineAction({
  name: "webhook.deliver",
  target: ({ url }) => new URL(url).host,
  description: "Sends a signed webhook.",
  input: delivery,
  output: delivered,
  effect: "idempotent",
  timeout: "30s",
  run: deliver,
});

async function deliver(context: ActionContext<WebhookDelivery>): Promise<DeliveredWebhook> {
  const { input, idempotencyKey, signal } = context;
  const { fields, allowHosts } = await context.credential(input.credential);
  const id = `msg_${idempotencyKey}`;
  const body = JSON.stringify(input.payload);
  const timestamp = Math.floor(Date.now() / 1_000);
  const answer = await context.fetch(input.url, {
    method: "POST",
    body,
    signal,
    allowHosts,
    redirect: "manual",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": signature(keyOf(input.credential, fields["secret"]), { id, timestamp, body }),
    },
  });
  await answer.body?.cancel().catch(() => undefined);
  if (answer.ok) return { id, status: answer.status };
  const error = new HttpStatusError("POST", new URL(input.url), answer);
  throw answer.status === GONE
    ? new PermanentError(`${error.message}: the receiver wants no more of them.`, { cause: error })
    : error;
}

export interface SignedMessage {
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: string;
}

/** `v1,<base64>`. */
export function signature(key: Uint8Array, { id, timestamp, body }: SignedMessage): string {
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

/** The error says nothing of the secret. */
export function keyOf(credential: string, secret: string | undefined): Buffer {
  const text = secret?.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret;
  if (text !== undefined && BASE64.test(text)) return Buffer.from(text, "base64");
  throw new PermanentError(
    `Credential "${credential}" needs a field "secret" with base64, as whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw.`,
  );
}
