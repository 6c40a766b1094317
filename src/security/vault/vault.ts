/**
 * Credentials, sealed: each value is bound to its workspace, credential, field, data key and version, so that a row that is copied or
 * put back opens nowhere. Values go in, and come out for the actions of a run only.
 */
import { randomUUID } from "node:crypto";
import { FlowForgeError } from "../../core/errors.ts";
import type {
  CredentialHeader,
  CredentialStore,
  CredentialWrite,
  SealedCredential,
} from "../../core/ports/credentials.ts";
import { DataKeys, type OpenKey, type SealLimits } from "./data-keys.ts";
import type { KeyService } from "./key-service.ts";
import { associatedData, open, seal } from "./sealed-box.ts";

const PAGE = 200;
/** Writers of one credential at the same moment: each try loses to another that has succeeded. */
const MAX_TRIES = 20;

export type CredentialFields = { readonly [field: string]: string };

export interface Credential {
  readonly fields: CredentialFields;
  readonly allowHosts: readonly string[] | null;
}

export interface Rotation {
  /** Data keys that the current key wraps now. */
  readonly rewrapped: number;
  /** Credentials that a new data key seals now. */
  readonly resealed: number;
}

export class Vault {
  readonly #store: CredentialStore;
  readonly #keys: DataKeys;
  readonly #service: KeyService;

  /** `limits`: only for tests. */
  constructor(store: CredentialStore, service: KeyService, limits?: SealLimits) {
    this.#store = store;
    this.#service = service;
    this.#keys = new DataKeys(store, service, limits);
  }

  /** Writes all fields: those of before that are not among them are gone. */
  async set(workspace: string, name: string, { fields, allowHosts }: Credential): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const stored = await this.#store.credential(workspace, name);
      const id = stored?.id ?? randomUUID();
      const place = { workspace, name, id, version: (stored?.version ?? 0) + 1, allowHosts };
      if (await this.#store.putCredential(await this.#sealed(place, fields))) return;
      // Its data key may be gone because the workspace was shredded meanwhile.
      this.#keys.forget(workspace);
    }
    throw unreadable({ workspace, name }, "Somebody else writes it all the time; try again.");
  }

  /** `null`: there is none. Throws `credential_unreadable`. */
  async get(workspace: string, name: string): Promise<Credential | null> {
    const stored = await this.#store.credential(workspace, name);
    if (!stored) return null;
    const fields = await this.#fieldsOf(stored);
    if (!fields) throw unreadable(stored, "Set it anew; and find out who changed the row.");
    return { fields, allowHosts: stored.allowHosts };
  }

  list(page: {
    readonly workspace: string;
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly CredentialHeader[]> {
    return this.#store.credentials(page);
  }

  delete(workspace: string, name: string): Promise<boolean> {
    return this.#store.deleteCredential(workspace, name);
  }

  /** Its keys are read anew. */
  forget(workspace: string): void {
    this.#keys.forget(workspace);
  }

  async shred(workspace: string): Promise<{ readonly credentials: number }> {
    this.#keys.forget(workspace);
    return await this.#store.shred(workspace);
  }

  /**
   * Wraps every data key with the current key. With `dataKeys` every workspace gets a new data key too, and its credentials are sealed
   * with it; the one before is kept until the next rotation, for those who read at this moment. Whatever breaks it off: the same call
   * goes on.
   */
  async rotate({ dataKeys }: { readonly dataKeys: boolean }): Promise<Rotation> {
    const resealed = dataKeys ? await this.#renewDataKeys() : 0;
    let rewrapped = 0;
    for (let moved = 1; moved > 0; rewrapped += moved) {
      const old = await this.#store.dataKeysNotWrappedBy(this.#service.current, PAGE);
      const done = await Promise.all(old.map((key) => this.#keys.rewrap(key)));
      moved = done.filter(Boolean).length;
    }
    return { rewrapped, resealed };
  }

  async #renewDataKeys(): Promise<number> {
    let resealed = 0;
    let page = await this.#store.newestDataKeys({ limit: PAGE });
    while (page.length > 0) {
      for (const { workspace, number } of page) {
        await this.#store.dropDataKeys(workspace, number);
        await this.#keys.add(workspace, number + 1);
        resealed += await this.#reseal(workspace, number + 1);
      }
      page = await this.#store.newestDataKeys({ limit: PAGE, after: page.at(-1)!.workspace });
    }
    return resealed;
  }

  async #reseal(workspace: string, below: number): Promise<number> {
    let count = 0;
    for (;;) {
      const old = await this.#store.credentialsSealedBelow(workspace, below, PAGE);
      if (old.length === 0) return count;
      for (const stored of old) count += Number(await this.#resealOne(stored));
    }
  }

  /** `false`: somebody has written it meanwhile, with whatever key was the newest. */
  async #resealOne(stored: SealedCredential): Promise<boolean> {
    const fields = await this.#fieldsOf(stored);
    if (!fields) throw unreadable(stored, "Delete it or set it anew, then rotate again.");
    return this.#store.putCredential(await this.#sealed({ ...stored, version: stored.version + 1 }, fields));
  }

  async #sealed(place: Place, fields: CredentialFields): Promise<CredentialWrite> {
    return sealed(place, fields, await this.#keys.sealing(place.workspace, Object.keys(fields).length));
  }

  /** `null`: it does not open. */
  async #fieldsOf(stored: SealedCredential): Promise<CredentialFields | null> {
    const { workspace, dataKey } = stored;
    const kept = await this.#keys.numbered(workspace, dataKey);
    const fields = kept && opened(stored, kept);
    if (fields) return fields;
    // Another process may have shredded the workspace, whose keys begin at 1 again.
    this.#keys.forget(workspace);
    const key = await this.#keys.numbered(workspace, dataKey);
    return key && opened(stored, key);
  }
}

type Place = Omit<CredentialWrite, "dataKey" | "sealed">;

function sealed(place: Place, fields: CredentialFields, { number, key }: OpenKey): CredentialWrite {
  const { workspace, name, id, version, allowHosts } = place;
  const texts = Object.entries(fields).map(([field, value]) => {
    const associated = associatedOf({ workspace, id, version, dataKey: number }, field);
    return [field, seal(Buffer.from(value), { key, associated }).toString("base64")] as const;
  });
  return { workspace, name, id, version, allowHosts, dataKey: number, sealed: Object.fromEntries(texts) };
}

/** `null`: one of the fields does not open. */
function opened(stored: SealedCredential, { key }: OpenKey): CredentialFields | null {
  const fields: [string, string][] = [];
  for (const [field, text] of Object.entries(stored.sealed)) {
    const value = open(Buffer.from(text, "base64"), { key, associated: associatedOf(stored, field) });
    if (!value) return null;
    fields.push([field, value.toString()]);
  }
  return Object.fromEntries(fields);
}

function associatedOf(
  { workspace, id, version, dataKey }: Pick<SealedCredential, "workspace" | "id" | "version" | "dataKey">,
  field: string,
): Buffer {
  return associatedData("flowforge/credential/v1", [workspace, id, field, dataKey, version]);
}

function unreadable({ workspace, name }: { workspace: string; name: string }, next: string): FlowForgeError {
  return new FlowForgeError("credential_unreadable", {
    subject: `credential "${name}" of workspace "${workspace}"`,
    next,
  });
}
