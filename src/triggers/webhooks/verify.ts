/**
 * Whether a delivery comes from whoever knows the secret.
 *
 *   signature (what the trigger says) -> a row of the table in schemes.ts, or a login, or Twilio -> verdict
 *
 * Invariants of this folder: verification looks at the bytes as they came; nothing that a stranger may send makes it throw; digests are compared in
 * a time that does not depend on where they differ; no verdict says anything of a secret.
 */
import { type Given, namedDelivery, verifyHmac } from "./hmac.ts";
import { loginProblem } from "./login.ts";
import { oneOf, type WebhookRequest } from "./request.ts";
import { HMAC_SCHEMES, ownScheme } from "./schemes.ts";
import type { Signature } from "../../core/definition/webhook-signature.ts";
import { asCalled, messageOf, verifyTwilio } from "./twilio.ts";
import { known, type NotVerified, type Verified } from "./verdict.ts";

export interface VerifyOptions {
  readonly signature: Signature;
  /** Those that are good now; several while one is replaced by another. */
  readonly secrets: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

const TOLERANCE_SECONDS = 300;

export function verifyWebhook(request: WebhookRequest, options: VerifyOptions): Verified | NotVerified {
  const { signature, now } = options;
  const secrets = options.secrets.filter((secret) => secret !== "");
  switch (signature.scheme) {
    case "none":
      return known(request.body, unsignedId(request, signature.idHeader));
    case "basic":
    case "bearer":
      return (
        loginProblem(request, signature.scheme, secrets) ??
        known(request.body, unsignedId(request, signature.idHeader))
      );
    case "twilio":
      return verifyTwilio(asCalled(request, signature), secrets);
    default: {
      const given: Given = { secrets, now, tolerance: signature.tolerance ?? TOLERANCE_SECONDS };
      const scheme = signature.scheme === "hmac" ? ownScheme(signature) : HMAC_SCHEMES[signature.scheme];
      return verifyHmac(request, scheme, given);
    }
  }
}

/**
 * What a delivery would be called if its signature were right: for one that somebody takes in by hand, so that the same delivery, rightly signed, is
 * known when it comes. Of Twilio, which signs the address too, only a message has such a name.
 */
export function namesOf(request: WebhookRequest, signature: Signature | null): Verified {
  if (signature === null) return known(request.body, { deliveryId: null, isIdSigned: false });
  switch (signature.scheme) {
    case "none":
    case "basic":
    case "bearer":
      return known(request.body, unsignedId(request, signature.idHeader));
    case "twilio":
      return known(request.body, { deliveryId: messageOf(request), isIdSigned: false });
    case "hmac":
      return known(request.body, namedDelivery(request, ownScheme(signature)));
    default:
      return known(request.body, namedDelivery(request, HMAC_SCHEMES[signature.scheme]));
  }
}

function unsignedId(request: WebhookRequest, name: string | undefined) {
  return { deliveryId: (name === undefined ? null : oneOf(request, [name])) || null, isIdSigned: false };
}
