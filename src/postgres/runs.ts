/** Runs for people: one in full, and lists by page. */
import { type Kysely, type SelectQueryBuilder, sql } from "kysely";
import type { Json } from "../core/json.ts";
import type { AttemptRecord, NodeRunDetail, Page, RunDetail, RunFilter } from "../core/ports/store.ts";
import type { RunHeader } from "../core/ports/stored-run.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import { whole } from "./blobs.ts";
import { isRunId } from "./names.ts";
import { checkedLimit, readCursor, writeCursor } from "./pages.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import {
  HEADER_COLUMNS,
  NODE_ARRAY,
  nodeRecord,
  parseJson,
  parseOptional,
  runHeader,
  type HeaderRow,
  type NodeArray,
} from "./rows.ts";
import { runBytes } from "./run-bytes.ts";
import { hasError, runsWithError } from "./run-errors.ts";
import { fetchRows, type RunsTable, type Tables } from "./tables.ts";

const HEADER = [
  "r.id",
  "r.workspace",
  "r.workflow",
  "r.version",
  "r.status",
  "r.paused",
  "r.cancelled",
  "r.compensate",
  "r.seq",
  "r.trigger",
  "r.dead_letters",
  "r.labels",
  "r.rerun_of",
  "r.parent_run",
  "r.parent",
  "r.created_at",
  "r.started_at",
  "r.finished_at",
] as const;

/** Of the newest runs, for each one that is wanted with an error. */
const LOOKED_AT = 40;

type RunSelection = SelectQueryBuilder<Tables & { r: RunsTable }, "r", HeaderRow>;

interface Wanted {
  readonly workspace: string;
  readonly error: string | undefined;
  readonly most: number;
}

type Absent = null;
/** The flags tell JSON's null from no value at all. */
type NodeDetailArray = readonly [NodeArray, boolean, Json | Absent, boolean, Json | Absent];
type AttemptArray = readonly [string, number, number, number, ErrorRecord, number | null, number];

interface DetailRow extends HeaderRow {
  readonly input: string;
  readonly output: string | null;
  readonly bytes: number;
  readonly nodes: string | null;
  readonly attempts: string | null;
}

export class Runs {
  readonly #pool: ConnectionPool;
  readonly #db: Kysely<Tables>;
  readonly #detail: string;

