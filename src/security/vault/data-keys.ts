/**
 * The data keys of workspaces, unwrapped when they are needed and kept in memory.
 *
 * Nonces are random, so a key may seal so many texts and no more; the store counts them. A process takes blocks of them ahead, and loses what it
 * has not used when it ends: a key has never sealed more than is counted.
 */
import { randomBytes } from "node:crypto";
import { FlowForgeError } from "../../core/errors.ts";
import type { CredentialStore, DataKey } from "../../core/ports/credentials.ts";
import type { KeyService } from "./key-service.ts";
import { KEY_BYTES } from "./sealed-box.ts";

/** Of the workspaces that were used last. */
const MAX_KEPT = 1_000;
/** A quarter of what NIST SP 800-38D allows with random nonces of 96 bits. Then the workspace gets its next key. */
const MAX_SEALS = 2 ** 30;
/** More than one credential has fields. */
const SEALS_AT_ONCE = 1_024;
/** Processes that make the next key at the same moment: each try loses to another that has succeeded. */
const MAX_TRIES = 20;

export interface OpenKey {
  readonly number: number;
  readonly key: Uint8Array;
}

/** How many texts a key seals, and how many of them a process takes at once. */
export interface SealLimits {
  readonly perKey: number;
  readonly atOnce: number;
}

interface Kept {
  /** A workspace that was shredded begins again with key 1, which is another one. */
  readonly wrapped: string;
  readonly key: Promise<Uint8Array>;
  /** Seals that this process has taken and not used. */
  left: number;
}

export class DataKeys {
  readonly #store: CredentialStore;
  readonly #service: KeyService;
  readonly #limits: SealLimits;
  readonly #open = new Map<string, Kept>();

  constructor(store: CredentialStore, service: KeyService, limits?: SealLimits) {
    this.#store = store;
    this.#service = service;
    this.#limits = limits ?? { perKey: MAX_SEALS, atOnce: SEALS_AT_ONCE };
  }

  /** The newest key, for so many seals; made where the workspace has none, or where the newest one has no more of them. */
  async sealing(workspace: string, seals: number): Promise<OpenKey> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const newest = (await this.#store.dataKeys(workspace)).at(-1);
      if (newest && (await this.#take(newest, seals))) return this.#opened(newest);
      await this.add(workspace, (newest?.number ?? 0) + 1);
    }
    throw new FlowForgeError("credential_unreadable", {
      subject: `the data key of workspace "${workspace}"`,
      expected: `one that seals ${seals} more texts`,
      next: "Others make keys for this workspace all the time; try again.",
    });
  }

  /** `null`: the workspace has no key of this number. */
  async numbered(workspace: string, number: number): Promise<OpenKey | null> {
    const kept = this.#open.get(placeOf(workspace, number));
    if (kept) return { number, key: await kept.key };
    const keys = await this.#store.dataKeys(workspace);
    const found = keys.find((key) => key.number === number);
    return found ? this.#opened(found) : null;
  }

  /** A new key of this number, where no other process was faster. */
  async add(workspace: string, number: number): Promise<void> {
    const key = randomBytes(KEY_BYTES);
    const stored = await this.#wrapped({ workspace, number }, key);
    if (!(await this.#store.addDataKey(stored))) return;
    this.#keep(stored, { wrapped: stored.wrapped, key: Promise.resolve(key), left: 0 });
  }

  /** Wraps a data key with the current key of the service. `false`: somebody else did. */
  async rewrap(key: DataKey): Promise<boolean> {
    const { key: open } = await this.#opened(key);
    return this.#store.rewrapDataKey(await this.#wrapped(key, open), key.wrappedBy);
  }

  forget(workspace: string): void {
    const prefix = placeOf(workspace, "");
    for (const place of this.#open.keys()) if (place.startsWith(prefix)) this.#open.delete(place);
  }

  async #wrapped(
    { workspace, number }: Pick<DataKey, "workspace" | "number">,
    key: Uint8Array,
  ): Promise<DataKey> {
    const { current } = this.#service;
    const wrapped = await this.#service.wrap(key, { workspace, dataKey: number });
    return { workspace, number, wrappedBy: current, wrapped: Buffer.from(wrapped).toString("base64") };
  }

  async #opened(stored: DataKey): Promise<OpenKey> {
    return { number: stored.number, key: await this.#kept(stored).key };
  }

  #kept(stored: DataKey): Kept {
    const { wrapped } = stored;
    const known = this.#open.get(placeOf(stored.workspace, stored.number));
    return this.#keep(
      stored,
      known?.wrapped === wrapped ? known : { wrapped, key: this.#unwrap(stored), left: 0 },
    );
  }

  #keep({ workspace, number }: DataKey, kept: Kept): Kept {
    const place = placeOf(workspace, number);
    // The newest at the end; an error is not kept.
    this.#open.delete(place);
    this.#open.set(place, kept);
    kept.key.catch(() => this.#open.delete(place));
    if (this.#open.size > MAX_KEPT) this.#open.delete(this.#open.keys().next().value as string);
    return kept;
  }

  /** `false`: the key has not so many left, or is gone. */
  async #take(stored: DataKey, seals: number): Promise<boolean> {
    const kept = this.#kept(stored);
    if (kept.left < seals) {
      const { perKey, atOnce } = this.#limits;
      const count = Math.max(seals, atOnce);
      if (!(await this.#store.reserveSeals(stored, { count, limit: perKey }))) return false;
      kept.left += count;
    }
    kept.left -= seals;
    return true;
  }

  async #unwrap({ workspace, number, wrapped, wrappedBy }: DataKey): Promise<Uint8Array> {
    try {
      const context = { workspace, dataKey: number };
      return await this.#service.unwrap(Buffer.from(wrapped, "base64"), wrappedBy, context);
    } catch (cause) {
      throw new FlowForgeError("credential_unreadable", {
        subject: `data key ${number} of workspace "${workspace}"`,
        received: `one that is wrapped by "${wrappedBy}"`,
        next: "Give the engine that key in its option `encryption`, beside the current one.",
        cause,
      });
    }
  }
}

function placeOf(workspace: string, number: number | ""): string {
  return `${JSON.stringify(workspace)} ${number}`;
}
