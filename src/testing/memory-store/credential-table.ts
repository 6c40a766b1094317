/** Credentials and data keys. */
import type {
  CredentialHeader,
  CredentialStore,
  CredentialWrite,
  DataKey,
  SealedCredential,
} from "../../core/ports/credentials.ts";

export class CredentialTable implements CredentialStore {
  readonly #now: () => number;
  #keys: readonly DataKey[] = [];
  /** By key, as far as there are some. */
  readonly #seals = new Map<string, number>();
  #credentials: readonly SealedCredential[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  workspaces(): Iterable<string> {
    return [...this.#keys, ...this.#credentials].map(({ workspace }) => workspace);
  }

  count(workspace: string): { readonly credentials: number; readonly dataKeys: number } {
    const own = (row: { readonly workspace: string }): boolean => row.workspace === workspace;
    return { credentials: this.#credentials.filter(own).length, dataKeys: this.#keys.filter(own).length };
  }

  async dataKeys(workspace: string): Promise<readonly DataKey[]> {
    const own = this.#keys.filter((key) => key.workspace === workspace);
    return own.sort((a, b) => a.number - b.number);
  }

  async addDataKey(key: DataKey): Promise<boolean> {
    if (this.#keys.some((other) => isSameKey(other, key))) return false;
    this.#keys = [...this.#keys, { ...key }];
    this.#seals.delete(`${key.number} ${key.workspace}`);
    return true;
  }

  async reserveSeals(
    key: Pick<DataKey, "workspace" | "number">,
    { count, limit }: { count: number; limit: number },
  ): Promise<boolean> {
    if (!this.#keys.some((other) => isSameKey(other, key))) return false;
    const place = `${key.number} ${key.workspace}`;
    const seals = (this.#seals.get(place) ?? 0) + count;
    if (seals > limit) return false;
    this.#seals.set(place, seals);
    return true;
  }

  async rewrapDataKey(key: DataKey, from: string): Promise<boolean> {
    const old = this.#keys.find((other) => isSameKey(other, key) && other.wrappedBy === from);
    if (!old) return false;
    this.#keys = this.#keys.map((other) => (other === old ? { ...key } : other));
    return true;
  }

  async newestDataKeys({
    after = "",
    limit,
  }: {
    after?: string;
    limit: number;
  }): Promise<readonly DataKey[]> {
    const newest = this.#keys.filter(
      (key) =>
        key.workspace > after &&
        !this.#keys.some((other) => other.workspace === key.workspace && other.number > key.number),
    );
    return newest.sort((a, b) => (a.workspace < b.workspace ? -1 : 1)).slice(0, limit);
  }

  async dataKeysNotWrappedBy(id: string, limit: number): Promise<readonly DataKey[]> {
    return this.#keys.filter((key) => key.wrappedBy !== id).slice(0, limit);
  }

  async dropDataKeys(workspace: string, below: number): Promise<number> {
    const isUsed = (key: DataKey): boolean =>
      this.#credentials.some((one) => one.workspace === workspace && one.dataKey === key.number);
    const kept = this.#keys.filter(
      (key) => key.workspace !== workspace || key.number >= below || isUsed(key),
    );
    const dropped = this.#keys.length - kept.length;
    this.#keys = kept;
    return dropped;
  }

  async credential(workspace: string, name: string): Promise<SealedCredential | null> {
    return this.#find(workspace, name) ?? null;
  }

  async credentials(page: {
    workspace: string;
    after?: string;
    limit: number;
  }): Promise<readonly CredentialHeader[]> {
    const { workspace, after = "", limit } = page;
    const own = this.#credentials.filter((one) => one.workspace === workspace && one.name > after);
    return own
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, limit)
      .map(header);
  }

  async credentialsSealedBelow(
    workspace: string,
    dataKey: number,
    limit: number,
  ): Promise<readonly SealedCredential[]> {
    const old = this.#credentials.filter((one) => one.workspace === workspace && one.dataKey < dataKey);
    return old.slice(0, limit);
  }

  async putCredential(write: CredentialWrite): Promise<boolean> {
    const { workspace, name, id, version } = write;
    const stored = this.#find(workspace, name);
    const hasKey = this.#keys.some((key) => key.workspace === workspace && key.number === write.dataKey);
    const follows = stored ? stored.id === id && stored.version === version - 1 : version === 1;
    if (!hasKey || !follows) return false;
    const now = this.#now();
    const row = {
      ...write,
      sealed: { ...write.sealed },
      createdAt: stored?.createdAt ?? now,
      updatedAt: now,
    };
    this.#credentials = [...this.#credentials.filter((one) => one !== stored), row];
    return true;
  }

  async deleteCredential(workspace: string, name: string): Promise<boolean> {
    const stored = this.#find(workspace, name);
    this.#credentials = this.#credentials.filter((one) => one !== stored);
    return stored !== undefined;
  }

  async shred(workspace: string): Promise<{ readonly credentials: number }> {
    const kept = this.#credentials.filter((one) => one.workspace !== workspace);
    const credentials = this.#credentials.length - kept.length;
    this.#credentials = kept;
    this.#keys = this.#keys.filter((key) => key.workspace !== workspace);
    return { credentials };
  }

  #find(workspace: string, name: string): SealedCredential | undefined {
    return this.#credentials.find((one) => one.workspace === workspace && one.name === name);
  }
}

function header(credential: SealedCredential): CredentialHeader {
  const { workspace, name, id, version, sealed, allowHosts, createdAt, updatedAt } = credential;
  return {
    workspace,
    name,
    id,
    version,
    fields: Object.keys(sealed).sort(),
    allowHosts,
    createdAt,
    updatedAt,
  };
}

function isSameKey(a: DataKey, b: Pick<DataKey, "workspace" | "number">): boolean {
  return a.workspace === b.workspace && a.number === b.number;
}
