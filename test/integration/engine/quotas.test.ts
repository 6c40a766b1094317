/** Quotas at the door of a workspace, on both backends: what is beyond them is refused with a time, and what is inside already is not asked. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineWorkflow, type Engine, QuotaExceededError, type WebhookAnswer } from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, type BackendName, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

function flow(name: string, source: object, more: object = {}) {
  return defineWorkflow({
    format: 1,
    name,
    ...more,
    nodes: {
      in: { kind: "trigger", source },
      a: { kind: "action", action: "echo", input: "{{ input }}" },
    },
    edges: [{ from: "in", to: "a" }],
    output: "{{ nodes.a.output }}",
  } as never);
}

const hook = (path: string, source: object = {}, more: object = {}) =>
  flow(path, { type: "webhook", path, signature: { scheme: "none", idHeader: "x-id" }, ...source }, more);
const parent = defineWorkflow({
  format: 1,
  name: "parent",
  nodes: { child: { kind: "action", action: "workflow.run", input: { workflow: "plain", input: "c" } } },
  edges: [],
} as never);

const echo = action("echo", async ({ input }) => input);
const workflows = [
  flow("plain", { type: "manual" }),
  flow("heard", { type: "event", name: "news" }),
  hook("refusing"),
  hook("patient", { overQuota: "delay" }),
  // None of them ever has room.
  ...["full", "fullLater"].map((path) =>
    hook(path, path === "full" ? {} : { overQuota: "delay" }, {
      concurrency: { key: "{{ input.of }}", limit: 1, onLimit: "reject" },
    }),
  ),
  parent,
];
const ACME = { workspace: "acme" };
const TIMEOUT = { timeout: "45s" } as const;

onEachBackend("quotas of a workspace", (name: BackendName) => {
  let backend: Backend;
  let engine: Engine;

  beforeEach(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ workflows, actions: [echo] });
    await engine.start();
    for (const workflow of workflows) await engine.workflows.register(workflow, ACME);
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  const start = (more: object = {}) => engine.runs.start("plain", { input: 1, ...ACME, ...more } as never);
  const refusal = (starting: Promise<unknown>): Promise<unknown> =>
    starting.then(
      () => null,
      (error: unknown) => error,
    );
  const runs = async (): Promise<number> => (await engine.runs.list({ ...ACME, limit: 1_000 })).items.length;

  function post(path: string, id: string): Promise<WebhookAnswer> {
    const headers = { "content-type": "application/json", "x-id": id };
    const url = `https://example.com/webhooks/${path}`;
    return engine.webhooks.receive({
      ...ACME,
      path,
      method: "POST",
      url,
      headers,
      body: Buffer.from(JSON.stringify(id)),
    });
  }

  test("starts beyond the rate are refused with a time, after which they are let in", async () => {
    await engine.workspaces.setLimits("acme", { starts: { limit: 2, per: "1h" } });
    await start();
    await start();
    const error = await refusal(start());
    expect(error).toBeInstanceOf(QuotaExceededError);
    expect(error).toMatchObject({ code: "quota_exceeded", quota: "starts", workspace: "acme" });
    const { retryAfterMs } = error as QuotaExceededError;
    expect(retryAfterMs).toBeGreaterThan(1_700_000);
    expect(retryAfterMs).toBeLessThanOrEqual(1_800_000);
    expect(await runs()).toBe(2);
    // Another workspace has nothing to do with it.
    await start({ workspace: "other" });
    await shiftClock(backend.database, retryAfterMs);
    expect(await (await start()).result(TIMEOUT)).toBe(1);
    expect(await refusal(start())).toMatchObject({ code: "quota_exceeded" });
    await engine.workspaces.setLimits("acme", null);
    await start();
  }, 60_000);

  test("a start with a known key is never refused, nor does it use anything up", async () => {
    await engine.workspaces.setLimits("acme", { starts: { limit: 2, per: "1d" } });
    const keyed = { idempotencyKey: "k" };
    const { id } = await start(keyed);
    for (let n = 0; n < 3; n++) expect((await start(keyed)).id).toBe(id);
    await start();
    expect((await start(keyed)).id).toBe(id);
    expect(await refusal(start({ idempotencyKey: "new" }))).toMatchObject({ code: "quota_exceeded" });
    expect(await engine.runs.getByKey("new", { workflow: "plain", ...ACME })).toBeNull();
  }, 60_000);

  test("of starts that come at once with one key, one uses something up", async () => {
    await engine.workspaces.setLimits("acme", { starts: { limit: 5, per: "1d" } });
    const all = await Promise.all(Array.from({ length: 4 }, () => start({ idempotencyKey: "k" })));
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    for (let n = 0; n < 4; n++) await start();
    expect(await refusal(start())).toMatchObject({ code: "quota_exceeded" });
    expect(await runs()).toBe(5);
  }, 60_000);

  test("starts that come together are let in together or not at all", async () => {
    await engine.workspaces.setLimits("acme", { starts: { limit: 3, per: "1d" } });
    const many = (count: number) =>
      engine.runs.startMany("plain", Array.from({ length: count }, () => ({ input: 1, ...ACME })) as never);
    await many(2);
    expect(await refusal(many(2))).toMatchObject({ code: "quota_exceeded" });
    expect(await runs()).toBe(2);
    await many(1);
    // Of many at once exactly as many as there is room for.
    await engine.workspaces.setLimits("beta", { starts: { limit: 5, per: "1d" } });
    const all = await Promise.all(Array.from({ length: 20 }, () => refusal(start({ workspace: "beta" }))));
    expect(all.filter((each) => each === null)).toHaveLength(5);
  }, 60_000);

  test("bytes of payloads and stored runs are counted too", async () => {
    await engine.workspaces.setLimits("acme", { payloadBytes: { limit: 5_000, per: "1d" } });
    const large = { input: "x".repeat(3_000) };
    await start(large);
    expect(await refusal(start(large))).toMatchObject({ quota: "payloadBytes" });
    await start();
    await engine.workspaces.setLimits("acme", { storedRuns: 3 });
    await start();
    expect(await refusal(start())).toMatchObject({ quota: "storedRuns", retryAfterMs: 60_000 });
    expect(await runs()).toBe(3);
  }, 60_000);

  test("what is inside already is not asked: children, and runs of events", async () => {
    await engine.workspaces.setLimits("acme", { starts: { limit: 1, per: "1d" } });
    const run = await engine.runs.start("parent", ACME);
    await run.result(TIMEOUT);
    await engine.events.publish("news", 5, ACME);
    await expect.poll(runs, { timeout: 45_000 }).toBe(3);
    expect(await refusal(start())).toMatchObject({ code: "quota_exceeded" });
  }, 60_000);

  test("a webhook answers 429 and when to come back, and keeps nothing; a delivery that is known has its run", async () => {
    await engine.workspaces.setLimits("acme", { starts: { limit: 1, per: "1h" } });
    const first = await post("refusing", "a");
    expect(first.status).toBe(200);
    const second = await post("refusing", "b");
    expect([second.status, JSON.parse(second.body)]).toEqual([429, { error: "quota_exceeded" }]);
    const seconds = Number(second.headers["retry-after"]);
    expect(seconds).toBeGreaterThan(3_500);
    expect(seconds).toBeLessThanOrEqual(3_600);
    const { runId } = JSON.parse(first.body) as { runId: string };
    expect(JSON.parse((await post("refusing", "a")).body)).toEqual({ runId, repeated: true });
    expect(await runs()).toBe(1);
    await shiftClock(backend.database, seconds * 1_000);
    expect((await post("refusing", "b")).status).toBe(200);
  }, 60_000);

  test("a delivery that comes to nothing, or comes twice at once, uses nothing up", async () => {
    await engine.workspaces.setLimits("acme", { starts: { limit: 4, per: "1d" } });
    const reason = async (path: string, id: string): Promise<unknown> =>
      (JSON.parse((await post(path, id)).body) as { error: unknown }).error;
    // Its input has no `of`: the key cannot be made.
    for (const path of ["full", "fullLater"])
      for (let n = 0; n < 3; n++) expect(await reason(path, `${path} ${n}`)).toBe("concurrency_key_invalid");
    const answers = await Promise.all(Array.from({ length: 4 }, () => post("refusing", "twice")));
    expect(answers.filter(({ body }) => body.includes('"repeated":false'))).toHaveLength(1);
    for (let n = 0; n < 3; n++) await start();
    expect(await refusal(start())).toMatchObject({ code: "quota_exceeded" });
  }, 60_000);

  test("a webhook that says so stores the run, which begins when its turn has come", async () => {
    await engine.workspaces.setLimits("acme", { starts: { limit: 1, per: "1h" } });
    expect((await post("patient", "a")).status).toBe(200);
    const answers = [await post("patient", "b"), await post("patient", "c")];
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    const [b, c] = answers.map(({ body }) => JSON.parse(body) as { runId: string; startsAt: string });
    const between = Date.parse(c!.startsAt) - Date.parse(b!.startsAt);
    expect(between).toBeGreaterThan(3_500_000);
    expect(between).toBeLessThan(3_660_000);
    // What is owed is not given to others.
    expect(await refusal(start())).toMatchObject({ code: "quota_exceeded" });
    expect(JSON.parse((await post("patient", "b")).body)).toMatchObject({ runId: b!.runId, repeated: true });
    await shiftClock(backend.database, 3_700_000);
    expect(await engine.runs.handle(b!.runId, ACME).result(TIMEOUT)).toBe("b");
    expect((await engine.runs.get(c!.runId, ACME))!.header.status).toBe("queued");
  }, 60_000);
});
