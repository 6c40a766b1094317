/** Webhooks become runs: each delivery one, after its signature and before its answer. */
import { createHmac, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { defineWorkflow, type Engine, type WebhookAnswer } from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const encryption = { keys: { k1: randomBytes(32).toString("base64") }, current: "k1" };

function hooked(name: string, source: object, more: object = {}) {
  return defineWorkflow({
    format: 1,
    name,
    nodes: {
      in: { kind: "trigger", source: { type: "webhook", ...source } },
      a: { kind: "action", action: "double", input: "{{ input }}" },
    },
    edges: [{ from: "in", to: "a" }],
    output: "{{ nodes.a.output }}",
    ...more,
  } as never);
}

const github = { scheme: "github", secret: "hook" };
const schema = { type: "object", properties: { n: { type: "number" } }, required: ["n"] };
const double = action("double", async ({ input }) => ({ twice: Number((input as { n: number }).n) * 2 }));
const workflows = [
  hooked("orders", { path: "orders", signature: github }, { input: schema }),
  hooked("asked", { path: "asked", signature: { scheme: "none" }, respond: "result", timeout: "20s" }),
  hooked("shut", { path: "shut" }),
  hooked("talk", { path: "talk", signature: { scheme: "none", idHeader: "x-id" } }),
  hooked("zweite", { path: "talk", signature: { scheme: "none" } }),
];

async function started(backend: Backend): Promise<Engine> {
  const engine = backend.engine({ workflows, actions: [double], encryption });
  await engine.start();
  await engine.credentials.set("hook", { secret: "new", previous: "old" });
  return engine;
}

interface Sent {
  readonly path?: string;
  readonly method?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: { readonly [name: string]: string };
}

function post(engine: Engine, { path = "orders", method = "POST", body = "", headers = {} }: Sent) {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const type = { "content-type": "application/json" };
  const url = `https://example.com/webhooks/${path}`;
  return engine.webhooks.receive({ path, method, url, headers: { ...type, ...headers }, body: bytes });
}

/** As GitHub sends it. */
function deliver(
  engine: Engine,
  { id, body, secret = "new" }: { id: string; body: string; secret?: string },
) {
  const signature = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  const headers = {
    "X-GitHub-Delivery": id,
    "X-Hub-Signature-256": signature,
    cookie: "c",
    "X-GitHub-Event": "push",
  };
  return post(engine, { body, headers });
}

const read = ({ body }: WebhookAnswer) =>
  JSON.parse(body) as { runId: string; repeated: boolean; error?: string };
const runCount = async (backend: Backend): Promise<number> =>
  Number((await backend.database.query<{ n: string }>("select count(*) as n from flowforge.runs"))[0]!.n);

onEachBackend("webhooks", (name) => {
  test("a delivery is a run, once, whatever of it comes again", { timeout: 60_000 }, async () => {
    await using backend = await openBackend(name);
    const engine = await started(backend);
    const first = await deliver(engine, { id: "d1", body: '{"n":4}' });
    expect(first).toMatchObject({ status: 200, headers: { "content-type": "application/json" } });
    const { runId, repeated } = read(first);
    expect(repeated).toBe(false);
    expect(await engine.runs.handle(runId).result({ timeout: "20s" })).toEqual({ twice: 8 });
    // With the same id, with another id and the same body, with the same id and another body, and with the secret of before.
    const again = [
      await deliver(engine, { id: "d1", body: '{"n":4}' }),
      await deliver(engine, { id: "d2", body: '{"n":4}' }),
      await deliver(engine, { id: "d1", body: '{"n":5}' }),
      await deliver(engine, { id: "d1", body: '{"n":4}', secret: "old" }),
    ];
    for (const each of again) expect([each.status, read(each)]).toEqual([200, { runId, repeated: true }]);
    expect(await runCount(backend)).toBe(1);

    const { items } = await engine.webhooks.deliveries();
    const kept = { "content-type": "application/json", "x-github-delivery": "d1", "x-github-event": "push" };
    expect(items).toMatchObject([{ status: "accepted", runId, repeats: 4, headers: kept, verified: true }]);
    expect(Object.keys(items[0]!.headers).sort()).toEqual(Object.keys(kept));
    const [run] = await backend.database.query<{ headers: unknown }>(
      "select trigger_payload->'headers' as headers from flowforge.runs",
    );
    expect(run!.headers).toEqual(kept);
    // Of many at once, one.
    const body = '{"n":6}';
    const many = await Promise.all(Array.from({ length: 20 }, () => deliver(engine, { id: "d6", body })));
    const ids = many.filter(({ status }) => status === 200).map((each) => read(each).runId);
    expect(new Set(ids).size).toBe(1);
    expect(many.every(({ status }) => status === 200 || status === 503)).toBe(true);
    expect(await runCount(backend)).toBe(2);
  });

  test(
    "what is no delivery is refused below 500, kept with the reason, and has no run",
    { timeout: 60_000 },
    async () => {
      await using backend = await openBackend(name);
      const engine = await started(backend);
      const forged = await deliver(engine, { id: "d1", body: '{"n":1}', secret: "guess" });
      expect([forged.status, forged.body]).toEqual([401, '{"error":"unauthorized"}']);
      const statuses = [
        (await post(engine, { path: "nowhere" })).status,
        (await post(engine, { path: "no\0where" })).status,
        (await post(engine, { method: "GET" })).status,
        (await post(engine, { path: "shut", body: "{}" })).status,
        (await post(engine, { path: "talk", body: "{" })).status,
        (await post(engine, { path: "talk", body: "{}", headers: { "content-type": "multipart/form-data" } }))
          .status,
        (await post(engine, { path: "talk", body: "[".repeat(100_000) })).status,
        (await post(engine, { path: "talk", body: new Uint8Array(1_048_577) })).status,
        (await deliver(engine, { id: "d2", body: '{"n":"four"}' })).status,
        (await deliver(engine, { id: "d3", body: "[]" })).status,
      ];
      expect(statuses).toEqual([404, 404, 405, 401, 400, 415, 400, 413, 422, 422]);
      expect(await runCount(backend)).toBe(0);
      const { items } = await engine.webhooks.deliveries({ status: "rejected" });
      expect(items.map(({ reason, verified }) => [reason, verified]).reverse()).toEqual([
        ["signature_mismatch", false],
        ["signature_unset", false],
        ["body_invalid", true],
        ["type_unsupported", true],
        ["body_invalid", true],
        ["too_large", false],
        ["input_invalid", true],
        ["input_invalid", true],
      ]);
      const text = JSON.stringify(await backend.database.query("select * from flowforge.webhook_deliveries"));
      expect(text).not.toContain("sha256=");
      // What was refused may come again when it is right.
      expect((await deliver(engine, { id: "d2", body: '{"n":4}' })).status).toBe(200);
      // Texts that PostgreSQL has no room for, in ids and bodies.
      const odd = { path: "talk", body: '{"n":1,"x":"\\u0000\\ud800"}', headers: { "x-id": "a\0b\ud800" } };
      expect((await post(engine, odd)).status).toBe(200);
      expect(read(await post(engine, odd)).repeated).toBe(true);
    },
  );

  test("strangers fill nothing", { timeout: 60_000 }, async () => {
    await using backend = await openBackend(name);
    const engine = await started(backend);
    const body = "x".repeat(200_000);
    for (let n = 0; n < 50; n++) {
      const answer = await deliver(engine, { id: `d${n}`, body, secret: "guess" });
      expect(answer.status).toBe(401);
    }
    const [sum] = await backend.database.query<{ n: string; bytes: string }>(
      "select count(*) as n, sum(length(body)) as bytes from flowforge.webhook_deliveries",
    );
    expect(Number(sum!.n)).toBeLessThanOrEqual(60);
    expect(Number(sum!.bytes)).toBeLessThanOrEqual(60 * 65_536);
    const { items } = await engine.webhooks.deliveries({ limit: 1 });
    await expect(engine.webhooks.replay(items[0]!.id)).rejects.toMatchObject({ code: "delivery_refused" });
  });

  test("a rejected delivery is replayed in, once", { timeout: 60_000 }, async () => {
    await using backend = await openBackend(name);
    const engine = await started(backend);
    await deliver(engine, { id: "d1", body: '{"n":4}', secret: "forgotten" });
    await deliver(engine, { id: "d2", body: '{"n":"x"}' });
    const { items } = await engine.webhooks.deliveries({ path: "orders", status: "rejected" });
    const [wrong, right] = items;
    await expect(engine.webhooks.replay(wrong!.id)).rejects.toMatchObject({ code: "input_invalid" });
    const replays = await Promise.allSettled([1, 2, 3].map(() => engine.webhooks.replay(right!.id)));
    const done = replays.flatMap((each) => (each.status === "fulfilled" ? [each.value.runId] : []));
    expect(done).toHaveLength(1);
    expect(await engine.runs.handle(done[0]!).result({ timeout: "20s" })).toEqual({ twice: 8 });
    // The sender has its secret right by now, and tries again: that is the run which was started by hand.
    const resent = await deliver(engine, { id: "d1", body: '{"n":4}' });
    expect([resent.status, read(resent)]).toEqual([200, { runId: done[0], repeated: true }]);
    const code = (expected: string) => ({ code: expected });
    await expect(engine.webhooks.replay(right!.id)).rejects.toMatchObject(code("delivery_refused"));
    await expect(engine.webhooks.replay("none")).rejects.toMatchObject(code("delivery_not_found"));
    const elsewhere = engine.webhooks.replay(wrong!.id, { workspace: "elsewhere" });
    await expect(elsewhere).rejects.toMatchObject(code("delivery_not_found"));
    const { items: after } = await engine.webhooks.deliveries({ status: "rejected" });
    expect(after.map(({ id }) => id)).toEqual([wrong!.id]);
  });

  test(
    "whoever waits for the result gets it, and handshakes start nothing",
    { timeout: 60_000 },
    async () => {
      await using backend = await openBackend(name);
      const engine = await started(backend);
      for (let n = 0; n < 2; n++) {
        const answer = await post(engine, { path: "asked", body: '{"n":21}' });
        expect([answer.status, answer.body]).toEqual([200, '{"twice":42}']);
      }
      const body = "{}";
      const signature = `sha256=${createHmac("sha256", "new").update(body).digest("hex")}`;
      const ping = await post(engine, {
        body,
        headers: { "x-hub-signature-256": signature, "x-github-event": "ping" },
      });
      expect([ping.status, ping.body]).toEqual([200, "pong"]);
      expect(await runCount(backend)).toBe(1);
      const { items } = await engine.webhooks.list();
      expect(items.map(({ path, workflow, scheme, shadowed }) => [path, workflow, scheme, shadowed])).toEqual(
        [
          ["asked", "asked", "none", false],
          ["orders", "orders", "github", false],
          ["shut", "shut", null, false],
          ["talk", "talk", "none", false],
          ["talk", "zweite", "none", true],
        ],
      );
      const page = await engine.webhooks.list({ limit: 2 });
      const rest = await engine.webhooks.list({ cursor: page.cursor! });
      expect(rest.items.map(({ workflow }) => workflow)).toEqual(["shut", "talk", "zweite"]);
    },
  );

  test(
    "a claim without a run, left by a receiver that died, becomes its one run",
    { timeout: 60_000 },
    async () => {
      await using backend = await openBackend(name);
      const engine = await started(backend);
      await post(engine, { path: "talk", body: '{"n":1}', headers: { "x-id": "1" } });
      // As if the process had ended between the claim and the run, and in another case between the run and its note.
      await backend.database.query(
        `insert into flowforge.webhook_deliveries (id, run_id, received_at, touched_at, expires_at, size, verified, status,
         workspace, path, workflow, trigger, key, headers, body)
       select gen_random_uuid(), gen_random_uuid(), received_at, touched_at, expires_at, 7, true, 'received',
         workspace, path, workflow, trigger, 'id:2', headers, convert_to('{"n":2}', 'UTF8') from flowforge.webhook_deliveries`,
      );
      const retry = { path: "talk", body: '{"n":2}', headers: { "x-id": "2" } };
      const early = await post(engine, retry);
      expect([early.status, early.headers["retry-after"]]).toEqual([503, "5"]);
      await backend.database.query(
        `update flowforge.webhook_deliveries set status = 'received', body = convert_to('{"n":1}', 'UTF8') where key = 'id:1'`,
      );
      await shiftClock(backend.database, 31_000);
      const open = async () => (await engine.webhooks.deliveries({ status: "received" })).items.length;
      await expect.poll(open, { timeout: 30_000 }).toBe(0);
      const late = await post(engine, retry);
      expect([late.status, read(late).repeated]).toEqual([200, true]);
      expect(await engine.runs.handle(read(late).runId).result({ timeout: "20s" })).toEqual({ twice: 4 });
      expect(await runCount(backend)).toBe(2);
    },
  );
});
