/**
 * What a wide map costs: time for all of its items, statements and memory of the process that runs them.
 *
 *     node test/bench/map.ts [--items 10000] [--at-once 50] [--step-ms 0]
 */
import { parseArgs } from "node:util";
import pg from "pg";
import { createEngine, defineWorkflow } from "../../src/index.ts";
import { action } from "../integration/engine/documents.ts";
import { startPostgres } from "../support/postgres.ts";

const { values } = parseArgs({
  options: {
    items: { type: "string", default: "10000" },
    "at-once": { type: "string", default: "50" },
    "step-ms": { type: "string", default: "0" },
  },
});
const [items, atOnce, stepMs] = [Number(values.items), Number(values["at-once"]), Number(values["step-ms"])];

await using postgres = await startPostgres({ fsync: true, settings: { shared_buffers: "256MB" } });
const each = action("each", async ({ input }) => {
  if (stepMs > 0) await new Promise((resolve) => setTimeout(resolve, stepMs));
  return input;
});
await using engine = createEngine({
  postgres: postgres.url,
  actions: [each],
  worker: { concurrency: Math.max(50, atOnce) },
});
await engine.start();
const mapped = defineWorkflow({
  format: 1,
  name: "mapped",
  nodes: {
    each: {
      kind: "action",
      action: "each",
      forEach: "input.list",
      concurrency: atOnce,
      input: { n: "{{ item }}", index: "{{ index }}" },
    },
  },
  edges: [],
  output: "{{ size(nodes.each.output) }}",
});

/** The heap is looked at while the map runs. */
async function measure(count: number): Promise<{ readonly ms: number; readonly heapMb: number }> {
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().heapUsed)), 20);
  const list = Array.from({ length: count }, (_, index) => index);
  const began = performance.now();
  const run = await engine.runs.start(mapped, { input: { list } });
  const counted = await run.result({ timeout: "10m" });
  const ms = performance.now() - began;
  clearInterval(watch);
  if (counted !== count) throw new Error(`${String(counted)} items instead of ${count}`);
  return { ms, heapMb: most / 1e6 };
}

await measure(Math.min(1_000, items));
for (const count of [items / 10, items]) {
  const { ms, heapMb } = await measure(Math.round(count));
  console.log(
    `${Math.round(count)} items, ${atOnce} at once: ${Math.round(ms)} ms, ${Math.round((count / ms) * 1_000)} items/s, heap at most ${heapMb.toFixed(0)} MB`,
  );
}
const client = new pg.Client({ connectionString: postgres.url });
await client.connect();
const { rows } = await client.query<{ bytes: string }>(
  "select pg_total_relation_size('flowforge.node_runs') as bytes",
);
console.log(`node_runs: ${(Number(rows[0]!.bytes) / 1e6).toFixed(1)} MB`);
await client.end();
