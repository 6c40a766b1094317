/**
 * The floor: what the store's commit path costs without the engine. Runs in the shape of a chain go through the real
 * statements in batches: every step is a run update, a finished node (about 200 bytes of output) and its claimed
 * successor (about 200 bytes of input). Prints one JSON line; exits with 1 where the result is not what it must be.
 *
 *     node test/bench/floor.ts postgres://user@host/database [--runs 1000] [--steps 10] [--batch 500] [--in-flight 2] [--rounds 3]
 *
 * Works in a schema of its own, `flowforge_floor`, which it drops first. Leave fsync on.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import pg from "pg";
import type { CommitEntry, NodeWrite } from "../../src/core/ports/commit.ts";
import { createPostgresStore } from "../../src/postgres/store.ts";

const SCHEMA = "flowforge_floor";
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "1000" },
    steps: { type: "string", default: "10" },
    batch: { type: "string", default: "500" },
    "in-flight": { type: "string", default: "2" },
    rounds: { type: "string", default: "3" },
    "input-bytes": { type: "string", default: "100" },
  },
});
const url = positionals[0] ?? process.env["FLOWFORGE_TEST_DATABASE_URL"];
if (!url) throw new Error("Name the database: node test/bench/floor.ts postgres://...");
const [runs, steps, batchSize, inFlight, rounds, inputBytes] = [
  values.runs,
  values.steps,
  values.batch,
  values["in-flight"],
  values.rounds,
  values["input-bytes"],
].map(Number) as [number, number, number, number, number, number];

const WORKER = crypto.randomUUID();
const INPUT = { customer: "c-1042", note: "x".repeat(170) };
const OUTPUT = { id: "ch_1042", ok: true, body: "y".repeat(165) };
const RUN_INPUT = { order: "o-1042", note: "z".repeat(inputBytes) };

function node(index: number, write: Partial<NodeWrite>): NodeWrite {
  return {
    node: `step${index}`,
    item: -1,
    isNew: false,
    status: "running",
    outcome: null,
    attempt: 1,
    fence: 1,
    losses: 0,
    generation: 0,
    dispatches: 0,
    worker: WORKER,
    waitingFor: null,
    failure: null,
    possiblyDuplicated: false,
    due: null,
    ...write,
  };
}

const BASE = {
  status: "running",
  paused: false,
  cancelled: false,
  compensate: false,
  deadLetters: 0,
  finished: false,
} as const;
const NOTHING = { attempts: [], consumed: [], kept: [] } as const;

function startEntry(runId: string): CommitEntry {
  const start = {
    workspace: "default",
    workflow: "chain",
    version: 1,
    trigger: "start",
    input: RUN_INPUT,
    triggerPayload: RUN_INPUT,
    labels: {},
  };
  return { runId, seq: 0, start, ...BASE, ...NOTHING, nodes: [node(0, { isNew: true, input: INPUT })] };
}

function stepEntry(runId: string, step: number): CommitEntry {
  const done = node(step, { status: "succeeded", outcome: "success", worker: null, output: OUTPUT });
  const last = step === steps - 1;
  const next = last ? [] : [node(step + 1, { isNew: true, input: INPUT })];
  const end = last ? ({ status: "succeeded", finished: true, output: OUTPUT } as const) : {};
  return { runId, seq: step + 1, ...BASE, ...end, ...NOTHING, nodes: [done, ...next] };
}

/** Time-ordered like the engine's ids, so that the keys of new rows are neighbours. */
function runId(index: number): string {
  const time = (Date.now() * 4096 + index).toString(16).padStart(16, "0").slice(-15);
  return `${time.slice(0, 8)}-${time.slice(8, 12)}-7${time.slice(12, 15)}-8${crypto.randomUUID().slice(20)}`;
}

const store = createPostgresStore({ postgres: url, schema: SCHEMA });
const admin = new pg.Client({ connectionString: url });
await admin.connect();
await admin.query(`set client_min_messages = error; drop schema if exists ${SCHEMA} cascade`);
await store.migrate();

interface Queued {
  readonly id: string;
  readonly step: number;
}

/** As many lanes as batches may be in flight; a run comes back to the queue when its step is durable. */
async function drain(
  queue: Queued[],
  entryOf: (queued: Queued) => CommitEntry,
  last: number,
): Promise<number> {
  let trips = 0;
  let flying = 0;
  let wake = Promise.withResolvers<void>();
  async function lane(): Promise<void> {
    for (;;) {
      if (queue.length === 0) {
        if (flying === 0) return;
        await wake.promise;
        continue;
      }
      const batch = queue.splice(0, batchSize);
      flying++;
      trips++;
      const verdicts = await store.commit(batch.map(entryOf));
      flying--;
      verdicts.forEach((verdict, index) => {
        if (verdict.type !== "committed") throw new Error(`unexpected verdict ${verdict.type}`);
        const { id, step } = batch[index]!;
        if (step < last) queue.push({ id, step: step + 1 });
      });
      wake.resolve();
      wake = Promise.withResolvers<void>();
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane));
  return trips;
}

