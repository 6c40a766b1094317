/**
 * The store on PostgreSQL. One noun a file; this one puts them together and knows which pool serves what.
 *
 * Who guarantees what:
 * - a run's rows change only under its row lock and with its `seq`; `commit-statement.ts` is the one place that writes them;
 * - the committer's connections never wait: locked rows are skipped, `lock_timeout` is the belt for what is left (two starts
 *   of one run at once, a table being altered);
 * - what may wait (the locked path, messages) has connections of its own.
 */
import type { ActionKeyStore } from "../core/ports/action-keys.ts";
import type { GateStore } from "../core/ports/gates.ts";
import type { ChildStore } from "../core/ports/children.ts";
import type { KeyStore } from "../core/ports/keys.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { LogStore } from "../core/ports/logs.ts";
import type { MapStore } from "../core/ports/maps.ts";
import type { MemoStore } from "../core/ports/memos.ts";
import type { StatisticsStore } from "../core/ports/statistics.ts";
import type { Store } from "../core/ports/store.ts";
import { breakerStore } from "./breakers.ts";
import { stuckStore } from "./stalled.ts";
import { childStore } from "./children.ts";
import { BatchCommit, commitStatements } from "./commit.ts";
import { FlowForgeError } from "../core/errors.ts";
import { DeadLetters } from "./dead-letters.ts";
import { HostTransactions } from "./host-transactions.ts";
import { appendMessages, appendText, listeners } from "./inbox.ts";
import { actionKeyStore } from "./action-keys.ts";
import { auditStore } from "./audit.ts";
import { feedStore } from "./feeds.ts";
import { gateStore } from "./gates.ts";
import { keyStore } from "./keys.ts";
import { limitStore } from "./limits.ts";
import { bucketStore } from "./buckets.ts";
import { quotaStore } from "./quotas.ts";
import { heldStore } from "./held.ts";
import { placeStore } from "./places.ts";
import { loadInputs, loadRuns, loadStatements } from "./load.ts";
import { commitLocked } from "./locked-commit.ts";
import { mapPage } from "./map-items.ts";
import { logStore } from "./logs.ts";
import { mapStore } from "./maps.ts";
import { Credentials } from "./credentials.ts";
import { memoStore } from "./memos.ts";
import { Maintenance } from "./maintenance.ts";
import { assertCurrent, assertNotTooNew, migrate, schemaVersion } from "./migrate.ts";
import { DEFAULT_SCHEMA, quoteSchema } from "./names.ts";
import { isBorrowed, type Connection } from "../postgres-connection/own-settings.ts";
import { openPool, type ConnectionPool, type PoolOptions } from "../postgres-connection/pool.ts";
import { Runs } from "./runs.ts";
import { queryBuilder } from "./tables.ts";
import { eventStore } from "./events.ts";
import { MAX_TRANSACTIONS, transactionStore } from "./transactions.ts";
import { statisticsStore } from "./statistics.ts";
import { retentionStore } from "./retention.ts";
import { pollStore } from "./polls.ts";
import { scheduleStore } from "./schedules.ts";
import { storeNow } from "./time.ts";
import { triggerStore } from "./triggers.ts";
import { webhookStore } from "./webhooks.ts";
import { beat, Workers } from "./workers.ts";
import { workspaceStore } from "./workspaces.ts";
import { Workflows } from "./workflows.ts";

/** The oldest release that the tests run on; every older one has reached its end of life. */
const MIN_VERSION = 15;

export interface PostgresStoreOptions {
  /** A connection string, options of `pg`, or a pool of the host's, which is used for everything and never closed. */
  readonly postgres: Connection;
  /** Schema of FlowForge's tables. Default `flowforge`. */
  readonly schema?: string;
  /**
   * Named prepared statements and session settings on own connections. Default `true`; `false` with a borrowed pool. Switch
   * it off behind PgBouncer in transaction mode: statements are then parsed anew each time, and a `lock_timeout` must
   * be set for the role (`alter role ... set lock_timeout = '100ms'` for a role of FlowForge's own).
   */
  readonly prepare?: boolean;
  readonly logger?: Logger;
}

