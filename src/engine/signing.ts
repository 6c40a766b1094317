/**
 * Signed texts: a body that whoever holds it can read and nobody can change. HMAC-SHA-256; the first key signs, every key
 * verifies, so that a key can be replaced while texts that the old one signed are still about.
 */
import { createHmac } from "node:crypto";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { isSameSecret } from "../security/same-secret.ts";

/** Longer texts are refused unread. */
const MAX_LENGTH = 8_192;
const MIN_KEY_BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export class Signer {
  readonly #purpose: string;
  readonly #keys: readonly Buffer[];

  /** `purpose`: a text that was signed for one is not valid for another. */
  constructor(purpose: string, keys: readonly Buffer[]) {
    this.#purpose = purpose;
    this.#keys = keys;
  }

  get canSign(): boolean {
    return this.#keys.length > 0;
  }

  /** `<body>.<signature>`, made of characters that need no escape in a URL. Only where `canSign`. */
  sign(body: Json): string {
    const text = Buffer.from(JSON.stringify(body)).toString("base64url");
    return `${text}.${this.#signature(text, this.#keys[0]!)}`;
  }

  /** The body, or `null` where no key of this engine has signed the text as it is. */
  verify(signed: unknown): Json | null {
    if (typeof signed !== "string" || signed.length > MAX_LENGTH) return null;
    const [text = "", signature = "", ...rest] = signed.split(".");
    if (rest.length > 0 || !this.#keys.some((key) => isSameSecret(signature, this.#signature(text, key))))
      return null;
    return JSON.parse(Buffer.from(text, "base64url").toString()) as Json;
  }

  #signature(text: string, key: Buffer): string {
    return createHmac("sha256", key).update(`${this.#purpose}.${text}`).digest("base64url");
  }
}

/** Throws `option_invalid` for a key that is not base64, or too short. */
export function parseSigningKeys(keys: string | readonly string[] | undefined): readonly Buffer[] {
  const list = typeof keys === "string" ? [keys] : (keys ?? []);
  return list.map((key) => {
    const bytes = Buffer.from(key, "base64");
    if (BASE64.test(key) && bytes.length >= MIN_KEY_BYTES) return bytes;
    throw new FlowForgeError("option_invalid", {
      subject: 'option "signingKey" of createEngine',
      expected: `base64 of at least ${MIN_KEY_BYTES} random bytes`,
      received: `${bytes.length} bytes`,
      next: "Make one with: openssl rand -base64 32",
    });
  });
}
