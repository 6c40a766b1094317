/** What verification says, and why. */
import { createHash } from "node:crypto";

export interface Verified {
  readonly verified: true;
  /** What the sender calls the delivery; the same when it sends it again. `null`: it has no name. */
  readonly deliveryId: string | null;
  /** Nobody can have given it another id. */
  readonly isIdSigned: boolean;
  /** SHA-256 in hex of the body, or of what was signed of it where other bodies have the same signature. */
  readonly bodyHash: string;
}

export type Refusal =
  | "secret_missing"
  | "signature_missing"
  | "signature_malformed"
  | "signature_mismatch"
  | "body_mismatch"
  | "id_missing"
  | "id_malformed"
  | "timestamp_missing"
  | "timestamp_malformed"
  | "timestamp_outside";

export interface NotVerified {
  readonly verified: false;
  readonly reason: Refusal;
  /** Says nothing of the secret, and nothing of the signature that was expected. */
  readonly detail: string;
}

export function known(
  signed: Uint8Array | string,
  id: { readonly deliveryId: string | null; readonly isIdSigned: boolean },
): Verified {
  return { verified: true, ...id, bodyHash: createHash("sha256").update(signed).digest("hex") };
}

export function refused(reason: Refusal, detail: string): NotVerified {
  return { verified: false, reason, detail };
}
