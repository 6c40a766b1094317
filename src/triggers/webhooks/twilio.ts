/**
 * Twilio signs its own view of the request: the address that it was told to call, and the fields of a form in the order of their names, run
 * together without anything between them. A body that is no form is signed by its SHA-256 in the address.
 *
 * So other bodies have the same signature: `a=bc` and `ab=c`, and every other spelling of a form. What names a delivery is therefore the hash of
 * what was signed, not of the bytes, and an id among the fields is not called signed.
 */
import { createHash } from "node:crypto";
import { isSameSecret } from "../../security/same-secret.ts";
import { isDigest, isSigned, keysOf } from "./digest.ts";
import { headerOf, type WebhookRequest } from "./request.ts";
import type { TwilioSignature } from "../../core/definition/webhook-signature.ts";
import { known, type NotVerified, refused, type Verified } from "./verdict.ts";

const HEADER = "x-twilio-signature";
const FORM = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;
const MAX_FIELDS = 1_000;
const BODY_HASH = /[?&]bodySHA256=([0-9a-f]{64})(?:&|#|$)/g;

/** The request with the address that Twilio called: a proxy may have changed its scheme, host or path, but not its query. */
export function asCalled(request: WebhookRequest, { url }: TwilioSignature): WebhookRequest {
  if (url === undefined) return request;
  const query = request.url.indexOf("?");
  return { ...request, url: query < 0 ? url : url + request.url.slice(query) };
}

export function verifyTwilio(request: WebhookRequest, secrets: readonly string[]): Verified | NotVerified {
  const keys = keysOf(secrets, "text");
  if (keys.length === 0) return refused("secret_missing", "The credential has no secret.");
  const signature = headerOf(request, HEADER);
  if (!signature) return refused("signature_missing", `There is no header ${HEADER}.`);
  if (!isDigest(signature, "sha1", "base64"))
    return refused("signature_malformed", `${HEADER} is no SHA-1 in base64.`);
  const signed = request.url.includes("bodySHA256") ? signedHash(request) : signedForm(request);
  if (typeof signed === "object") return signed;
  // Whether Twilio writes the port that everybody expects is not told.
  const by = { keys, algorithm: "sha1", encoding: "base64" } as const;
  const addresses = addressesOf(request.url);
  const fits = addresses.map((url) => isSigned(Buffer.from(url + signed), [signature], by)).includes(true);
  if (!fits) {
    return refused(
      "signature_mismatch",
      `${HEADER} does not fit the address and the fields. Twilio signs the public address that it calls.`,
    );
  }
  return known(addresses[0] + signed, { deliveryId: messageOf(request), isIdSigned: false });
}

function isForm(request: WebhookRequest): boolean {
  return FORM.test(headerOf(request, "content-type") ?? "");
}

function fieldsOf(body: Uint8Array): URLSearchParams {
  return new URLSearchParams(Buffer.from(body).toString());
}

/** Names in the order of their UTF-16 units; of a name that is there more than once, each value once and in order. */
function signedForm(request: WebhookRequest): string | NotVerified {
  const { body } = request;
  if (body.length > 0 && !isForm(request))
    return refused("body_mismatch", "The body is no form, and the address has no bodySHA256.");
  const values = new Map<string, Set<string>>();
  let count = 0;
  for (const [name, value] of fieldsOf(body)) {
    if (++count > MAX_FIELDS) return refused("body_mismatch", `The form has more than ${MAX_FIELDS} fields.`);
    const of = values.get(name) ?? new Set();
    values.set(name, of.add(value));
  }
  return [...values.keys()]
    .toSorted(byUnits)
    .flatMap((name) => [...values.get(name)!].toSorted(byUnits).map((value) => name + value))
    .join("");
}

function byUnits(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** The address has the body's hash, once, and nothing else is signed. */
function signedHash({ url, body }: WebhookRequest): string | NotVerified {
  const [found, second] = [...url.matchAll(BODY_HASH)];
  if (!found || second)
    return refused("body_mismatch", "bodySHA256 in the address is no hash, or there twice.");
  const digest = createHash("sha256").update(body).digest("hex");
  if (isSameSecret(found[1]!, digest)) return "";
  return refused("body_mismatch", "The body is another one than bodySHA256 in the address says.");
}

const ORIGIN = /^(https?):\/\/([^/?#@]+?)(?::(\d{1,5}))?(?=[/?#]|$)/i;

/** The address without its port, with the port that its scheme means, and as it is. Not as `URL` would write it: bytes were signed. */
function addressesOf(url: string): readonly string[] {
  const [origin, scheme = "", host = ""] = ORIGIN.exec(url) ?? [];
  if (origin === undefined) return [url];
  const rest = url.slice(origin.length);
  const port = scheme.toLowerCase() === "https" ? 443 : 80;
  return [`${scheme}://${host}${rest}`, `${scheme}://${host}:${port}${rest}`, url];
}

/** A message is told of once per status. A call asks for many things in one status, so it has no name. */
export function messageOf(request: WebhookRequest): string | null {
  if (!isForm(request)) return null;
  const fields = fieldsOf(request.body);
  const message = fields.get("MessageSid");
  const status = fields.get("MessageStatus") ?? fields.get("SmsStatus") ?? "";
  return message ? `${message}:${status}` : null;
}