export interface PostgresStore extends Store {
  /** Of the host: its own, and those that it has us open. */
  readonly hostTransactions: HostTransactions;
  /** For people: nothing on the way of a run asks it. */
  readonly statistics: StatisticsStore;
  readonly logs: LogStore;
  /** Checks that the server can be reached and is new enough, and that the schema is not newer than this code. */
  open(): Promise<void>;
  /** Throws `schema_outdated` where migrations are missing. For whoever does not call `migrate`. */
  assertMigrated(): Promise<void>;
  /** Creates or upgrades the schema. Any number of processes may do so at once. */
  migrate(): Promise<void>;
  /** Closes what was opened here; twice is once. */
  close(): Promise<void>;
}

interface Pools {
  readonly commits: ConnectionPool;
  readonly reads: ConnectionPool;
  readonly locked: ConnectionPool;
  readonly actions: ConnectionPool;
  readonly heartbeat: ConnectionPool;
  /** What people ask may take long, and must not hold up reads. */
  readonly statistics: ConnectionPool;
  /** Deletes what is over; reads must not wait for that. */
  readonly cleaning: ConnectionPool;
  /** For transactions of the host's; few, because an open one stops vacuum for all. */
  readonly host: ConnectionPool;
}

/**
 * The committer's statements join arrays with tables by their keys. The planner knows neither how long the arrays are nor how
 * fast the tables grow, and keeps its plan: on a young, small table it may choose to read it all, for ever. And it must keep
 * one plan: to plan such a statement anew takes longer than to run it for a single row.
 */
const COMMIT_SETTINGS = {
  lock_timeout: "100ms",
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  enable_bitmapscan: "off",
  plan_cache_mode: "force_generic_plan",
  jit: "off",
} as const;

/** One core is enough for people: the others are for runs. */
const FOR_PEOPLE = { jit: "off", max_parallel_workers_per_gather: "0" } as const;

const ANSWER_MS = 30_000;

function openPools({ postgres: connection, prepare = !isBorrowed(connection) }: PostgresStoreOptions): Pools {
  const base = { connection, prepare, answerMs: ANSWER_MS } as const;
  const open = (options: Omit<PoolOptions, keyof typeof base>): ConnectionPool =>
    openPool({ ...base, ...options });
  return {
    commits: open({ max: 2, idleMs: 0, ...(prepare ? { settings: COMMIT_SETTINGS } : {}) }),
    reads: open({
      max: 2,
      idleMs: 60_000,
      ...(prepare ? { settings: { lock_timeout: "10s", jit: "off" } } : {}),
    }),
    locked: open({ max: 2, idleMs: 10_000, ...(prepare ? { settings: { jit: "off" } } : {}) }),
    // How long a statement of an action may take, the timeout of its attempt says.
    actions: openPool({ connection, prepare, answerMs: 0, max: MAX_TRANSACTIONS, idleMs: 10_000 }),
    heartbeat: open({ max: 1, idleMs: 60_000 }),
    statistics: open({ max: 1, idleMs: 10_000, ...(prepare ? { settings: FOR_PEOPLE } : {}) }),
    cleaning: open({ max: 1, idleMs: 10_000, ...(prepare ? { settings: FOR_PEOPLE } : {}) }),
    host: openPool({ connection, prepare: false, max: 5, idleMs: 10_000, answerMs: 0 }),
  };
}

