/** Who wraps the data keys of workspaces: keys that the host passes in, or a key service of its own. */
import { FlowForgeError } from "../../core/errors.ts";
import { associatedData, KEY_BYTES, open, seal } from "./sealed-box.ts";

/** What a wrapped key belongs to: a key service should bind it (an encryption context), so that it opens in no other place. */
export interface KeyContext {
  readonly workspace: string;
  /** Number of the data key. */
  readonly dataKey: number;
}

/** A key management service, as AWS KMS, Google Cloud KMS or Vault's transit engine are. Calls are few: results are kept in memory. */
export interface KeyService {
  /** Id of the key that wraps from now on. */
  readonly current: string;
  /** Wraps 32 bytes with the current key. */
  wrap(dataKey: Uint8Array, context: KeyContext): Promise<Uint8Array>;
  /** Unwraps what the key of this id has wrapped. Rejects where it cannot. */
  unwrap(wrapped: Uint8Array, by: string, context: KeyContext): Promise<Uint8Array>;
}

/** Keys of the host: base64 of 32 random bytes each, by an id that stays theirs. `current` wraps, all of them unwrap. */
export interface EncryptionKeys {
  readonly keys: { readonly [id: string]: string };
  readonly current: string;
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Throws `option_invalid`. */
export function parseEncryption(given: EncryptionKeys | KeyService): KeyService {
  if (!("keys" in given)) return given;
  const keys = new Map(Object.entries(given.keys).map(([id, text]) => [id, keyOf(id, text)]));
  if (!keys.has(given.current)) {
    throw invalid("encryption.current", "the id of one of the keys", JSON.stringify(given.current));
  }
  return new HostKeys(keys, given.current);
}

class HostKeys implements KeyService {
  readonly current: string;
  readonly #keys: ReadonlyMap<string, Buffer>;

  constructor(keys: ReadonlyMap<string, Buffer>, current: string) {
    this.#keys = keys;
    this.current = current;
  }

  async wrap(dataKey: Uint8Array, context: KeyContext): Promise<Uint8Array> {
    const key = this.#keys.get(this.current)!;
    return seal(dataKey, { key, associated: associatedOf(this.current, context) });
  }

  async unwrap(wrapped: Uint8Array, by: string, context: KeyContext): Promise<Uint8Array> {
    const key = this.#keys.get(by);
    if (!key) throw new Error(`The engine was given no encryption key "${by}".`);
    const dataKey = open(wrapped, { key, associated: associatedOf(by, context) });
    if (!dataKey) throw new Error(`Encryption key "${by}" does not open it, or it was changed or moved.`);
    return dataKey;
  }
}

function associatedOf(by: string, { workspace, dataKey }: KeyContext): Buffer {
  return associatedData("flowforge/data-key/v1", [workspace, dataKey, by]);
}

function keyOf(id: string, text: string): Buffer {
  const bytes = BASE64.test(text) ? Buffer.from(text, "base64") : Buffer.alloc(0);
  if (bytes.length === KEY_BYTES) return bytes;
  throw invalid(`encryption.keys.${id}`, `base64 of ${KEY_BYTES} random bytes`, "something else");
}

function invalid(option: string, expected: string, received: string): FlowForgeError {
  const next = "Make a key with: openssl rand -base64 32";
  return new FlowForgeError("option_invalid", { subject: `option "${option}"`, expected, received, next });
}
