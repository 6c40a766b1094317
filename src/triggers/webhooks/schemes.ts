/**
 * Signature schemes as data: where the signature is, what was signed, and how the delivery is called. `hmac` is the same with every part
 * chosen by the workflow.
 */
import type { NAMED_SCHEMES, OwnSignature } from "../../core/definition/webhook-signature.ts";

export type Encoding = "hex" | "base64" | "base64url";
export type Algorithm = "sha1" | "sha256" | "sha384" | "sha512";

/** How a secret's text becomes the key: as it is, decoded, or base64 with or without `whsec_` in front. */
export type KeyForm = "text" | "base64" | "hex" | "whsec";

export interface TimestampPlace {
  readonly header: string;
  readonly unit: "s" | "ms";
}

/** A scheme that signs the body with a key that both sides know. */
export interface HmacScheme {
  readonly algorithm: Algorithm;
  /** Headers that may have the signature. One request has only one of them. */
  readonly headers: readonly [string, ...string[]];
  /** What stands before a signature: `sha256=`. */
  readonly prefix: string;
  readonly encoding: Encoding;
  readonly key: KeyForm;
  /** Several signatures in one header, and what each part of such a list looks like; `null`: one. */
  readonly list: { readonly separator: string; readonly part: RegExp } | null;
  /** Header with the time of signing, or what stands before it in the list; `null`: no time is signed. */
  readonly timestamp: TimestampPlace | { readonly part: string } | null;
  /** Headers of which one may have the id, or a member of the JSON body. */
  readonly id: { readonly headers: readonly string[] } | { readonly member: string } | null;
  /** What is signed: a text with `{body}`, and maybe `{id}` and `{timestamp}`. */
  readonly content: string;
}

const plain = {
  algorithm: "sha256",
  prefix: "",
  encoding: "hex",
  key: "text",
  list: null,
  timestamp: null,
  id: null,
  content: "{body}",
} as const;

const standard = (name: string): HmacScheme => ({
  ...plain,
  headers: [`${name}-signature`],
  prefix: "v1,",
  encoding: "base64",
  key: "whsec",
  // Two headers that a proxy has joined have a comma at the end of a part.
  list: { separator: " ", part: /^v\d[a-z]?,[A-Za-z0-9+/=_-]+$/ },
  timestamp: { header: `${name}-timestamp`, unit: "s" },
  id: { headers: [`${name}-id`] },
  content: "{id}.{timestamp}.{body}",
});

export const HMAC_SCHEMES: Readonly<Record<(typeof NAMED_SCHEMES)[number], HmacScheme>> = {
  standard: standard("webhook"),
  svix: standard("svix"),
  github: {
    ...plain,
    headers: ["x-hub-signature-256"],
    prefix: "sha256=",
    id: { headers: ["x-github-delivery"] },
  },
  stripe: {
    ...plain,
    headers: ["stripe-signature"],
    prefix: "v1=",
    list: { separator: ",", part: /^[a-z0-9]+=[A-Za-z0-9+/=_-]*$/ },
    timestamp: { part: "t=" },
    id: { member: "id" },
    content: "{timestamp}.{body}",
  },
  slack: {
    ...plain,
    headers: ["x-slack-signature"],
    prefix: "v0=",
    timestamp: { header: "x-slack-request-timestamp", unit: "s" },
    id: { member: "event_id" },
    content: "v0:{timestamp}:{body}",
  },
  shopify: {
    ...plain,
    // The second of each is that of Shopify's newer "Events".
    headers: ["x-shopify-hmac-sha256", "shopify-hmac-sha256"],
    encoding: "base64",
    // The same event comes once per subscription; the id of the event is what two subscriptions share.
    id: { headers: ["x-shopify-event-id", "shopify-event-id"] },
  },
};

/** What the workflow chose, in the form of the table. */
export function ownScheme(own: OwnSignature): HmacScheme {
  const { timestampHeader, timestampUnit, idHeader } = own;
  return {
    algorithm: own.algorithm,
    headers: [own.header],
    prefix: own.prefix,
    encoding: own.encoding,
    key: own.secretEncoding,
    list: null,
    timestamp: timestampHeader === undefined ? null : { header: timestampHeader, unit: timestampUnit },
    id: idHeader === undefined ? null : { headers: [idHeader] },
    content: own.content,
  };
}
