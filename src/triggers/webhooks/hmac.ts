/** Verification of every scheme of the table: shape of the headers first, then the signature over the raw bytes, then the time. */
import { isDigest, isSigned, keysOf } from "./digest.ts";
import { type WebhookRequest, headerOf, oneOf } from "./request.ts";
import type { HmacScheme } from "./schemes.ts";
import { known, type NotVerified, refused, type Verified } from "./verdict.ts";

export interface Given {
  readonly secrets: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Seconds, before and after now. */
  readonly tolerance: number;
}

/** More in one header is an attempt to keep the receiver busy. */
const MAX_SIGNATURES = 16;
const MAX_HEADER = 8_192;
/** One spelling per second: 2001 to 2286, so that digits cannot move between the time and what stands beside it. */
const TIMESTAMP = { s: /^[1-9]\d{9}$/, ms: /^[1-9]\d{12}$/ };
/** Two headers of one name arrive with a comma between their values. */
const HEADER_ID = /^[\x21-\x2b\x2d-\x7e]{1,255}$/;

export function verifyHmac(
  request: WebhookRequest,
  scheme: HmacScheme,
  given: Given,
): Verified | NotVerified {
  const keys = keysOf(given.secrets, scheme.key);
  if (keys.length === 0) return refused("secret_missing", "The credential has no secret that is a key.");
  const list = signaturesOf(request, scheme);
  if ("verified" in list) return list;
  const timestamp = timestampOf(request, scheme, list.parts);
  if (typeof timestamp === "object" && timestamp !== null) return timestamp;
  const id = headerId(request, scheme);
  if (typeof id === "object" && id !== null) return id;
  const content = contentOf(request, scheme, { id, timestamp: timestamp?.toString() ?? null });
  const { algorithm, encoding } = scheme;
  if (!isSigned(content, list.signatures, { keys, algorithm, encoding }))
    return refused("signature_mismatch", `No signature in ${scheme.headers[0]} fits the body and a secret.`);
  const outside = timestamp === null ? null : timeProblem(timestamp, scheme, given);
  return outside ?? known(request.body, deliveryOf(request, scheme, id));
}

function signaturesOf(
  request: WebhookRequest,
  { headers, prefix, list, algorithm, encoding }: HmacScheme,
): { readonly parts: readonly string[]; readonly signatures: readonly string[] } | NotVerified {
  const header = oneOf(request, headers);
  if (header === null) return malformed(`There is more than one of ${headers.join(", ")}.`);
  if (!header) return refused("signature_missing", `There is no header ${headers[0]}.`);
  if (header.length > MAX_HEADER) return malformed(`${headers[0]} is too long.`);
  const parts = list === null ? [header] : header.split(list.separator);
  if (list !== null && !parts.every((part) => list.part.test(part)))
    return malformed(`${headers[0]} is no list of signatures.`);
  const signatures = parts
    .filter((part) => part.startsWith(prefix))
    .map((part) => part.slice(prefix.length))
    .filter((text) => isDigest(text, algorithm, encoding));
  if (signatures.length > 0 && signatures.length <= MAX_SIGNATURES) return { parts, signatures };
  return malformed(
    `${headers[0]} has no signature, or too many: ${algorithm} in ${encoding} is expected, with "${prefix}" in front.`,
  );
}

function malformed(detail: string): NotVerified {
  return refused("signature_malformed", detail);
}

/** `null`: the scheme signs no time. */
function timestampOf(
  request: WebhookRequest,
  { timestamp: place }: HmacScheme,
  parts: readonly string[],
): string | NotVerified | null {
  if (place === null) return null;
  const [text, second] =
    "header" in place
      ? [headerOf(request, place.header)]
      : parts.filter((part) => part.startsWith(place.part)).map((part) => part.slice(place.part.length));
  if (!text) return refused("timestamp_missing", "The time of signing is missing.");
  const unit = "unit" in place ? place.unit : "s";
  if (second === undefined && TIMESTAMP[unit].test(text)) return text;
  const what = unit === "s" ? "seconds" : "milliseconds";
  return refused("timestamp_malformed", `The time of signing is no number of ${what} since 1970.`);
}

function timeProblem(timestamp: string, { timestamp: place }: HmacScheme, given: Given): NotVerified | null {
  const seconds = place !== null && "unit" in place && place.unit === "ms" ? 1_000 : 1;
  const off = Math.abs(given.now / 1_000 - Number(timestamp) / seconds);
  if (off <= given.tolerance) return null;
  return refused("timestamp_outside", `It was signed more than ${given.tolerance} s before or after now.`);
}

/** `null`: there is none, or it is in the body. */
function headerId(request: WebhookRequest, { id: place, content }: HmacScheme): string | NotVerified | null {
  if (place === null || "member" in place) return null;
  const id = oneOf(request, place.headers);
  const isPartOfContent = content.includes("{id}");
  if (!id && id !== null) {
    return isPartOfContent ? refused("id_missing", `There is no header ${place.headers[0]}.`) : null;
  }
  // What stands beside the id in the content could otherwise be a part of the id as well as not.
  const [before = "", after = ""] = isPartOfContent ? content.split("{id}") : [];
  const beside = [before.at(-1), after[0]].filter((each) => each !== undefined);
  if (id !== null && HEADER_ID.test(id) && !beside.some((each) => id.includes(each))) return id;
  return refused("id_malformed", `${place.headers[0]} is there twice, or not an id.`);
}

const PLACEHOLDERS = /(\{(?:id|timestamp|body)\})/;

function contentOf(
  { body }: WebhookRequest,
  { content }: HmacScheme,
  { id, timestamp }: { readonly id: string | null; readonly timestamp: string | null },
): Uint8Array {
  if (content === "{body}") return body;
  const chunks = content.split(PLACEHOLDERS).map((part) => {
    if (part === "{body}") return body;
    if (part === "{id}") return Buffer.from(id ?? "");
    return Buffer.from(part === "{timestamp}" ? (timestamp ?? "") : part);
  });
  return Buffer.concat(chunks);
}

/** As the scheme names it, without a look at the signature. An id that is none is no name. */
export function namedDelivery(
  request: WebhookRequest,
  scheme: HmacScheme,
): { readonly deliveryId: string | null; readonly isIdSigned: boolean } {
  const id = headerId(request, scheme);
  return deliveryOf(request, scheme, typeof id === "string" ? id : null);
}

function deliveryOf(request: WebhookRequest, { id: place, content }: HmacScheme, id: string | null) {
  if (place === null || !("member" in place))
    return { deliveryId: id, isIdSigned: id !== null && content.includes("{id}") };
  const deliveryId = memberOf(request.body, place.member);
  return { deliveryId, isIdSigned: deliveryId !== null };
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