async function wal(): Promise<number> {
  const { rows } = await admin.query<{ lsn: string }>("select pg_current_wal_lsn() - '0/0'::pg_lsn as lsn");
  return Number(rows[0]!.lsn);
}

/** CPU time of the store's sessions, where the server runs on this machine: steadier than rates on a shared one. */
async function serverCpuMs(): Promise<number | null> {
  const { rows } = await admin.query<{ pid: number }>(
    "select pid from pg_stat_activity where application_name = 'flowforge' and datname = current_database()",
  );
  try {
    const ticks = rows.map(({ pid }) => {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
      return Number(fields[11]) + Number(fields[12]);
    });
    return ticks.reduce((sum, value) => sum + value, 0) * 10;
  } catch {
    return null;
  }
}

/** Rows written and how many updates stayed on their page, from the first start to the last step. */
async function tableCounts(): Promise<{
  rowWritesPerStep: number;
  hot: { readonly [table: string]: number };
}> {
  const { rows } = await admin.query<{ table: string; writes: string; updates: string; hot: string }>(
    `select relname as table, n_tup_ins + n_tup_upd + n_tup_del as writes, n_tup_upd as updates, n_tup_hot_upd as hot
     from pg_stat_user_tables where schemaname = $1 order by relname`,
    [SCHEMA],
  );
  const writes = rows.reduce((sum, row) => sum + Number(row.writes), 0);
  const updated = rows.filter((row) => Number(row.updates) > 0);
  return {
    rowWritesPerStep: round3(writes / (runs * steps * rounds)),
    hot: Object.fromEntries(updated.map((row) => [row.table, round3(Number(row.hot) / Number(row.updates))])),
  };
}

const results: object[] = [];
let best = 0;
for (let round = 0; round < rounds; round++) {
  const ids = Array.from({ length: runs }, (_, index) => runId(round * runs + index));
  const startsAt = performance.now();
  await drain(
    ids.map((id) => ({ id, step: 0 })),
    ({ id }) => startEntry(id),
    0,
  );
  const startsMs = performance.now() - startsAt;
  const walBefore = await wal();
  const serverBefore = await serverCpuMs();
  const cpuBefore = process.cpuUsage();
  const at = performance.now();
  const trips = await drain(
    ids.map((id) => ({ id, step: 0 })),
    ({ id, step }) => stepEntry(id, step),
    steps - 1,
  );
  const ms = performance.now() - at;
  const cpu = process.cpuUsage(cpuBefore);
  const walBytes = (await wal()) - walBefore;
  const serverAfter = await serverCpuMs();
  const total = runs * steps;
  best = Math.max(best, (total / ms) * 1000);
  results.push({
    startsPerSecond: Math.round((runs / startsMs) * 1000),
    stepsPerSecond: Math.round((total / ms) * 1000),
    walBytesPerStep: Math.round(walBytes / total),
    roundTripsPerStep: round3(trips / total),
    serverCpuMicrosPerStep:
      serverBefore === null || serverAfter === null
        ? null
        : round3(((serverAfter - serverBefore) * 1000) / total),
    nodeCpuMicrosPerStep: round3((cpu.user + cpu.system) / total),
  });
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const { rows: check } = await admin.query<{ ok: boolean }>(
  `select (select count(*) = $1 and coalesce(bool_and(status = 'succeeded' and seq = $2 and finished_at is not null), false)
      from ${SCHEMA}.runs)
    and (select count(*) = $1::bigint * $3 and bool_and(status = 'succeeded' and output is not null and input is not null)
      from ${SCHEMA}.node_runs)
    and not exists (select from ${SCHEMA}.run_workers) as ok`,
  [runs * rounds, steps + 1, steps],
);
const { rows: server } = await admin.query<{ version: string; fsync: string }>(
  "select current_setting('server_version') as version, current_setting('fsync') as fsync",
);
const setup = {
  runs,
  steps,
  batch: batchSize,
  inFlight,
  postgres: server[0]!.version,
  fsync: server[0]!.fsync,
};
// The server's sessions report their counts when they end.
await store.close();
await new Promise((resolve) => setTimeout(resolve, 500));
const tables = await tableCounts();
console.log(
  JSON.stringify({
    bench: "floor",
    ok: check[0]!.ok,
    best: Math.round(best),
    ...setup,
    ...tables,
    rounds: results,
  }),
);
await admin.end();
if (!check[0]!.ok) process.exitCode = 1;
