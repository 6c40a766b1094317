/** Texts of digests: what they look like, and whether two are the same, in a time that does not depend on where they differ. */
import { createHmac } from "node:crypto";
import { isSameSecret } from "../../security/same-secret.ts";
import type { Algorithm, Encoding, KeyForm } from "./schemes.ts";

const BYTES: Readonly<Record<Algorithm, number>> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
const ALPHABET: Readonly<Record<Encoding, RegExp>> = {
  hex: /^[0-9a-f]*$/,
  base64: /^[A-Za-z0-9+/]*={0,2}$/,
  base64url: /^[A-Za-z0-9_-]*$/,
};
const BASE64_KEY = /^[A-Za-z0-9+/]+={0,2}$/;
const HEX_KEY = /^(?:[0-9A-Fa-f]{2})+$/;
const STANDARD_PREFIX = "whsec_";

/** Whether the text could be such a digest. Upper-case hex, spaces and other lengths cannot. */
export function isDigest(text: string, algorithm: Algorithm, encoding: Encoding): boolean {
  return text.length === lengthOf(BYTES[algorithm], encoding) && ALPHABET[encoding].test(text);
}

/**
 * Whether one of the signatures is that of the content, under one of the keys. All are compared, as texts: several texts of base64 mean the
 * same bytes, and only one of them is the signature. They are digests by `isDigest`, so they have one length.
 */
export function isSigned(
  content: Uint8Array,
  signatures: readonly string[],
  by: { readonly keys: readonly Uint8Array[]; readonly algorithm: Algorithm; readonly encoding: Encoding },
): boolean {
  let found = 0;
  for (const key of by.keys) {
    const expected = createHmac(by.algorithm, key).update(content).digest(by.encoding);
    for (const signature of signatures) found |= Number(isSameSecret(signature, expected));
  }
  return found === 1;
}

/** The keys that the secrets hold. What is no key is left out: an empty one would be known to everybody. */
export function keysOf(secrets: readonly string[], form: KeyForm): readonly Uint8Array[] {
  return secrets.map((secret) => keyOf(secret, form)).filter((key) => key.length > 0);
}

function keyOf(secret: string, form: KeyForm): Buffer {
  const NONE = Buffer.alloc(0);
  switch (form) {
    case "text":
      return Buffer.from(secret);
    case "hex":
      return HEX_KEY.test(secret) ? Buffer.from(secret, "hex") : NONE;
    case "base64":
    case "whsec": {
      const isPrefixed = form === "whsec" && secret.startsWith(STANDARD_PREFIX);
      const text = isPrefixed ? secret.slice(STANDARD_PREFIX.length) : secret;
      return BASE64_KEY.test(text) ? Buffer.from(text, "base64") : NONE;
    }
  }
}

function lengthOf(bytes: number, encoding: Encoding): number {
  if (encoding === "hex") return bytes * 2;
  return encoding === "base64" ? Math.ceil(bytes / 3) * 4 : Math.ceil((bytes * 4) / 3);
}
