/**
 * What `engine.stats()` costs with many runs: a million that have ended, some that are active, counts of three days by the minute for many
 * workflows. Prints the times of the calls, and how PostgreSQL reads the active runs.
 *
 *     node test/bench/statistics.ts [--runs 1000000] [--active 20000]
 */
import { parseArgs } from "node:util";
import pg from "pg";
import { createEngine } from "../../src/index.ts";
import { startPostgres } from "../support/postgres.ts";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "1000000" }, active: { type: "string", default: "20000" } },
});
const [runs, active] = [Number(values.runs), Number(values.active)];

await using postgres = await startPostgres({ settings: { shared_buffers: "512MB", max_wal_size: "8GB" } });
await using engine = createEngine({ postgres: postgres.url });
await engine.start({ work: false, maintain: false });
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();

const id = (n: string): string => `lpad(to_hex(${n}), 32, '0')::uuid`;
await admin.query(
  `insert into flowforge.runs (id, seq, created_at, started_at, finished_at, version, status, workspace, workflow, trigger, labels, input)
   select ${id("n")}, 5, t, t, case when n > $1::int8 - $2 then null else t + 4000 end, 1,
     case when n > $1::int8 - $2 then 'waiting' when n % 20 = 0 then 'failed' else 'succeeded' end,
     'w' || n % 10, 'flow' || n % 50, 'start', '{}', '{"n": 1, "text": "some input of a run"}'
   from (select n, flowforge.now() - ($1::int8 - n) * 200 as t from generate_series(1, $1::int8) n) x`,
  [runs, active],
);
await admin.query(
  `insert into flowforge.node_runs (run_id, item, node, seq, attempt, fence, status, finished_at, dispatched_at, output)
   select ${id("n")}, -1, 's' || i, 5, 1, 2, case when i = 1 and n > $1::int8 - $2 then 'queued' else 'succeeded' end,
     case when i = 1 and n > $1::int8 - $2 then null else 1 end, case when i = 1 and n > $1::int8 - $2 then flowforge.now() end, '{"n": 1}'
   from generate_series(1, $1::int8) n, generate_series(0, 1) i`,
  [runs, active],
);
await admin.query(
  `insert into flowforge.dead_letters (run_id, opened_at, item, fence, attempts, node, workspace, workflow)
   select ${id("n")}, flowforge.now(), -1, 2, 6, 's1', 'w' || n % 10, 'flow' || n % 50 from generate_series(20, $1::int8, 20) n`,
  [runs],
);
const bins = "(select array_agg(i % 7) from generate_series(1, 50) i)";
for (const [unit, back] of [
  [60_000, 4_320],
  [3_600_000, 9_600],
]) {
  await admin.query(
    `insert into flowforge.counts select $1::int4, p.w, p.f, p.n, (flowforge.now() / $1::int8 - k) * $1::int8, 9, 8, 1, 0, 5000, 40, 2, 1, 900, 10, 50, 1,
       ${bins}, ${bins}
     from (values ('', '', ''), ('w1', '', ''), ('w1', 'flow1', ''), ('w2', '', ''), ('w2', 'flow2', ''), ('w1', 'flow1', 's0'), ('w1', 'flow1', 's1')) p (w, f, n),
       generate_series(0, $2::int8) k where $1::int4 > 60000 or p.n = ''`,
    [unit, back],
  );
}
await admin.query("vacuum analyze");

async function timed(name: string, work: () => Promise<unknown>): Promise<void> {
  const times: number[] = [];
  for (let n = 0; n < 5; n++) {
    const at = performance.now();
    await work();
    times.push(performance.now() - at);
  }
  times.sort((a, b) => a - b);
  console.log(
    JSON.stringify({
      bench: "statistics",
      runs,
      active,
      call: name,
      p50Ms: Math.round(times[2]!),
      maxMs: Math.round(times[4]!),
    }),
  );
}

const day = 86_400_000;
await timed("stats, one workspace, 24 h", () => engine.stats({ workspace: "w1" }));
await timed("stats, all workspaces, 24 h", () => engine.stats({ allWorkspaces: true }));
await timed("stats, all workspaces, 3 h by the minute", () =>
  engine.stats({ allWorkspaces: true, since: Date.now() - day / 8, step: "1m" }),
);
await timed("stats, one workflow, 30 d", () =>
  engine.stats({ workspace: "w1", workflow: "flow1", since: Date.now() - 30 * day }),
);
await timed("stats, all workspaces, 390 d", () =>
  engine.stats({ allWorkspaces: true, since: Date.now() - 390 * day }),
);
await timed("workflows.stats, 24 h", () => engine.workflows.stats("flow1", { workspace: "w1" }));
await timed("workers.list", () => engine.workers.list());

async function explain(note: string): Promise<void> {
  const { rows } = await admin.query<{ "QUERY PLAN": string }>(
    "explain (analyze, buffers, costs off, timing off) select status, count(*) from flowforge.runs where finished_at is null group by status",
  );
  console.log(note, rows.map((row) => row["QUERY PLAN"]).join("\n"));
}
await explain("active runs, by the index");
await admin.query("drop index flowforge.runs_active");
await explain("active runs, without it");
await admin.end();
