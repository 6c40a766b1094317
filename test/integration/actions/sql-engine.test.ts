/** `sql.query` in an engine: what keeps a workflow from the engine's own database, and a run's data out of statements. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtInActions } from "../../../src/actions.ts";
import { defineWorkflow, type Engine, type Json, type RunDetail } from "../../../src/index.ts";
import { type Backend, openBackend } from "../engine/backends.ts";
import { fieldsOf } from "./sql-scene.ts";

let backend: Backend;
let engine: Engine;

beforeAll(async () => {
  backend = await openBackend("postgres");
  engine = backend.engine({
    encryption: { keys: { k1: randomBytes(32).toString("base64") }, current: "k1" },
    http: { allowPrivateNetwork: true },
    actions: builtInActions,
  });
  await engine.start();
  await engine.credentials.set("own", fieldsOf(backend.database.url));
});
afterAll(() => backend[Symbol.asyncDispose]());

function asking(input: Json) {
  const retry = { immediate: 0, backoff: [] };
  const nodes = { a: { kind: "action", action: "sql.query", input, credentials: ["own"], retry } };
  return defineWorkflow({ format: 1, name: "asking", nodes, edges: [] } as never);
}

async function failed(input: Json): Promise<RunDetail["nodes"][number]> {
  const run = await engine.runs.start(asking(input), {
    input: { text: "select 1; drop table x", name: "x" },
  });
  await run.result({ timeout: "20s" }).catch(() => undefined);
  return (await run.detail()).nodes[0]!;
}

test("the engine's own database is nobody's to ask, whoever has its password", async () => {
  const node = await failed({ credential: "own", text: "select 1 as n" });
  expect(node).toMatchObject({ status: "failed", error: { code: "outbound_address_refused" } });
});

test.each<[string, Json]>([
  ["a statement that the run brings along", { credential: "own", text: "{{ input.text }}" }],
  ["a part of one", { credential: "own", text: "select '{{ input.name }}'" }],
  [
    "a table that the run names",
    { credential: "own", text: "select 1", write: true, inbox: "{{ input.name }}" },
  ],
])("%s is found by validation, and does not run", async (_title, input) => {
  const { issues } = engine.workflows.validate(asking(input).document);
  expect(issues).toMatchObject([{ code: "action_input_invalid", severity: "error" }]);
  const node = await failed(input);
  expect(node).toMatchObject({ status: "failed", error: { class: "invalid_input" } });
  expect(node.error?.message).toContain("must be written as it is, without {{ }}");
});
