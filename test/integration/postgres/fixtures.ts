/** Stores and entries for the tests of the PostgreSQL store. */
import { randomUUID } from "node:crypto";
import type { CommitEntry, NodeWrite } from "../../../src/core/ports/commit.ts";
import {
  createPostgresStore,
  type PostgresStore,
  type PostgresStoreOptions,
} from "../../../src/postgres/store.ts";
import { testDatabase, type TestDatabase } from "../../support/servers.ts";

export interface TestStore extends AsyncDisposable {
  readonly store: PostgresStore;
  readonly database: TestDatabase;
  /** Another store on the same database, closed with the first. */
  another(options?: Partial<PostgresStoreOptions>): PostgresStore;
}

export async function testStore(options: Partial<PostgresStoreOptions> = {}): Promise<TestStore> {
  const database = await testDatabase();
  const stores: PostgresStore[] = [];
  const another = (more: Partial<PostgresStoreOptions> = {}): PostgresStore => {
    const store = createPostgresStore({ postgres: database.url, ...options, ...more });
    stores.push(store);
    return store;
  };
  const store = another();
  await store.migrate();
  return {
    store,
    database,
    another,
    async [Symbol.asyncDispose]() {
      await Promise.all(stores.map((one) => one.close()));
      await database.drop();
    },
  };
}

/** Waits for a session of the store's that waits for a lock, and returns its process id. */
export async function blockedSession(database: TestDatabase): Promise<number> {
  for (;;) {
    const [row] = await database.query<{ pid: number }>(
      `select pid from pg_stat_activity
       where datname = current_database() and application_name = 'flowforge' and wait_event_type = 'Lock'`,
    );
    if (row) return row.pid;
  }
}

export function entry(runId: string, seq: number, more: Partial<CommitEntry> = {}): CommitEntry {
  return {
    runId,
    seq,
    status: "running",
    paused: false,
    cancelled: false,
    compensate: false,
    deadLetters: 0,
    finished: false,
    nodes: [],
    attempts: [],
    consumed: [],
    kept: [],
    ...more,
  };
}

export function startEntry(runId: string = randomUUID(), more: Partial<CommitEntry> = {}): CommitEntry {
  const start = {
    workspace: "default",
    workflow: "flow",
    version: 1,
    trigger: "start",
    input: { id: runId },
    triggerPayload: { id: runId },
    labels: {},
  };
  return entry(runId, 0, { start, nodes: [nodeWrite("a")], ...more });
}

export function nodeWrite(node: string, more: Partial<NodeWrite> = {}): NodeWrite {
  return {
    node,
    item: -1,
    isNew: true,
    status: "running",
    outcome: null,
    attempt: 1,
    fence: 1,
    losses: 0,
    generation: 0,
    dispatches: 0,
    worker: "worker",
    waitingFor: null,
    failure: null,
    possiblyDuplicated: false,
    due: null,
    input: { from: "fixtures" },
    ...more,
  };
}

/** Stores as many new runs, and returns their ids. */
export async function startRuns(store: PostgresStore, count: number): Promise<readonly string[]> {
  const entries = Array.from({ length: count }, () => startEntry());
  const verdicts = await store.commit(entries);
  if (verdicts.some((verdict) => verdict.type !== "committed")) throw new Error(JSON.stringify(verdicts));
  return entries.map((one) => one.runId);
}
