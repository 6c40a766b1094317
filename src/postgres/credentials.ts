/** Credentials and data keys: see `CredentialStore`. */
import type {
  CredentialHeader,
  CredentialStore,
  CredentialWrite,
  DataKey,
  SealedCredential,
  SealedFields,
} from "../core/ports/credentials.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { checkedLimit } from "./pages.ts";
import { parseJson } from "./rows.ts";

interface KeyRow {
  readonly workspace: string;
  readonly number: number;
  readonly wrapped_by: string;
  readonly wrapped: string;
}

interface CredentialRow {
  readonly workspace: string;
  readonly name: string;
  readonly id: string;
  readonly version: number;
  readonly data_key: number;
  readonly created_at: number;
  readonly updated_at: number;
  readonly allow_hosts: readonly string[] | null;
  readonly sealed: string;
}

const KEY_COLUMNS = "k.workspace, k.number, k.wrapped_by, k.wrapped";
const COLUMNS = `c.workspace, c.name, c.id, c.version, c.data_key, c.created_at, c.updated_at, c.allow_hosts, c.sealed`;

export class Credentials implements CredentialStore {
  readonly #pool: ConnectionPool;
  readonly #s: string;

  constructor(pool: ConnectionPool, s: string) {
    this.#pool = pool;
    this.#s = s;
  }

  async dataKeys(workspace: string): Promise<readonly DataKey[]> {
    return this.#keys(`where k.workspace = $1 order by k.number`, [workspace]);
  }

