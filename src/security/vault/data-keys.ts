/** The data keys of workspaces, unwrapped when they are needed and kept in memory. */
import { randomBytes } from "node:crypto";
import { FlowForgeError } from "../../core/errors.ts";
import type { CredentialStore, DataKey } from "../../core/ports/credentials.ts";
import type { KeyService } from "./key-service.ts";
import { KEY_BYTES } from "./sealed-box.ts";

/** Of the workspaces that were used last. */
const MAX_KEPT = 1_000;

export interface OpenKey {
  readonly number: number;
  readonly key: Uint8Array;
}

export class DataKeys {
  readonly #store: CredentialStore;
  readonly #service: KeyService;
  readonly #open = new Map<string, Promise<Uint8Array>>();

  constructor(store: CredentialStore, service: KeyService) {
    this.#store = store;
    this.#service = service;
  }

  /** The key that seals now; made where the workspace has none. */
  async newest(workspace: string): Promise<OpenKey> {
    const keys = await this.#store.dataKeys(workspace);
    const newest = keys.at(-1);
    return newest ? this.#opened(newest) : this.add(workspace, 1);
  }

  /** `null`: the workspace has no key of this number. */
  async numbered(workspace: string, number: number): Promise<OpenKey | null> {
    const kept = this.#open.get(placeOf(workspace, number));
    if (kept) return { number, key: await kept };
    const keys = await this.#store.dataKeys(workspace);
    const found = keys.find((key) => key.number === number);
    return found ? this.#opened(found) : null;
  }

  /** A new key of this number; that of another process, where it was faster. */
  async add(workspace: string, number: number): Promise<OpenKey> {
    const key = randomBytes(KEY_BYTES);
    const stored = await this.#wrapped({ workspace, number }, key);
    if (await this.#store.addDataKey(stored)) return { number, key };
    return this.newest(workspace);
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
    const { workspace, number } = stored;
    const place = placeOf(workspace, number);
    const kept = this.#open.get(place) ?? this.#unwrap(stored);
    // The newest at the end; an error is not kept.
    this.#open.delete(place);
    this.#open.set(place, kept);
    kept.catch(() => this.#open.delete(place));
    if (this.#open.size > MAX_KEPT) this.#open.delete(this.#open.keys().next().value as string);
    return { number, key: await kept };
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
