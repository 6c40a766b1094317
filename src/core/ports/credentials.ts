/**
 * Where credentials are kept: sealed values, and the data keys that seal them, which are wrapped themselves. The store sees no secret.
 * Part of `Store`; both stores pass the same rules.
 */
/** A workspace's own key. Its credentials are sealed with the one of the highest number; the others are for reading only. */
export interface DataKey {
  readonly workspace: string;
  /** 1, 2, 3 ... */
  readonly number: number;
  /** Id of the key that wraps it. */
  readonly wrappedBy: string;
  /** Base64. */
  readonly wrapped: string;
}

export interface CredentialHeader {
  readonly workspace: string;
  readonly name: string;
  /** A UUID: the same for as long as the credential exists. */
  readonly id: string;
  /** 1, and one more with every write. */
  readonly version: number;
  /** Names of what it holds, sorted. */
  readonly fields: readonly string[];
  /** Hosts that it may be sent to; `null`: any. */
  readonly allowHosts: readonly string[] | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Base64 by field. */
export type SealedFields = { readonly [field: string]: string };

export interface SealedCredential extends Omit<CredentialHeader, "fields"> {
  /** Number of the data key that seals it. */
  readonly dataKey: number;
  readonly sealed: SealedFields;
}

export type CredentialWrite = Omit<SealedCredential, "createdAt" | "updatedAt">;

export interface CredentialStore {
  /** Of a workspace, by number. */
  dataKeys(workspace: string): Promise<readonly DataKey[]>;
  /** `false`: there is a key of that number already. */
  addDataKey(key: DataKey): Promise<boolean>;
  /**
   * Counts so many texts that the key will seal. `false`, and nothing is counted: it would be more than the limit in all, or there is no such
   * key. A new key has 0.
   */
  reserveSeals(
    key: Pick<DataKey, "workspace" | "number">,
    seals: { readonly count: number; readonly limit: number },
  ): Promise<boolean>;
  /** Puts another wrapping in the place of the one by `from`. `false`: it is wrapped by another key by now, or gone. */
  rewrapDataKey(key: DataKey, from: string): Promise<boolean>;
  /** The newest data key of each workspace, by workspace, after this one. */
  newestDataKeys(page: { readonly after?: string; readonly limit: number }): Promise<readonly DataKey[]>;
  /** Data keys that another key than this one wraps. */
  dataKeysNotWrappedBy(id: string, limit: number): Promise<readonly DataKey[]>;
  /** Deletes the data keys of a workspace below a number that seal nothing any more. Returns how many. */
  dropDataKeys(workspace: string, below: number): Promise<number>;

  credential(workspace: string, name: string): Promise<SealedCredential | null>;
  /** By name, after this one (in the order of code points). */
  credentials(page: {
    readonly workspace: string;
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly CredentialHeader[]>;
  /** Credentials of a workspace that a data key below this number seals. */
  credentialsSealedBelow(
    workspace: string,
    dataKey: number,
    limit: number,
  ): Promise<readonly SealedCredential[]>;
  /**
   * Writes a version: the stored one is the one before it, of the same id; version 1 needs that there is none. `false`, and nothing
   * is written: somebody else was faster, or its data key is gone.
   */
  putCredential(credential: CredentialWrite): Promise<boolean>;
  /** `false`: there was none. */
  deleteCredential(workspace: string, name: string): Promise<boolean>;
  /** Deletes every credential and data key of a workspace, so that copies of its rows are worth nothing. */
  shred(workspace: string): Promise<{ readonly credentials: number }>;
}
