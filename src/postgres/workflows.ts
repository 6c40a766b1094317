/**
 * Workflow definitions: one immutable version per checksum. "Newest" moves only to a version that was never seen before, so
 * that old and new processes which register at once cannot flip it back.
 */
import { sql, type Kysely } from "kysely";
import type { WorkflowDocument } from "../core/definition/document.ts";
import type { ListedWorkflow, VersionHead, WorkflowVersion } from "../core/ports/store.ts";
import type { ConnectionPool, Session } from "../postgres-connection/pool.ts";
import { workflowHash } from "./workspaces.ts";
import { fetchRows, type Tables, type WorkflowVersionsTable } from "./tables.ts";
import { replaceTriggers } from "./triggers.ts";

/** A version that may be there already. */
interface Candidate {
  readonly workspace: string;
  readonly document: WorkflowDocument;
  readonly checksum: string;
}

export class Workflows {
  readonly #pool: ConnectionPool;
  readonly #db: Kysely<Tables>;
  readonly #schema: string;

  constructor(pool: ConnectionPool, db: Kysely<Tables>, schema: string) {
    this.#pool = pool;
    this.#db = db;
    this.#schema = schema;
  }

  /** Twenty processes register at every deploy; for the nineteen that find their checksum it is one read. */
  async save(workspace: string, document: WorkflowDocument, checksum: string): Promise<WorkflowVersion> {
    const candidate = { workspace, document, checksum };
    const known = await this.#byChecksum(this.#pool, candidate);
    if (known) return known;
    return this.#pool.use((session) => this.#saveNew(session, candidate));
  }

  async #saveNew(session: Session, candidate: Candidate): Promise<WorkflowVersion> {
    const s = this.#schema;
    await session.query({ text: "begin" });
    try {
      // The workflow's row is the lock under which versions are numbered. Taken first: a statement that waited for it and
      // looks for the checksum afterwards has a new snapshot, and sees what the one before it stored.
      await session.query({
        text: `insert into ${s}.workflows (workspace, name, newest) values ($1::text, $2::text, coalesce((
            select e.newest from ${s}.erased_workflows e where e.name_hash = ${workflowHash("$1::text", "$2::text")}), 0))
          on conflict (workspace, name) do update set newest = workflows.newest`,
        values: [candidate.workspace, candidate.document.name],
      });
      const known = await this.#byChecksum(session, candidate);
      const saved = known ?? (await this.#insert(session, candidate));
      await session.query({ text: "commit" });
      return saved;
    } catch (error) {
      await session.query({ text: "rollback" }).catch(() => undefined);
      throw error;
    }
  }

  async #insert(session: Session, { workspace, document, checksum }: Candidate): Promise<WorkflowVersion> {
    const s = this.#schema;
    const [row] = await session.query<WorkflowVersionsTable>({
      text: `with numbered as (
          update ${s}.workflows set newest = newest + 1 where workspace = $1 and name = $2 returning newest)
        insert into ${s}.workflow_versions (workspace, name, version, created_at, checksum, document)
        select $1, $2, newest, ${s}.now(), $3, $4 from numbered returning *`,
      values: [workspace, document.name, checksum, JSON.stringify(document)],
    });
    await replaceTriggers(session, s, { workspace, document, version: row!.version });
    return workflowVersion(row!);
  }

  async #byChecksum(
    over: Pick<Session, "query">,
    { workspace, document, checksum }: Candidate,
  ): Promise<WorkflowVersion | undefined> {
    const query = this.#versions(workspace)
      .where("v.name", "=", document.name)
      .where("v.checksum", "=", checksum);
    const [row] = await fetchRows(over, query);
    return row && workflowVersion(row);
  }

  #versions(workspace: string) {
    return this.#db.selectFrom("workflow_versions as v").selectAll("v").where("v.workspace", "=", workspace);
  }

  #newest(workspace: string) {
    return this.#versions(workspace).innerJoin("workflows as w", (join) =>
      join
        .onRef("w.workspace", "=", "v.workspace")
        .onRef("w.name", "=", "v.name")
        .onRef("w.newest", "=", "v.version"),
    );
  }

  async one(workspace: string, name: string, version?: number): Promise<WorkflowVersion | null> {
    const query =
      version === undefined
        ? this.#newest(workspace).where("v.name", "=", name)
        : this.#versions(workspace).where("v.name", "=", name).where("v.version", "=", version);
    const [row] = await fetchRows(this.#pool, query);
    return row ? workflowVersion(row) : null;
  }

  async head(workspace: string, name: string, version?: number): Promise<VersionHead | null> {
    const s = this.#schema;
    const rows = await this.#pool.query<Pick<WorkflowVersionsTable, "version" | "checksum" | "created_at">>({
      name: "flowforge_version_head",
      text: `select v.version, v.checksum, v.created_at from ${s}.workflow_versions v
        where v.workspace = $1 and v.name = $2
          and v.version = coalesce($3::int, (select w.newest from ${s}.workflows w where w.workspace = $1 and w.name = $2))`,
      values: [workspace, name, version ?? null],
    });
    const [row] = rows;
    return row ? { version: row.version, checksum: row.checksum, createdAt: row.created_at } : null;
  }

  async versions(workspace: string, name: string): Promise<readonly WorkflowVersion[]> {
    const query = this.#versions(workspace).where("v.name", "=", name).orderBy("v.version", "desc");
    return (await fetchRows(this.#pool, query)).map(workflowVersion);
  }

  async all(workspace: string): Promise<readonly ListedWorkflow[]> {
    // "C": the same order whatever the database's language is.
    const query = this.#newest(workspace)
      .select("w.enabled")
      .orderBy(sql`v.name collate "C"`);
    const rows = await fetchRows(this.#pool, query);
    return rows.map((row) => ({ ...workflowVersion(row), enabled: row.enabled }));
  }

  async setEnabled(workspace: string, name: string, enabled: boolean): Promise<boolean> {
    const rows = await this.#pool.query({
      text: `update ${this.#schema}.workflows set enabled = $3 where workspace = $1 and name = $2 returning 1`,
      values: [workspace, name, enabled],
    });
    return rows.length > 0;
  }
}

function workflowVersion(row: WorkflowVersionsTable): WorkflowVersion {
  return {
    workspace: row.workspace,
    name: row.name,
    version: row.version,
    checksum: row.checksum,
    document: JSON.parse(row.document) as WorkflowDocument,
    createdAt: row.created_at,
  };
}