  constructor(pool: ConnectionPool, db: Kysely<Tables>, s: string) {
    this.#pool = pool;
    this.#db = db;
    // One statement: a run that moves meanwhile is seen at one moment.
    this.#detail = `select ${HEADER_COLUMNS}, ${whole(s, "r.input", "r.id")} as input, ${whole(s, "r.output", "r.id")} as output,
      ${runBytes(s)} as bytes,
      (select json_agg(json_build_array(${NODE_ARRAY}, n.input is not null, ${whole(s, "n.input", "n.run_id")},
        n.output is not null, ${whole(s, "n.output", "n.run_id")}))
        from ${s}.node_runs n where n.run_id = r.id and n.item = -1) as nodes,
      (select json_agg(json_build_array(a.node, a.item, a.fence, a.attempt, a.error, a.started_at, a.finished_at)
        order by a.seq) from ${s}.attempts a where a.run_id = r.id) as attempts
      from ${s}.runs r where r.workspace = $1 and r.id = $2`;
  }

  async one(workspace: string, runId: string): Promise<RunDetail | null> {
    if (!isRunId(runId)) return null;
    const [row] = await this.#pool.query<DetailRow>({ text: this.#detail, values: [workspace, runId] });
    if (!row) return null;
    const nodes = (row.nodes === null ? [] : JSON.parse(row.nodes)) as readonly NodeDetailArray[];
    const attempts = (row.attempts === null ? [] : JSON.parse(row.attempts)) as readonly AttemptArray[];
    return {
      header: runHeader(row),
      input: parseJson(row.input),
      output: parseOptional(row.output),
      bytes: row.bytes,
      nodes: nodes.map(nodeDetail),
      attempts: attempts.map(attemptRecord),
    };
  }

  async page(filter: RunFilter): Promise<Page<RunHeader>> {
    const limit = checkedLimit(filter.limit);
    const after = filter.cursor === undefined ? null : readCursor(filter.cursor, isRunId);
    if (filter.status?.length === 0) return { items: [], cursor: null };
    let query = this.#db
      .selectFrom("runs as r")
      .select(HEADER)
      .where("r.workspace", "=", filter.workspace)
      .orderBy("r.created_at", "desc")
      .orderBy("r.id", "desc");
    if (filter.workflow !== undefined) query = query.where("r.workflow", "=", filter.workflow);
    if (filter.parent !== undefined) {
      if (!isRunId(filter.parent)) return { items: [], cursor: null };
      query = query.where("r.parent_run", "=", filter.parent);
    }
    if (filter.status) query = query.where("r.status", "in", filter.status);
    for (const [name, value] of Object.entries(filter.labels ?? {}))
      query = query.where(sql<boolean>`r.labels ->> ${name}::text = ${value}`);
    if (filter.createdAfter !== undefined)
      query = query.where("r.created_at", ">=", Math.ceil(filter.createdAfter));
    if (filter.createdBefore !== undefined)
      query = query.where("r.created_at", "<", Math.ceil(filter.createdBefore));
    if (after) query = query.where(sql<boolean>`(r.created_at, r.id) < (${after.at}, ${after.id})`);
    const wanted = { workspace: filter.workspace, error: filter.error, most: limit + 1 };
    const rows = await this.#rows(query, wanted);
    const items = rows.slice(0, limit).map(runHeader);
    const last = items.at(-1);
    const cursor = rows.length > limit && last ? writeCursor({ at: last.createdAt, id: last.id }) : null;
    return { items, cursor };
  }

  /** An error that many runs have is found among the newest; only one that few have is looked for in the errors of all. */
  async #rows(query: RunSelection, wanted: Wanted): Promise<readonly HeaderRow[]> {
    const { workspace, error, most } = wanted;
    if (error === undefined) return fetchRows(this.#pool, query.limit(most));
    const found = await this.#near(query, error, most);
    if (found.length === most) return found;
    const [oldest] = await fetchRows(this.#pool, query.offset(most * LOOKED_AT - 1).limit(1));
    if (!oldest) return found;
    const below = query.where(sql<boolean>`(r.created_at, r.id) < (${oldest.created_at}, ${oldest.id})`);
    const ids = runsWithError(this.#db, { workspace, text: error });
    const others = await fetchRows(this.#pool, below.where("r.id", "in", ids).limit(most));
    // Runs that were stored meanwhile move the place, so that what was found may lie below it.
    const known = new Set(found.map(({ id }) => id));
    return [...found, ...others.filter(({ id }) => !known.has(id))].slice(0, most);
  }

  #near(query: RunSelection, error: string, most: number): Promise<readonly HeaderRow[]> {
    const newest = query.limit(most * LOOKED_AT).as("r");
    const among = this.#db
      .selectFrom(newest)
      .select(HEADER)
      .where(hasError(this.#db, "r.id", error));
    const near = among.orderBy("r.created_at", "desc").orderBy("r.id", "desc").limit(most);
    return fetchRows(this.#pool, near);
  }
}

function nodeDetail([node, hasInput, input, hasOutput, output]: NodeDetailArray): NodeRunDetail {
  return {
    ...nodeRecord(node),
    input: hasInput ? input : undefined,
    output: hasOutput ? output : undefined,
  };
}

function attemptRecord(row: AttemptArray): AttemptRecord {
  const [node, item, fence, attempt, error, startedAt, finishedAt] = row;
  return { node, item, fence, attempt, error, startedAt, finishedAt };
}
