/**
 * What large values cost in the whole engine on PostgreSQL, with fsync on: runs of ten steps, each with an input and an output of the
 * given size, that compresses as prose does or not at all.
 *
 *     node test/bench/large-values.ts [--kib 200] [--runs 20]
 *
 * - passing:   each step gives what it got
 * - wrapping:  each step gets what the one before gave within an object, and gives something new
 * - retrying:  each step fails twice before it gives a small value
 *
 * Per step: time, WAL, and what the tables and their TOAST hold at the end.
 */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import pg from "pg";
import {
  createEngine,
  defineWorkflow,
  type Engine,
  type Json,
  RetryableError,
  type WorkflowDocument,
} from "../../src/index.ts";
import { action } from "../integration/engine/documents.ts";
import { startPostgres } from "../support/postgres.ts";

const STEPS = 10;
const { values } = parseArgs({
  options: { kib: { type: "string", default: "200" }, runs: { type: "string", default: "20" } },
});
const bytes = Number(values.kib) * 1_024;
const runs = Number(values.runs);

await using postgres = await startPostgres({ fsync: true, settings: { shared_buffers: "512MB" } });
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();

const WORDS =
  "the invoice of a customer was paid on time by card and sent to the warehouse for delivery".split(" ");

function prose(): string {
  const dice = randomBytes(Math.ceil(bytes / 4));
  let text = "";
  for (let i = 0; text.length < bytes; i++) text += `${WORDS[dice[i]! % WORDS.length]} ${dice[i]} `;
  return text.slice(0, bytes);
}

const noise = (): string => randomBytes(Math.ceil((bytes * 3) / 4)).toString("base64");

function document(name: string, input: (before: string) => Json): WorkflowDocument {
  const ids = Array.from({ length: STEPS }, (_, i) => `s${i}`);
  return {
    format: 1,
    name,
    nodes: Object.fromEntries(
      ids.map((id, i) => [
        id,
        { kind: "action", action: name, input: input(i === 0 ? "input" : `nodes.${ids[i - 1]}.output`) },
      ]),
    ),
    edges: ids.slice(1).map((to, i) => ({ from: ids[i]!, to })),
    output: null,
  };
}

const DOCUMENTS: Readonly<Record<string, WorkflowDocument>> = {
  passing: document("passing", (before) => `{{ ${before} }}`),
  wrapping: document("wrapping", (before) => ({ before: `{{ ${before} }}`, by: "me" })),
  retrying: document("retrying", () => "{{ input }}"),
};

const actions = (make: () => string) => [
  action("passing", ({ input }) => input),
  action("wrapping", () => make()),
  action("retrying", ({ attempt }) => {
    if (attempt < 3) throw new RetryableError("not yet");
    return null;
  }),
];

async function measure(engine: Engine, name: string, make: () => string): Promise<object> {
  const wal = async (): Promise<number> => {
    const { rows } = await admin.query<{ wal: string }>(
      "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as wal",
    );
    return Number(rows[0]!.wal);
  };
  const size = async (): Promise<number> => {
    const { rows } = await admin.query<{ bytes: string }>(
      "select sum(pg_total_relation_size(c.oid)) as bytes from pg_class c where c.relnamespace = 'flowforge'::regnamespace and c.relkind = 'r'",
    );
    return Number(rows[0]!.bytes);
  };
  const [walBefore, sizeBefore, cpuBefore] = [await wal(), await size(), process.cpuUsage()];
  const at = performance.now();
  const starts = Array.from({ length: runs }, () => ({ input: make() }));
  const handles = await engine.runs.startMany(defineWorkflow(DOCUMENTS[name]!), starts);
  await Promise.all(handles.map((handle) => handle.result({ timeout: "5m" })));
  const ms = performance.now() - at;
  const cpu = process.cpuUsage(cpuBefore);
  const steps = runs * STEPS;
  return {
    msPerStep: Number((ms / steps).toFixed(2)),
    nodeCpuMsPerStep: Number(((cpu.user + cpu.system) / 1_000 / steps).toFixed(2)),
    walKibPerStep: Math.round(((await wal()) - walBefore) / steps / 1_024),
    storedKibPerStep: Math.round(((await size()) - sizeBefore) / steps / 1_024),
  };
}

for (const [kind, make] of Object.entries({ prose, noise })) {
  const engine = createEngine({
    postgres: postgres.url,
    queuePrefix: `bench_${kind}`,
    limits: { runBytes: 64 << 20 },
    actions: actions(make),
  });
  await engine.start();
  await measure(engine, "passing", () => "x");
  for (const name of Object.keys(DOCUMENTS)) {
    const line = { bench: "large-values", kib: Number(values.kib), kind, name };
    console.log(JSON.stringify({ ...line, ...(await measure(engine, name, make)) }));
  }
  await engine.stop();
}
await admin.end();
