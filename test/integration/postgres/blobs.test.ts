/** Where large values are in PostgreSQL: what the store's contract cannot see. */
import { hash } from "node:crypto";
import { expect, test } from "vitest";
import type { Json } from "../../../src/core/json.ts";
import { entry, nodeWrite, startEntry, testStore } from "./fixtures.ts";

const large = "x".repeat(70_000);
const shaOf = (value: Json): string => hash("sha256", JSON.stringify(value));

const INPUT = { item: -1, fence: 0 };

test("equal values of a run are one blob, and rows stay small", async () => {
  await using context = await testStore();
  const { store, database } = context;
  const [a, b] = [startEntry(), startEntry()];
  const filled = [a, b].map((one) => ({
    ...one,
    start: { ...one.start!, input: large, triggerPayload: { of: large } },
    nodes: [nodeWrite("a", { input: large }), nodeWrite("b", { input: [large], output: large })],
    output: large,
  }));
  await store.commit(filled);
  const blobs = await database.query<{ run_id: string; sha: string }>(
    "select run_id, encode(sha256, 'hex') as sha from flowforge.run_blobs order by 1, 2",
  );
  const shas = [large, { of: large }, [large]].map(shaOf).sort();
  const both = [a.runId, b.runId].sort();
  expect(blobs).toEqual(both.flatMap((runId) => shas.map((sha) => ({ run_id: runId, sha }))));
  const rows = await database.query<{ bytes: number }>(
    `select pg_column_size(n.*) as bytes from flowforge.node_runs n
     union all select pg_column_size(r.*) from flowforge.runs r`,
  );
  expect(rows).toHaveLength(6);
  for (const { bytes } of rows) expect(bytes).toBeLessThan(700);
});

test("up to 64 KiB a value stays in its row, in bytes and not in characters", async () => {
  await using context = await testStore();
  const { store, database } = context;
  const start = startEntry();
  const [fits, tooLong, wide] = ["x".repeat(65_534), "x".repeat(65_535), "€".repeat(21_845)];
  await store.commit([
    {
      ...start,
      nodes: [
        nodeWrite("fits", { input: fits }),
        nodeWrite("long", { input: tooLong }),
        nodeWrite("wide", { input: wide }),
      ],
    },
  ]);
  const rows = await database.query<{ node: string; mark: boolean }>(
    "select node, left(input::text, 1) = ' ' as mark from flowforge.node_runs order by node",
  );
  expect(rows).toEqual([
    { node: "fits", mark: false },
    { node: "long", mark: true },
    { node: "wide", mark: true },
  ]);
  const refs = ["fits", "long", "wide"].map((node) => ({ runId: start.runId, node, ...INPUT }));
  expect(await store.inputs(refs)).toEqual([fits, tooLong, wide]);
});

test("no value of a user's is taken for a mark", async () => {
  await using context = await testStore();
  const { store } = context;
  const start = startEntry();
  const sha = shaOf(large);
  const forged: Json[] = [sha, ` "${sha}"`, `"${sha}"`, [sha], { sha256: sha }, ` ${sha}`];
  await store.commit([
    {
      ...start,
      nodes: [
        nodeWrite("real", { input: large }),
        ...forged.map((input, n) => nodeWrite(`forged${n}`, { input, output: input })),
      ],
    },
  ]);
  const nodes = forged.map((_, n) => `forged${n}`);
  expect(await store.inputs(nodes.map((node) => ({ runId: start.runId, node, ...INPUT })))).toEqual(forged);
  const [run] = await store.load([{ runId: start.runId, outputs: nodes }]);
  expect(nodes.map((node) => run!.outputs.get(node))).toEqual(forged);
});

test("a commit that is refused leaves nothing, and one that comes again adds nothing", async () => {
  await using context = await testStore();
  const { store, database } = context;
  const start = startEntry();
  await store.commit([start]);
  const write = (seq: number) => entry(start.runId, seq, { output: large });
  expect(await store.commit([write(7)])).toMatchObject([{ type: "moved" }]);
  expect(await store.commit([startEntry(start.runId, { output: large })])).toMatchObject([{ type: "moved" }]);
  expect(await database.query("select 1 from flowforge.run_blobs")).toHaveLength(0);
  for (const seq of [1, 2, 3])
    expect(await store.commit([write(seq)])).toMatchObject([{ type: "committed" }]);
  expect(await database.query("select 1 from flowforge.run_blobs")).toHaveLength(1);
});

test("the result of a key of an action outlives the run and its blobs", async () => {
  await using context = await testStore();
  const { store, database } = context;
  const ref = { workspace: "default", action: "charge", key: "k" };
  const start = startEntry();
  await store.commit([{ ...start, actionKeys: [{ type: "claim", node: "a", fingerprint: "f", ...ref }] }]);
  const done = nodeWrite("a", { isNew: false, status: "succeeded", output: large, input: large });
  await store.commit([
    entry(start.runId, 1, { nodes: [done], actionKeys: [{ type: "done", node: "a" }], output: large }),
  ]);
  for (const table of ["runs", "node_runs", "run_blobs"])
    await database.query(`delete from flowforge.${table}`);
  expect(await store.actionKeys([ref])).toMatchObject([{ state: "done", result: large }]);
});
