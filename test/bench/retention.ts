/**
 * What retention costs while the engine works: seeds runs that ended long ago, and lets an engine run others with and without deleting
 * them. Prints steps per second before, meanwhile and after, how fast runs go, and what the statements of retention and locks took at the most.
 *
 *     node test/bench/retention.ts [--runs 100000] [--seconds 15] [--inFlight 100]
 */
import { parseArgs } from "node:util";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { createEngine, defineWorkflow, type Engine, type EngineOptions } from "../../src/index.ts";
import { add, chain } from "../integration/engine/documents.ts";
import { startPostgres } from "../support/postgres.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "100000" },
    seconds: { type: "string", default: "15" },
    inFlight: { type: "string", default: "100" },
  },
});
const runs = Number(values.runs);
const STEPS = 5;
const SAMPLE_MS = 20;
const NEVER = { succeeded: null, failed: null, cancelled: null, unresolved: null };

await using postgres = await startPostgres({ fsync: true, settings: { shared_buffers: "512MB" } });
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();
const workflow = defineWorkflow(chain(STEPS));

function engineWith(retention: NonNullable<EngineOptions["retention"]>): Engine {
  return createEngine({ postgres: postgres.url, actions: [add()], workflows: [workflow], retention });
}

/** Each with five node runs of 200 bytes, an attempt and a message. They ended 40 days ago. */
async function seed(): Promise<void> {
  const old = "(extract(epoch from clock_timestamp()) * 1000)::bigint - 40 * 86400000::bigint";
  const ids = `md5('run ' || g)::uuid`;
  const from = `from generate_series(1, ${runs}) g`;
  const statements = [
    `insert into flowforge.runs (id, seq, created_at, started_at, finished_at, version, status, workspace, workflow, trigger, labels, input, output)
     select ${ids}, 6, ${old} + g, ${old} + g, ${old} + g, 1, 'succeeded', 'old', 'w', 'start', '{}', '{"n": 1}', '{"n": 5}' ${from}`,
    `insert into flowforge.node_runs (run_id, item, node, seq, attempt, fence, status, outcome, output)
     select ${ids}, -1, 's' || s, s, 1, 1, 'succeeded', 'success', json_build_object('text', repeat('x', 200)) ${from}, generate_series(1, 5) s`,
    `insert into flowforge.attempts (run_id, finished_at, item, fence, attempt, node, error)
     select ${ids}, 0, -1, 1, 1, 's1', '{"class": "http", "message": "502"}' ${from}`,
    `insert into flowforge.run_inbox (run_id, received_at, state, id, kind) select ${ids}, 0, 'used', 'm', 'pause' ${from}`,
  ];
  for (const text of statements) await admin.query(text);
  await admin.query("vacuum analyze");
}

interface Longest {
  statementMs: number;
  lockMs: number;
}

/** Looks at what the server does every few milliseconds. */
async function watch(longest: Longest, ended: () => boolean): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  while (!ended()) {
    const { rows } = await client.query<{ ms: number; waits: boolean; ours: boolean }>(
      `select extract(epoch from clock_timestamp() - query_start)::float8 * 1000 as ms, coalesce(wait_event_type = 'Lock', false) as waits,
         query like '%deleted_runs%' or query like '%node_runs_gone%' or query like 'with recursive clock%tops%' as ours
       from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and backend_type = 'client backend'`,
    );
    for (const { ms, waits, ours } of rows) {
      if (ours) longest.statementMs = Math.max(longest.statementMs, ms);
      if (waits) longest.lockMs = Math.max(longest.lockMs, ms);
    }
    await pause(SAMPLE_MS);
  }
  await client.end();
}

/** Keeps so many runs under way. Gives steps per second. */
async function work(engine: Engine, ended: () => boolean): Promise<number> {
  let done = 0;
  const began = performance.now();
  const lane = async (): Promise<void> => {
    while (!ended()) {
      await (await engine.runs.start(workflow, { input: { n: 0 } })).result();
      done += STEPS;
    }
  };
  await Promise.all(Array.from({ length: Number(values.inFlight) }, lane));
  return Math.round(done / ((performance.now() - began) / 1_000));
}

async function isAnyLeft(): Promise<boolean> {
  const { rows } = await admin.query<{ left: boolean }>(
    `select exists (select from flowforge.runs where workspace = 'old') or exists (select from flowforge.deleted_runs) as left`,
  );
  return rows[0]!.left;
}

async function measured(retention: NonNullable<EngineOptions["retention"]>, until: Promise<void>) {
  let over = false;
  const ended = (): boolean => over;
  const longest: Longest = { statementMs: 0, lockMs: 0 };
  const engine = engineWith(retention);
  await engine.start();
  const watching = watch(longest, ended);
  const working = work(engine, ended);
  await until.finally(() => (over = true));
  const stepsPerSecond = await working;
  await watching;
  await engine.stop();
  const round = (ms: number): number => Math.round(ms * 10) / 10;
  return {
    stepsPerSecond,
    longest: { statementMs: round(longest.statementMs), lockMs: round(longest.lockMs) },
  };
}

const setUp = engineWith(NEVER);
await setUp.migrate();
await seed();
const span = (): Promise<void> => pause(Number(values.seconds) * 1_000);
// The first seconds of a server and a process are slower than all others.
await measured(NEVER, span());
const before = await measured(NEVER, span());
const began = performance.now();
const all = async (): Promise<void> => {
  while (await isAnyLeft()) await pause(100);
};
const during = await measured({}, all());
const seconds = (performance.now() - began) / 1_000;
const deleted = { runs, seconds: Math.round(seconds), perSecond: Math.round(runs / seconds) };
const after = await measured(NEVER, span());
console.log(JSON.stringify({ bench: "retention", before, during, after, deleted }));
await admin.end();
