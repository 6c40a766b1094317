/**
 * What senders ask before they send, or to try the address. Answered after the signature was checked; no run is started.
 *
 * - Slack: `url_verification` asks for its challenge back.
 * - GitHub: `ping` after a webhook was made; any 2xx will do.
 * - Stripe, Shopify, Twilio and the senders of Standard Webhooks ask for nothing: what they send to try an address is an event like others.
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
  if (signature.scheme === "slack") return slackChallenge(payload);
  if (signature.scheme === "github" && headerOf(request, "x-github-event") === "ping")
    return { contentType: "text/plain", body: "pong" };
  return null;
}

function slackChallenge(payload: unknown): Handshake | null {
  if (typeof payload !== "object" || payload === null) return null;
  const { type, challenge } = payload as { readonly type?: unknown; readonly challenge?: unknown };
  if (type !== "url_verification" || typeof challenge !== "string") return null;
  return { contentType: "text/plain", body: challenge.slice(0, 1_024) };
}
