/**
 * What senders ask before they send, or to try the address. Answered after the signature was checked; no run is started.
 *
 * - Slack: `url_verification` asks for its challenge back.
 * - GitHub: `ping` after a webhook was made; any 2xx will do.
 * - Stripe: `v2.core.event_destination.ping`, when somebody pings an event destination; any 2xx will do.
 * - Shopify, Twilio and the senders of Standard Webhooks ask for nothing: what they send to try an address is an event like others. So is what
 *   Stripe sends for "Send test webhook".
 */
import { headerOf, type WebhookRequest } from "./request.ts";
import type { Signature } from "../../core/definition/webhook-signature.ts";

export interface Handshake {
  readonly contentType: string;
  readonly body: string;
}

/** `null`: it is none. `payload`: the body, parsed. */
export function handshakeOf(
  request: WebhookRequest,
  signature: Signature,
  payload: unknown,
): Handshake | null {
  switch (signature.scheme) {
    case "slack":
      return slackChallenge(payload);
    case "github":
      return headerOf(request, "x-github-event") === "ping" ? PONG : null;
    case "stripe":
      return fieldsOf(payload).type === "v2.core.event_destination.ping" ? PONG : null;
    default:
      return null;
  }
}

const PONG: Handshake = { contentType: "text/plain", body: "pong" };

function slackChallenge(payload: unknown): Handshake | null {
  const { type, challenge } = fieldsOf(payload);
  if (type !== "url_verification" || typeof challenge !== "string") return null;
  return { contentType: "text/plain", body: challenge.slice(0, 1_024) };
}

function fieldsOf(payload: unknown): { readonly type?: unknown; readonly challenge?: unknown } {
  return typeof payload === "object" && payload !== null ? payload : {};
}