  async addDataKey({ workspace, number, wrappedBy, wrapped }: DataKey): Promise<boolean> {
    return this.#did(
      `insert into ${this.#s}.data_keys (workspace, number, wrapped_by, wrapped, created_at)
       values ($1, $2, $3, $4, ${this.#s}.now()) on conflict do nothing returning 1`,
      [workspace, number, wrappedBy, wrapped],
    );
  }

  async reserveSeals(
    { workspace, number }: Pick<DataKey, "workspace" | "number">,
    { count, limit }: { count: number; limit: number },
  ): Promise<boolean> {
    return this.#did(
      `update ${this.#s}.data_keys set seals = seals + $3
       where workspace = $1 and number = $2 and seals + $3 <= $4 returning 1`,
      [workspace, number, count, limit],
    );
  }

  async rewrapDataKey({ workspace, number, wrappedBy, wrapped }: DataKey, from: string): Promise<boolean> {
    return this.#did(
      `update ${this.#s}.data_keys set wrapped_by = $3, wrapped = $4
       where workspace = $1 and number = $2 and wrapped_by = $5 returning 1`,
      [workspace, number, wrappedBy, wrapped, from],
    );
  }

  async newestDataKeys({
    after = "",
    limit,
  }: {
    after?: string;
    limit: number;
  }): Promise<readonly DataKey[]> {
    return this.#keys(
      `where k.workspace collate "C" > $1
       and not exists (select from ${this.#s}.data_keys l where l.workspace = k.workspace and l.number > k.number)
       order by k.workspace collate "C" limit $2`,
      [after, limit],
    );
  }

  async dataKeysNotWrappedBy(id: string, limit: number): Promise<readonly DataKey[]> {
    return this.#keys(`where k.wrapped_by <> $1 limit $2`, [id, limit]);
  }

  async dropDataKeys(workspace: string, below: number): Promise<number> {
    const rows = await this.#pool.query({
      text: `delete from ${this.#s}.data_keys k where k.workspace = $1 and k.number < $2 and not exists
        (select from ${this.#s}.credentials c where c.workspace = k.workspace and c.data_key = k.number) returning 1`,
      values: [workspace, below],
    });
    return rows.length;
  }

  async credential(workspace: string, name: string): Promise<SealedCredential | null> {
    const [found] = await this.#sealed(`where c.workspace = $1 and c.name = $2`, [workspace, name]);
    return found ?? null;
  }

  async credentials({
    workspace,
    after = "",
    limit,
  }: {
    workspace: string;
    after?: string;
    limit: number;
  }): Promise<readonly CredentialHeader[]> {
    const found = await this.#sealed(
      `where c.workspace = $1 and c.name collate "C" > $2 order by c.name collate "C" limit $3`,
      [workspace, after, checkedLimit(limit)],
    );
    return found.map(header);
  }

  async credentialsSealedBelow(
    workspace: string,
    dataKey: number,
    limit: number,
  ): Promise<readonly SealedCredential[]> {
    return this.#sealed(`where c.workspace = $1 and c.data_key < $2 limit $3`, [workspace, dataKey, limit]);
  }

  async putCredential(write: CredentialWrite): Promise<boolean> {
    const { workspace, name, id, version, dataKey, allowHosts, sealed } = write;
    const s = this.#s;
    // The key is locked, so that whoever deletes it waits, or has done so before.
    const key = `select k.number from ${s}.data_keys k where k.workspace = $1 and k.number = $5 for key share`;
    const write1 = `insert into ${s}.credentials (workspace, name, id, version, data_key, sealed, allow_hosts, created_at, updated_at)
      select $1, $2, $3, $4, key.number, $6::json, $7::text[], ${s}.now(), ${s}.now() from key
      on conflict do nothing returning 1`;
    const writeNext = `update ${s}.credentials set version = $4, data_key = key.number, sealed = $6::json,
      allow_hosts = $7::text[], updated_at = ${s}.now() from key
      where workspace = $1 and name = $2 and id = $3 and version = $4 - 1 returning 1`;
    return this.#did(`with key as (${key}) ${version === 1 ? write1 : writeNext}`, [
      workspace,
      name,
      id,
      version,
      dataKey,
      JSON.stringify(sealed),
      allowHosts,
    ]);
  }

  async deleteCredential(workspace: string, name: string): Promise<boolean> {
    return this.#did(`delete from ${this.#s}.credentials where workspace = $1 and name = $2 returning 1`, [
      workspace,
      name,
    ]);
  }

  async shred(workspace: string): Promise<{ readonly credentials: number }> {
    return this.#pool.use(async (session) => {
      const run = (text: string) => session.query({ text, values: [workspace] });
      await session.query({ text: "begin" });
      try {
        // Keys first: whoever writes a credential meanwhile waits for them, and then has none.
        await run(`select 1 from ${this.#s}.data_keys where workspace = $1 for update`);
        const gone = await run(`delete from ${this.#s}.credentials where workspace = $1 returning 1`);
        await run(`delete from ${this.#s}.data_keys where workspace = $1`);
        await session.query({ text: "commit" });
        return { credentials: gone.length };
      } catch (error) {
        await session.query({ text: "rollback" }).catch(() => undefined);
        throw error;
      }
    });
  }

  async #keys(rest: string, values: readonly unknown[]): Promise<readonly DataKey[]> {
    const rows = await this.#pool.query<KeyRow>({
      text: `select ${KEY_COLUMNS} from ${this.#s}.data_keys k ${rest}`,
      values,
    });
    return rows.map(({ wrapped_by: wrappedBy, ...row }) => ({ ...row, wrappedBy }));
  }

  async #sealed(rest: string, values: readonly unknown[]): Promise<readonly SealedCredential[]> {
    const rows = await this.#pool.query<CredentialRow>({
      text: `select ${COLUMNS} from ${this.#s}.credentials c ${rest}`,
      values,
    });
    return rows.map((row) => ({
      workspace: row.workspace,
      name: row.name,
      id: row.id,
      version: row.version,
      dataKey: row.data_key,
      sealed: parseJson(row.sealed) as SealedFields,
      allowHosts: row.allow_hosts,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    }));
  }

  async #did(text: string, values: readonly unknown[]): Promise<boolean> {
    const rows = await this.#pool.query({ text, values });
    return rows.length > 0;
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
