/** What of a webhook's request is kept: no secrets, and not without bound. */
import { createHash } from "node:crypto";
import type { DeliveryKeys } from "../core/ports/webhooks.ts";
import type { Verified } from "../triggers/webhooks/verdict.ts";

const SECRET = /auth|cookie|secret|token|signature|hmac|password|api-?key|session/;
const MAX_HEADERS = 64;
const MAX_VALUE = 1_024;
const PLAIN_ID = /^[\x21-\x7e]{1,200}$/;

export type Headers = { readonly [name: string]: string };

/** In lower case. A name that is there twice in different cases is joined as HTTP joins it. */
export function lowerCase(headers: Headers): Headers {
  const all = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    const before = all.get(lower);
    all.set(lower, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(all);
}

/** `hidden`: the name of one more that is left out: where the trigger's own scheme has its signature. */
export function publicHeaders(headers: Headers, hidden: string | null): Headers {
  const shown = Object.entries(headers).filter(
    ([name]) => !SECRET.test(name) && name !== hidden && name !== "__proto__",
  );
  return Object.fromEntries(
    shown.slice(0, MAX_HEADERS).map(([name, value]) => [name, value.slice(0, MAX_VALUE)]),
  );
}

/** Without a signed id the body counts too: whoever has seen a delivery can send it again under another id. */
export function keysOf({ deliveryId, isIdSigned, bodyHash }: Verified): DeliveryKeys {
  return {
    key: deliveryId === null ? null : `id:${storable(deliveryId)}`,
    bodyKey: isIdSigned && deliveryId !== null ? null : bodyHash,
  };
}

function storable(id: string): string {
  return PLAIN_ID.test(id) ? id : `sha256:${createHash("sha256").update(id).digest("hex")}`;
}
