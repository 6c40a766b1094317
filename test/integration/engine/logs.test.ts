/** What actions write is kept with their runs. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHandler } from "../../../src/http.ts";
import { defineWorkflow, type Engine } from "../../../src/index.ts";
import { log } from "../../../src/actions.ts";
import { type Backend, collectingLogger, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const SECRET = "hunter2-hunter2";
const writing = defineWorkflow({
  format: 1,
  name: "writing",
  nodes: {
    hello: { kind: "action", action: "log", input: { message: "hello", data: { n: 1 } } },
    talk: { kind: "action", action: "talk", retry: { immediate: 1, backoff: [] } },
    each: { kind: "action", action: "item", forEach: "[1, 2]", input: { n: "{{ item }}" } },
  },
  edges: [
    { from: "hello", to: "talk" },
    { from: "talk", to: "each" },
  ],
});

let backend: Backend;
let engine: Engine;
let runId: string;
const logger = collectingLogger();
beforeAll(async () => {
  backend = await openBackend("postgres");
  const talk = action("talk", (ctx) => {
    ctx.redact(SECRET);
    ctx.logger.warn({ token: SECRET, error: new Error(`no ${SECRET}`) }, `with ${SECRET}\0`);
    if (ctx.attempt === 1) throw new Error("once");
    for (let n = 0; n < 9; n++) ctx.logger.debug({}, `line ${n}`);
    return null;
  });
  const item = action("item", ({ logger: lines, node }) => {
    lines.info({}, `item ${node.item}`);
    return null;
  });
  engine = backend.engine({ actions: [log, talk, item], workflows: [writing], logger, logs: { lines: 5 } });
  await engine.start();
  const run = await engine.runs.start(writing);
  runId = run.id;
  await run.result();
});
afterAll(() => backend[Symbol.asyncDispose]());

test("runs.logs has the lines of every attempt and item, within their limits and without secrets", async () => {
  const { items, cursor } = await engine.runs.logs(runId);
  expect(cursor).toBeNull();
  expect(items[0]).toMatchObject({
    node: "hello",
    attempt: 1,
    level: "info",
    message: "hello",
    fields: { data: { n: 1 } },
  });
  const talk = items.filter(({ node }) => node === "talk");
  expect(talk.map(({ attempt }) => attempt)).toEqual([1, 2, 2, 2, 2, 2]);
  expect(talk.at(-1)!.message).toMatch(/not kept/);
  expect(talk[0]!.message).toMatch(/^with \[redacted\]/);
  expect(JSON.stringify(items)).not.toContain(SECRET);
  const each = items.filter(({ node }) => node === "each");
  expect(each.map(({ item, message }) => `${item}: ${message}`).sort()).toEqual(["0: item 0", "1: item 1"]);
});

test("lines are read page by page, by node and item, and only in their workspace", async () => {
  const first = await engine.runs.logs(runId, { limit: 3 });
  const rest = await engine.runs.logs(runId, { cursor: first.cursor! });
  expect([...first.items, ...rest.items]).toEqual((await engine.runs.logs(runId)).items);
  expect((await engine.runs.logs(runId, { node: "each", item: 1 })).items).toHaveLength(1);
  expect((await engine.runs.logs(runId, { cursor: rest.items.at(-1)!.id })).items).toEqual([]);
  expect((await engine.runs.logs(runId, { workspace: "other" })).items).toEqual([]);
  expect((await engine.runs.logs("none")).items).toEqual([]);
  await expect(engine.runs.logs(runId, { cursor: "x" })).rejects.toMatchObject({ code: "option_invalid" });
});

test("the host's logger gets each line with its run, workspace, node and attempt", () => {
  const line = logger.lines.find(({ message }) => message === "hello");
  const about = { runId, workflow: "writing", workspace: "default", node: "hello", attempt: 1 };
  expect(line).toEqual({ level: "info", message: "hello", fields: { data: { n: 1 }, ...about } });
});

test("over HTTP they are the caller's workspace's", async () => {
  const ask = async (workspace: string, query = "") => {
    const handler = createHandler(engine, { authorize: () => ({ workspace }) });
    return handler(new Request(`http://flow.test/runs/${runId}/logs${query}`));
  };
  const answer = (await (await ask("default", "?node=each&limit=1")).json()) as { items: object[] };
  expect(answer.items).toMatchObject([{ node: "each" }]);
  expect((await ask("other")).status).toBe(404);
  expect((await ask("default", "?item=x")).status).toBe(400);
});
