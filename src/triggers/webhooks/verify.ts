/**
 * Whether a delivery comes from whoever knows the secret. Looks at the bytes as they came. Nothing that a stranger may send makes it throw,
 * and signatures are compared as digests of one length, in a time that does not depend on where they differ.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { headerOf, type WebhookRequest } from "./request.ts";
import { HMAC_SCHEMES, type HmacScheme, type OwnSignature, type Signature } from "./schemes.ts";

export interface VerifyOptions {
  readonly signature: Signature;
  /** Those that are good now; several while one is replaced by another. */
  readonly secrets: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface Verified {
  readonly verified: true;
  /** What the sender calls the delivery; the same when it sends it again. `null`: it has no name. */
  readonly deliveryId: string | null;
  /** Nobody can have given it another id. */
  readonly isIdSigned: boolean;
  /** SHA-256, in hex. */
  readonly bodyHash: string;
}

export interface NotVerified {
  readonly verified: false;
  readonly reason:
    "secret_missing" | "signature_missing" | "signature_mismatch" | "timestamp_invalid" | "timestamp_outside";
  readonly detail: string;
}

const TOLERANCE_SECONDS = 300;

export function verifyWebhook(request: WebhookRequest, options: VerifyOptions): Verified | NotVerified {
  const { signature, now } = options;
  const secrets = options.secrets.filter((secret) => secret !== "");
  if (signature.scheme === "none") return known(request, headerId(request, signature.idHeader), false);
  if (secrets.length === 0) return refused("secret_missing", "The credential has no secret.");
  switch (signature.scheme) {
    case "basic":
    case "bearer":
      return (
        wrongLogin(request, signature.scheme, secrets) ??
        known(request, headerId(request, signature.idHeader), false)
      );
    case "hmac":
      return verifyHmac(request, ownScheme(signature), { secrets, now, tolerance: TOLERANCE_SECONDS });
    default: {
      const { scheme, tolerance = TOLERANCE_SECONDS } = signature;
      return verifyHmac(request, HMAC_SCHEMES[scheme], { secrets, now, tolerance });
    }
  }
}

function ownScheme({ header, prefix, encoding, idHeader }: OwnSignature): HmacScheme {
  const id = idHeader === undefined ? null : { header: idHeader };
  return { ...HMAC_SCHEMES.github, header, prefix, encoding, id };
}

function verifyHmac(
  request: WebhookRequest,
  scheme: HmacScheme,
  given: { readonly secrets: readonly string[]; readonly now: number; readonly tolerance: number },
): Verified | NotVerified {
  const header = headerOf(request, scheme.header);
  if (!header) return refused("signature_missing", `There is no header ${scheme.header}.`);
  const parts = scheme.separator === null ? [header] : header.split(scheme.separator);
  const timestamp = timestampOf(request, scheme, parts);
  const id = idOf(request, scheme);
  const isIdSigned = scheme.signed.includes("id") || (scheme.id !== null && "member" in scheme.id);
  const signatures = parts.filter((part) => part.startsWith(scheme.prefix)).slice(0, 16);
  const message = signedBytes(request, scheme, { id, timestamp });
  // What is no base64 would be an empty key, which everybody knows.
  const keys = given.secrets.map((secret) => keyOf(secret, scheme)).filter((key) => key.length > 0);
  if (keys.length === 0) return refused("secret_missing", "The secret of the credential is no base64.");
  const fits = keys.some((key) => {
    const digest = createHmac("sha256", key).update(message).digest();
    return signatures.some((each) => isDigest(each.slice(scheme.prefix.length), digest, scheme.encoding));
  });
  if (!fits)
    return refused("signature_mismatch", `No signature in ${scheme.header} fits the body and a secret.`);
  if (scheme.signed.includes("id") && (id === null || id.includes(".")))
    return refused("signature_mismatch", "The id is missing, or holds a dot.");
  if (scheme.timestamp === null) return known(request, id, isIdSigned);
  if (timestamp === null || !/^\d{1,12}$/.test(timestamp))
    return refused("timestamp_invalid", "The time of signing is no number of seconds.");
  if (Math.abs(given.now / 1_000 - Number(timestamp)) > given.tolerance)
    return refused("timestamp_outside", `It was signed more than ${given.tolerance} s before or after now.`);
  return known(request, id, isIdSigned);
}

function timestampOf(
  request: WebhookRequest,
  { timestamp }: HmacScheme,
  parts: readonly string[],
): string | null {
  if (timestamp === null) return null;
  if ("header" in timestamp) return headerOf(request, timestamp.header) ?? null;
  return parts.find((part) => part.startsWith(timestamp.part))?.slice(timestamp.part.length) ?? null;
}

function idOf(request: WebhookRequest, { id }: HmacScheme): string | null {
  if (id === null) return null;
  return "header" in id ? headerId(request, id.header) : memberOf(request.body, id.member);
}

function headerId(request: WebhookRequest, name: string | undefined): string | null {
  return (name === undefined ? undefined : headerOf(request, name)) || null;
}

function memberOf(body: Uint8Array, member: string): string | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString());
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, member)) return null;
    const found = (value as { readonly [name: string]: unknown })[member];
    return typeof found === "string" && found !== "" ? found : null;
  } catch {
    return null;
  }
}

function signedBytes(
  { body }: WebhookRequest,
  { signed, separatedBy }: HmacScheme,
  { id, timestamp }: { readonly id: string | null; readonly timestamp: string | null },
): Buffer {
  const chunks = signed.map((part) => {
    if (part === "body") return Buffer.from(body);
    if (typeof part === "object") return Buffer.from(part.text);
    return Buffer.from((part === "id" ? id : timestamp) ?? "");
  });
  const between = Buffer.from(separatedBy);
  return Buffer.concat(chunks.flatMap((chunk, at) => (at === 0 ? [chunk] : [between, chunk])));
}

function keyOf(secret: string, { keyPrefix }: HmacScheme): Buffer {
  if (keyPrefix === null) return Buffer.from(secret);
  return Buffer.from(secret.startsWith(keyPrefix) ? secret.slice(keyPrefix.length) : secret, "base64");
}

const HEX = /^[0-9a-f]{64}$/;
const BASE64 = /^[A-Za-z0-9+/]{43}=$/;

/** Only one spelling of it: `Buffer.from` would read others too. */
function isDigest(text: string, digest: Buffer, encoding: "hex" | "base64"): boolean {
  if (!(encoding === "hex" ? HEX : BASE64).test(text)) return false;
  return timingSafeEqual(Buffer.from(text, encoding), digest);
}

function wrongLogin(
  request: WebhookRequest,
  scheme: "basic" | "bearer",
  secrets: readonly string[],
): NotVerified | null {
  const header = headerOf(request, "authorization");
  if (!header) return refused("signature_missing", "There is no header authorization.");
  const given = hash(Buffer.from(header));
  const wanted = secrets.map((secret) =>
    scheme === "bearer" ? `Bearer ${secret}` : `Basic ${Buffer.from(secret).toString("base64")}`,
  );
  // Every one is compared, so that the time says nothing of which.
  const fits = wanted.map((each) => timingSafeEqual(given, hash(Buffer.from(each)))).includes(true);
  return fits ? null : refused("signature_mismatch", "The login is another one.");
}

function known({ body }: WebhookRequest, deliveryId: string | null, isIdSigned: boolean): Verified {
  return { verified: true, deliveryId, isIdSigned, bodyHash: hash(body).toString("hex") };
}

function hash(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function refused(reason: NotVerified["reason"], detail: string): NotVerified {
  return { verified: false, reason, detail };
}
