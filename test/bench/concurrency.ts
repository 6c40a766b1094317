/**
 * What a limit of runs costs: runs of one step each, on a server of its own with fsync on, all started at once and one after the other;
 * and one admission at a gate where very many wait.
 *
 *     node test/bench/concurrency.ts [--runs 1000] [--waiting 100000]
 */
import { parseArgs } from "node:util";
import pg from "pg";
import { type ConcurrencyOptions, createEngine, defineWorkflow, type Engine } from "../../src/index.ts";
import { createPostgresStore } from "../../src/postgres/store.ts";
import { add } from "../integration/engine/documents.ts";
import { startPostgres } from "../support/postgres.ts";
import { z } from "zod";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "1000" }, waiting: { type: "string", default: "100000" } },
});
const runs = Number(values.runs);

await using postgres = await startPostgres({ fsync: true, settings: { shared_buffers: "512MB" } });
const engine = createEngine({ postgres: postgres.url, actions: [add()] });
await engine.start();

const input = z.object({ n: z.number() });

function limited(name: string, concurrency?: ConcurrencyOptions<{ n: number }, "bench">) {
  return defineWorkflow({
    name: name as "bench",
    input,
    ...(concurrency ? { concurrency } : {}),
    build: ({ action, input: { n } }) => action("add", "add", { n }).output,
  });
}

type Flow = ReturnType<typeof limited>;

async function perSecond(flow: Flow, work: (of: Engine, flow: Flow) => Promise<void>): Promise<number> {
  const at = performance.now();
  await work(engine, flow);
  return Math.round((runs / (performance.now() - at)) * 1000);
}

const together = async (of: Engine, flow: Flow): Promise<void> => {
  const starts = Array.from({ length: runs }, (_, n) => ({ input: { n } }));
  const handles = await of.runs.startMany(flow, starts);
  await Promise.all(handles.map((handle) => handle.result({ timeout: "10m" })));
};
const inTurn = async (of: Engine, flow: Flow): Promise<void> => {
  for (let n = 0; n < runs; n++)
    await (await of.runs.start(flow, { input: { n } })).result({ timeout: "1m" });
};

const flows = {
  unlimited: limited("unlimited"),
  "a key for each": limited("keyed", { key: (from) => from.input.n, limit: 1 }),
  "limit 1000": limited("wide", { limit: 1_000 }),
  "limit 50": limited("narrow", { limit: 50 }),
  "limit 1": limited("single", { limit: 1 }),
};
for (let round = 0; round < 3; round++) {
  for (const [name, flow] of Object.entries(flows)) {
    const row = { together: await perSecond(flow, together), inTurn: await perSecond(flow, inTurn) };
    if (round > 0) process.stdout.write(`${name.padEnd(16)} runs/s ${JSON.stringify(row)}\n`);
  }
}

/** Runs that wait for a word that never comes. */
function endless(name: string, concurrency?: ConcurrencyOptions<{ n: number }, "bench">) {
  return defineWorkflow({
    name: name as "bench",
    input,
    ...(concurrency ? { concurrency } : {}),
    build: ({ wait }) => void wait("word", { signal: "word" }),
  });
}

const endlessFlows = {
  unlimited: endless("endless"),
  "a key for each": endless("endlessKeyed", { key: (from) => from.input.n, limit: 1 }),
  "no room": endless("endlessSingle", { limit: 1 }),
};
for (let round = 0; round < 3; round++) {
  for (const [name, flow] of Object.entries(endlessFlows)) {
    const starts = Array.from({ length: runs }, (_, n) => ({ input: { n: round * runs + n } }));
    const together = await perSecond(flow, async (of) => void (await of.runs.startMany(flow, starts)));
    const turn = async (of: Engine): Promise<void> => {
      for (let n = 1; n <= runs; n++) await of.runs.start(flow, { input: { n: -round * runs - n } });
    };
    const row = { together, inTurn: await perSecond(flow, turn) };
    if (round > 0) process.stdout.write(`${name.padEnd(16)} starts/s ${JSON.stringify(row)}\n`);
  }
}
await engine.stop();

const client = new pg.Client({ connectionString: postgres.url });
await client.connect();
await client.query(
  `insert into flowforge.run_gates (run_id, at, lim, admitted, workspace, workflow, key, on_limit)
   select gen_random_uuid(), n, 1, n = 0, 'w', 'f', 'k', 'queue' from generate_series(0, $1::int) n`,
  [Number(values.waiting)],
);
const store = createPostgresStore({ postgres: postgres.url });
const gate = { workspace: "w", workflow: "f", key: "k" };
for (const what of ["admit", "waitingGates"] as const) {
  const times: number[] = [];
  for (let n = 0; n < 50; n++) {
    const at = performance.now();
    await (what === "admit" ? store.admit([gate]) : store.waitingGates({ limit: 1_000 }));
    times.push(performance.now() - at);
  }
  const median = times.toSorted((a, b) => a - b)[25]!.toFixed(2);
  process.stdout.write(`${what} where ${values.waiting} wait: ${median} ms\n`);
}
await store.close();
await client.end();
