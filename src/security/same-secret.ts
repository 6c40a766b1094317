/** The one place where secrets, and what is made of them, are compared: a test looks for other comparisons. */
import { timingSafeEqual } from "node:crypto";

/**
 * In a time that does not tell where the two differ; whether they have one length it may tell, so compare digests where a length is
 * secret. Texts are compared as texts: several texts of base64 mean the same bytes, and only one of them was given out.
 */
export function isSameSecret(a: string | Uint8Array, b: string | Uint8Array): boolean {
  const [left, right] = [bytesOf(a), bytesOf(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? Buffer.from(value) : value;
}
