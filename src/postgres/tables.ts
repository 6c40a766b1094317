/**
 * The tables as Kysely sees them, for reads that are not hot and whose text depends on what was asked for. Kysely only
 * writes the SQL here; it travels over our own pools, so that values come back as everywhere else (JSON as text, `bigint`
 * as a number).
 */
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import type { Compilable } from "kysely";
import type { RunStatus } from "../core/run/state.ts";
import type { Session, Statement } from "../postgres-connection/pool.ts";

export interface RunsTable {
  id: string;
  seq: number;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  version: number;
  dead_letters: number;
  paused: boolean;
  cancelled: boolean;
  compensate: boolean;
  status: RunStatus;
  workspace: string;
  workflow: string;
  trigger: string;
  labels: string;
  rerun_of: string | null;
  parent_run: string | null;
  parent: string | null;
  input: string;
  output: string | null;
}

export interface WorkflowsTable {
  workspace: string;
  name: string;
  newest: number;
  enabled: boolean;
}

export interface WorkflowVersionsTable {
  workspace: string;
  name: string;
  version: number;
  created_at: number;
  checksum: string;
  document: string;
}

export interface AttemptsTable {
  run_id: string;
  error: string;
}

export interface DeadLettersTable {
  run_id: string;
  workspace: string;
  error: string | null;
}

export interface Tables {
  runs: RunsTable;
  attempts: AttemptsTable;
  dead_letters: DeadLettersTable;
  workflows: WorkflowsTable;
  workflow_versions: WorkflowVersionsTable;
}

/** Writes SQL and never connects. `schema` is not quoted. */
export function queryBuilder(schema: string): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }).withSchema(schema);
}

function compiled(query: Compilable): Statement {
  const { sql, parameters } = query.compile();
  return { text: sql, values: parameters };
}

/** Runs a query of the builder over a session or a pool. */
export function fetchRows<Row>(
  over: Pick<Session, "query">,
  query: Compilable<Row>,
): Promise<readonly Row[]> {
  return over.query<Row>(compiled(query));
}
