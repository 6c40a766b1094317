/**
 * AES-256-GCM: a text that only holders of the key can read, and only in the place that it was sealed for (`associated`). Random
 * nonces of 96 bits, which are good for 2^32 texts per key: every workspace has its own, and `DataKeys` counts.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

export const KEY_BYTES = 32;
const FORMAT = 1;
const NONCE_BYTES = 12;
/** Never shorter: Node.js accepts tags of 4 bytes where it is not told the length. */
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";

export interface SealOptions {
  readonly key: Uint8Array;
  readonly associated: Uint8Array;
}

/** `format | nonce | text | tag`. `nonce`: only for tests with known answers. */
export function seal(
  plain: Uint8Array,
  { key, associated }: SealOptions,
  nonce: Uint8Array = randomBytes(NONCE_BYTES),
): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associated);
  const text = [cipher.update(plain), cipher.final()];
  return Buffer.concat([Buffer.of(FORMAT), nonce, ...text, cipher.getAuthTag()]);
}

/** `null`: another key, another place, or something that was changed. */
export function open(sealed: Uint8Array, { key, associated }: SealOptions): Buffer | null {
  if (sealed.length < 1 + NONCE_BYTES + TAG_BYTES || sealed[0] !== FORMAT) return null;
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(1 + NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return null;
  }
}

/** Says for what a text is sealed. Each part has its length in front, so that no two lists of parts look the same. */
export function associatedData(purpose: string, parts: readonly (string | number)[]): Buffer {
  const pieces = [purpose, ...parts].flatMap((part) => {
    const bytes = Buffer.from(String(part));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(pieces);
}
