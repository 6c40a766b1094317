/** The API does what the engine does, and says so in JSON. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHandler } from "../../../src/http.ts";
import { defineWorkflow } from "../../../src/index.ts";
import { type Api, openApi, waiting } from "./api.ts";

let api: Api;
beforeAll(async () => {
  api = await openApi({ basePath: "/flow" });
});
afterAll(() => api[Symbol.asyncDispose]());

async function body(response: Response | Promise<Response>): Promise<Record<string, unknown>> {
  return (await (await response).json()) as Record<string, unknown>;
}
async function start(headers: Record<string, string> = {}, input: unknown = 1): Promise<string> {
  return String((await body(api.call("POST /runs", { workflow: "waiting", input }, headers))).id);
}

describe("createHandler", () => {
  test("will not be built without authorize, and knows its options", () => {
    expect(() => Reflect.apply(createHandler, null, [api.engine])).toThrow(/option "authorize"/);
    expect(() => Reflect.apply(createHandler, null, [api.engine, { autorize: () => null }])).toThrow(
      /Did you mean "authorize"/,
    );
    const authorize = (): null => null;
    expect(() => createHandler(api.engine, { authorize, basePath: "flow/" })).toThrow(/"basePath"/);
    expect(() => createHandler(api.engine, { authorize, origins: ["*"] })).toThrow(/"origins"/);
    expect(() => createHandler(api.engine, { authorize, maxBodyBytes: 0 })).toThrow(/"maxBodyBytes"/);
  });

  test("an authorize that fails or names no workspace lets nobody in, and is told to onError only", async () => {
    for (const authorize of [
      () => ({ workspace: "" }),
      () => Promise.reject(new Error("ldap://secret is away")),
    ]) {
      const told: unknown[] = [];
      const handler = createHandler(api.engine, { authorize, onError: (error) => void told.push(error) });
      const response = await handler(new Request("http://flow.test/runs"));
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain("secret");
      expect(told).toHaveLength(1);
    }
  });

  test("`can` is asked for the operation", async () => {
    const asked: string[] = [];
    const can = (operation: string): boolean => asked.push(operation) > 0 && operation === "runs.list";
    const handler = createHandler(api.engine, { authorize: () => ({ workspace: "mine", can }) });
    expect((await handler(new Request("http://flow.test/runs"))).status).toBe(200);
    expect((await handler(new Request("http://flow.test/credentials"))).status).toBe(403);
    expect(asked).toEqual(["runs.list", "credentials.list"]);
  });
});

test("stats are those of the caller's workspace", async () => {
  await start();
  const mine = await body(api.call("GET /flow/stats?step=1h&since=2020-01-01T00:00:00Z"));
  expect(mine).toMatchObject({ code: "option_invalid" });
  const day = await body(api.call("GET /flow/stats?step=1h"));
  expect(day.now).toMatchObject({ active: expect.any(Number) as unknown, workers: 1 });
  const other = await body(api.call("GET /flow/stats", undefined, { authorization: "other" }));
  expect(other.now).toMatchObject({ active: 0 });
  expect((await api.call("GET /flow/stats?allWorkspaces=true")).status).toBe(400);
  expect(await body(api.call("GET /flow/workflows/waiting/stats"))).toMatchObject({ nodes: [] });
});

describe("workflows", () => {
  test("are validated, registered, listed and got", async () => {
    const named = { ...waiting, name: "second" };
    expect(await body(api.call("POST /flow/validate", { format: 1 }))).toMatchObject({
      issues: expect.arrayContaining([expect.anything()]) as unknown,
    });
    const first = await api.call("POST /workflows", named);
    expect([first.status, await first.json()]).toMatchObject([201, { name: "second", version: 1 }]);
    expect(await body(api.call("GET /flow/workflows"))).toMatchObject({
      items: [{ name: "second" }, { name: "waiting" }],
    });
    expect(await body(api.call("GET /workflows/second?version=1"))).toMatchObject({ version: 1 });
    expect((await api.call("GET /workflows/second?version=2")).status).toBe(404);
    expect(await body(api.call("GET /workflows/second/versions"))).toMatchObject({ items: [{ version: 1 }] });
  });

  test("a definition with problems is refused with all of them, also one that says it is a workflow already", async () => {
    for (const poison of [
      { format: 1 },
      { kind: "flowforge.workflow", document: { name: "x" }, name: "x" },
    ]) {
      const response = await api.call("POST /workflows", poison);
      expect([response.status, await response.json()]).toMatchObject([
        422,
        { code: "definition_invalid", issues: expect.arrayContaining([expect.anything()]) as unknown },
      ]);
    }
  });
});

describe("runs", () => {
  test("start, signal, get, list and events until the end", async () => {
    const started = await api.call("POST /flow/runs", { workflow: "waiting", labels: { team: "a:b" } });
    const { id } = await body(started);
    expect([started.status, started.headers.get("location")]).toEqual([201, `/flow/runs/${id}`]);
    const events = await api.call(`GET /runs/${id}/events`);
    expect(events.headers.get("content-type")).toBe("text/event-stream");
    const told = events.text();
    expect(
      await body(api.call(`POST /runs/${id}/signals`, { name: "go", payload: { ok: 1 }, id: "s" })),
    ).toEqual({
      repeated: false,
    });
    const text = await told;
    expect(text).toMatch(/event: run\ndata: \{"type":"run","status":"succeeded"\}\n\n$/);
    const last = [...text.matchAll(/^id: (.*)$/gm)].at(-1)![1]!;
    expect(last).toMatch(/^\d+\.end$/);
    expect((await api.call(`GET /runs/${id}/events`, undefined, { "last-event-id": last })).status).toBe(204);
    const earlier = { "last-event-id": String(Number.parseInt(last) - 1) };
    const rest = await (await api.call(`GET /runs/${id}/events`, undefined, earlier)).text();
    expect(rest).toContain(`id: ${last}`);
    expect(await body(api.call(`GET /runs/${id}`))).toMatchObject({ output: { ok: 1 } });
    const page = await body(api.call("GET /runs?label=team:a:b&status=succeeded&limit=5"));
    expect(page).toMatchObject({ items: [{ id }] });
    const refused = await api.call(`POST /runs/${id}/signals`, { name: "go" });
    expect([refused.status, refused.headers.get("content-type")]).toEqual([409, "application/problem+json"]);
  });

  test("an idempotency key: the same run, 422 with another input, 400 for none that is one", async () => {
    const key = { "idempotency-key": '"order-1"' };
    const id = await start(key);
    expect(await start(key)).toBe(id);
    expect(await body(api.call("GET /run-keys/waiting/order-1"))).toEqual({ id, workflow: "waiting" });
    const other = await api.call("POST /runs", { workflow: "waiting", input: 2 }, key);
    expect([other.status, (await body(other)).code]).toEqual([422, "idempotency_conflict"]);
    for (const bad of ["", "x".repeat(256)]) {
      const response = await api.call("POST /runs", { workflow: "waiting" }, { "idempotency-key": bad });
      expect(response.status).toBe(400);
    }
    expect(await start({ ...key, authorization: "other" })).not.toBe(id);
  });

  test("many runs in one request, each with its own key; one bad input refuses them all", async () => {
    const starts = [1, 2, 3].map((n) => ({ input: n, idempotencyKey: `batch-${n}`, labels: { batch: "a" } }));
    const first = await api.call("POST /run-batches", { workflow: "waiting", starts });
    const ids = async (response: Response): Promise<string[]> =>
      ((await body(response)).items as { id: string }[]).map(({ id }) => id);
    const started = await ids(first);
    expect([first.status, new Set(started).size]).toEqual([201, 3]);
    expect(await ids(await api.call("POST /run-batches", { workflow: "waiting", starts }))).toEqual(started);
    expect((await body(api.call("GET /runs?label=batch:a"))).items).toHaveLength(3);
    const bad = [...starts.slice(0, 2), { input: 3, at: "never" }].map((each) => ({
      ...each,
      idempotencyKey: undefined,
      labels: { batch: "b" },
    }));
    expect((await api.call("POST /run-batches", { workflow: "waiting", starts: bad })).status).toBe(400);
    expect((await api.call("POST /run-batches", { workflow: "waiting", starts: [] })).status).toBe(400);
    const tooMany = Array.from({ length: 1001 }, () => ({}));
    expect((await api.call("POST /run-batches", { workflow: "waiting", starts: tooMany })).status).toBe(400);
    expect((await body(api.call("GET /runs?label=batch:b"))).items).toHaveLength(0);
  });

  test("a signal to the run that has a key starts it where there is none", async () => {
    const send = { signal: "go", payload: { ok: 2 }, id: "once", input: 7 };
    const first = await body(api.call("POST /run-keys/waiting/cart-9/signals", send));
    expect(first).toMatchObject({ workflow: "waiting" });
    const handle = api.engine.runs.handle(first.id as string, { workspace: "mine" });
    expect(await handle.result({ timeout: "20s" })).toEqual({ ok: 2 });
    const late = await api.call("POST /run-keys/waiting/cart-9/signals", { signal: "go" });
    expect([late.status, (await body(late)).code]).toEqual([409, "run_finished"]);
    const unknown = await api.call("POST /run-keys/nobodys/cart-9/signals", { signal: "go" });
    expect([unknown.status, (await body(unknown)).code]).toEqual([404, "workflow_not_found"]);
  });

  test("pages by cursor hold every run once", async () => {
    const ids = [await start({}, "p"), await start({}, "p"), await start({}, "p")];
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page = await body(api.call(`GET /runs?limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`));
      seen.push(...(page.items as { id: string }[]).map(({ id }) => id));
      cursor = page.cursor as string | null;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(ids));
  });

  test("are found by an error, and cancelled by it; a text that is none is refused", async () => {
    const workspace = "failed";
    const own = { authorization: workspace };
    const failing = {
      format: 1,
      name: "failing",
      nodes: { a: { kind: "action", action: "add", input: "no_numbers" } },
      edges: [],
    };
    await api.engine.workflows.register(defineWorkflow(failing), { workspace });
    const run = await api.engine.runs.start("failing", { workspace });
    await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
    const letters = await api.engine.deadLetters.list({ workspace, runId: run.id });
    const { error } = letters.items[0]!;
    for (const text of [error.class.toUpperCase(), error.message.slice(0, 60)]) {
      const page = await body(
        api.call(`GET /runs?workflow=failing&error=${encodeURIComponent(text)}`, undefined, own),
      );
      expect(page.items).toMatchObject([{ id: run.id, status: "failed" }]);
    }
    expect((await body(api.call("GET /runs?error=%25%25", undefined, own))).items).toEqual([]);
    for (const wrong of ["", "a%00b", "x".repeat(201), "a&error=b"]) {
      const answer = await api.call(`GET /runs?error=${wrong}`);
      expect([wrong, answer.status, (await body(answer)).code]).toEqual([wrong, 400, "http_request_invalid"]);
    }
    const cancel = (filter: object): Promise<unknown> =>
      body(api.call("POST /bulk/runs/cancel", { filter: { ...filter, status: ["failed"] } }, own));
    expect(await cancel({ error: 5 })).toMatchObject({ code: "http_request_invalid" });
    expect(await cancel({ error: "no such error" })).toMatchObject({ done: 0 });
    expect(await cancel({ error: error.class })).toMatchObject({ done: 1, refused: 0 });
    expect(await run.status()).toBe("cancelled");
  });

  test("pause, resume, cancel, rerun, and many by a filter that must say something", async () => {
    const id = await start();
    expect((await api.call(`POST /runs/${id}/pause`)).status).toBe(200);
    expect((await api.call(`POST /runs/${id}/resume`, {})).status).toBe(200);
    const again = await api.call(`POST /runs/${id}/rerun`);
    expect([again.status, (await body(again)).workflow]).toEqual([201, "waiting"]);
    expect((await api.call(`POST /runs/${id}/cancel`)).status).toBe(200);
    expect((await api.call("POST /bulk/runs/cancel", { filter: {} })).status).toBe(400);
    expect((await api.call("POST /bulk/runs/cancel", {})).status).toBe(400);
    const kept = await start({ authorization: "other" });
    const result = await body(api.call("POST /bulk/runs/cancel", { filter: { workflow: "waiting" } }));
    expect(result).toMatchObject({ refused: 0 });
    expect(result.done).toBeGreaterThan(0);
    expect(await api.engine.runs.handle(kept, { workspace: "other" }).status()).toBe("waiting");
  });
});

describe("the rest", () => {
  test("credentials go in and never come out", async () => {
    const secret = "hunter2-hunter2";
    expect((await api.call("PUT /credentials/crm", { fields: { token: secret } })).status).toBe(200);
    const listed = await (await api.call("GET /credentials")).text();
    expect(listed).toContain("crm");
    expect(listed).not.toContain(secret);
    expect((await api.call("DELETE /credentials/crm", undefined, { authorization: "other" })).status).toBe(
      404,
    );
    expect((await api.call("DELETE /credentials/crm")).status).toBe(200);
  });

  test("an approval link is used without login, once, and does not name the workspace", async () => {
    const id = await start();
    const { token } = await body(api.call(`POST /runs/${id}/approvals`, { signal: "go", payload: "yes" }));
    const visit = (method: string): Promise<Response> =>
      api.handler(new Request(`http://flow.test/approvals/${String(token)}`, { method }));
    const shown = await (await visit("GET")).text();
    expect(shown).toContain(id);
    expect(shown).not.toContain("mine");
    expect((await visit("POST")).status).toBe(200);
    expect((await visit("POST")).status).toBe(409);
    expect(await api.engine.runs.handle(id, { workspace: "mine" }).result({ timeout: "20s" })).toBe("yes");
  });

  test("an event, health, and lists of dead letters", async () => {
    expect((await api.call("POST /events", { name: "order.paid", payload: {} })).status).toBe(200);
    expect(await body(api.call("GET /dead-letters"))).toEqual({ items: [], cursor: null });
    expect(await body(api.call("GET /dead-letter-groups"))).toEqual({ items: [] });
    expect(await body(api.handler(new Request("http://flow.test/health/ready")))).toEqual({ ready: true });
  });

  test("what a page of another site sends is refused, unless its origin is listed", async () => {
    const from = (headers: Record<string, string>): Promise<Response> =>
      api.call("POST /events", { name: "x" }, headers);
    expect((await from({ origin: "http://flow.test" })).status).toBe(200);
    expect((await from({ origin: "http://evil.test", "sec-fetch-site": "same-origin" })).status).toBe(200);
    for (const headers of [
      { origin: "http://evil.test" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { origin: "http://flow.test", "sec-fetch-site": "same-site" },
    ]) {
      expect((await from(headers)).status).toBe(403);
    }
  });

  test("the OpenAPI document lists every operation with its schemas", async () => {
    const document = await body(api.call("GET /flow/openapi.json"));
    expect(document).toMatchObject({
      openapi: "3.1.0",
      servers: [{ url: "/flow" }],
      paths: {
        "/runs": {
          post: { operationId: "runs.start", requestBody: { required: true } },
          get: {
            parameters: expect.arrayContaining([expect.objectContaining({ name: "cursor" })]) as unknown,
          },
        },
      },
    });
  });
});