export function createPostgresStore(options: PostgresStoreOptions): PostgresStore {
  const { schema: name = DEFAULT_SCHEMA } = options;
  const schema = quoteSchema(name);
  const pools = openPools(options);
  const { commits, reads, locked, heartbeat } = pools;
  const statements = commitStatements(schema);
  const parts = { schema, commits: statements, loads: loadStatements(schema) };
  const batches = new BatchCommit(commits, statements);
  const append = appendText(schema);
  const workers = new Workers(reads, schema);
  const maintenance = new Maintenance(reads, schema);
  const db = queryBuilder(name);
  const workflows = new Workflows(reads, db, schema);
  const runs = new Runs(reads, db, schema);
  const deadLetters = new DeadLetters(reads, schema);
  return {
    statistics: statisticsStore(pools.statistics, schema),
    logs: logStore(pools.statistics, schema),
    hostTransactions: new HostTransactions({ ...parts, reads, pool: pools.host }),
    commit: (entries) => batches.commit(entries),
    commitLocked: (request, decide) => commitLocked({ ...parts, pool: locked }, request, decide),
    transactions: transactionStore({ ...parts, pool: pools.actions }),
    load: (requests) => reads.use((session) => loadRuns(session, parts.loads, requests)),
    inputs: (refs) => reads.use((session) => loadInputs(session, parts.loads, refs)),
    append: (messages) => appendMessages(reads, append, messages),
    listeners: (query) => listeners(reads, schema, query),

    register: (worker) => workers.register(worker),
    beat: (workerId) => beat(heartbeat, schema, workerId),
    deregister: (workerId) => workers.deregister(workerId),
    liveWorkers: () => workers.live(),
    scarceActions: () => workers.scarceActions(),
    roll: (workerId) => workers.roll(workerId),
    reap: (limits) => workers.reap(limits),

    due: (limit) => maintenance.due(limit),
    undispatched: (limit) => maintenance.undispatched(limit),
    lost: (limits) => maintenance.lost(limits),
    unread: (limits) => maintenance.unread(limits),

    ...besideRuns(pools, schema),
    now: () => storeNow(reads, schema),

    saveWorkflow: (workspace, document, checksum) => workflows.save(workspace, document, checksum),
    workflow: (workspace, workflow, version) => workflows.one(workspace, workflow, version),
    versionHead: (workspace, workflow, version) => workflows.head(workspace, workflow, version),
    workflowVersions: (workspace, workflow) => workflows.versions(workspace, workflow),
    workflows: (workspace) => workflows.all(workspace),
    enableWorkflow: (workspace, workflow, enabled) => workflows.setEnabled(workspace, workflow, enabled),

    run: (workspace, runId) => runs.one(workspace, runId),
    runs: (filter) => runs.page(filter),
    mapPage: (query) => mapPage(reads, schema, query),
    deadLetters: (filter) => deadLetters.page(filter),
    deadLetterGroups: (filter) => deadLetters.groups(filter),

    ...upkeep(pools, schema),
  };
}

/** What is kept beside the runs themselves. */
function besideRuns(
  { reads, cleaning }: Pools,
  schema: string,
): ActionKeyStore &
  ChildStore &
  GateStore &
  MapStore &
  MemoStore &
  KeyStore &
  Pick<
    Store,
    | "audit"
    | "breakers"
    | "stuck"
    | "credentials"
    | "feed"
    | "events"
    | "limits"
    | "buckets"
    | "quotas"
    | "places"
    | "held"
    | "polls"
    | "retention"
    | "schedules"
    | "triggers"
    | "webhooks"
    | "workspaces"
  > {
  const credentials = new Credentials(reads, schema);
  const retention = retentionStore(cleaning, schema);
  return {
    ...childStore(reads, schema),
    ...mapStore(reads, schema),
    ...memoStore(reads, schema),
    ...keyStore(reads, schema),
    ...actionKeyStore(reads, schema),
    ...gateStore(reads, schema),
    credentials,
    triggers: triggerStore(reads, schema),
    schedules: scheduleStore(reads, schema),
    polls: pollStore(reads, schema),
    webhooks: webhookStore(reads, schema),
    retention,
    workspaces: workspaceStore({ pool: cleaning, s: schema, credentials, clear: retention.clear }),
    events: eventStore(reads, schema),
    feed: feedStore(reads, schema),
    audit: auditStore(reads, schema),
    limits: limitStore(reads, schema),
    buckets: bucketStore(reads, schema),
    quotas: quotaStore(reads, schema),
    places: placeStore(reads, schema),
    held: heldStore(reads, schema),
    breakers: breakerStore(reads, schema),
    stuck: stuckStore(reads, schema),
  };
}

type Upkeep = Pick<PostgresStore, "open" | "assertMigrated" | "migrate" | "close">;

function upkeep(pools: Pools, schema: string): Upkeep {
  const { reads } = pools;
  return {
    open: () => checkServer(reads, schema),
    assertMigrated: async () =>
      assertCurrent(schema, await reads.use((session) => schemaVersion(session, schema))),
    migrate: () => migrate(reads, schema),
    close: async () => {
      await Promise.all(Object.values(pools).map((pool: ConnectionPool) => pool.close()));
    },
  };
}

async function checkServer(pool: ConnectionPool, schema: string): Promise<void> {
  await pool.use(async (session) => {
    const [server] = await session.query<{ number: string }>({
      text: "select current_setting('server_version_num') as number",
    });
    const major = Math.floor(Number(server!.number) / 10_000);
    if (major < MIN_VERSION) {
      throw new FlowForgeError("postgres_too_old", {
        subject: `PostgreSQL at ${pool.target}`,
        expected: `version ${MIN_VERSION} or later`,
        received: `version ${major}`,
        next: "Upgrade the server.",
      });
    }
    assertNotTooNew(schema, await schemaVersion(session, schema));
  });
}
