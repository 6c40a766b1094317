/** What senders of webhooks are told: those that wait for a result, those that find no room, and those that only try the address. */
import { createHmac, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { defineWorkflow, type Engine, PermanentError, type WebhookAnswer } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const SECRETS = { slack: "slack-secret", github: "github-secret", stripe: "whsec_stripe-secret" } as const;
type Provider = keyof typeof SECRETS;

function hooked(
  name: string,
  { node, source, ...more }: { node: object; source?: object; concurrency?: object },
) {
  return defineWorkflow({
    format: 1,
    name,
    nodes: {
      in: { kind: "trigger", source: { type: "webhook", path: name, signature: ANYBODY, ...source } },
      a: node,
    },
    edges: [{ from: "in", to: "a" }],
    output: "{{ nodes.a.output }}",
    ...more,
  } as never);
}

const ANYBODY = { scheme: "none", idHeader: "x-id" };
const WAITS = { kind: "wait", for: { signal: "go" } };
const retry = { immediate: 0, backoff: [] };
const NO_ROOM = { key: "all", limit: 1, onLimit: "reject" };
const workflows = [
  hooked("slow", { node: WAITS, source: { respond: "result", timeout: "100ms" } }),
  hooked("patient", { node: WAITS, source: { respond: "result", timeout: "60s" } }),
  hooked("broken", {
    node: { kind: "action", action: "break", retry },
    source: { respond: "result", timeout: "60s" },
  }),
  hooked("single", { node: WAITS, concurrency: NO_ROOM }),
  ...(Object.keys(SECRETS) as Provider[]).map((scheme) =>
    hooked(scheme, { node: WAITS, source: { signature: { scheme, secret: scheme } } }),
  ),
];

async function started(backend: Backend): Promise<Engine> {
  const encryption = { keys: { k1: randomBytes(32).toString("base64") }, current: "k1" };
  const broken = action("break", () => {
    throw new PermanentError("the password is hunter2");
  });
  const engine = backend.engine({ workflows, actions: [broken], encryption });
  await engine.start();
  for (const [name, secret] of Object.entries(SECRETS)) await engine.credentials.set(name, { secret });
  return engine;
}

/** `sent`: a body, and headers. */
function post(engine: Engine, path: string, sent: readonly [string, Record<string, string>]) {
  const [body, headers] = sent;
  const url = `https://example.com/webhooks/${path}`;
  const all = { "content-type": "application/json", ...headers };
  return engine.webhooks.receive({ path, method: "POST", url, headers: all, body: Buffer.from(body) });
}

const read = ({ body }: WebhookAnswer) =>
  JSON.parse(body) as { runId: string; repeated?: boolean; error?: string };
const runCount = async (engine: Engine): Promise<number> => (await engine.runs.list()).items.length;

function hmac(secret: string, content: string): string {
  return createHmac("sha256", secret).update(content).digest("hex");
}

/** As the provider signs it now. */
const SIGN: { readonly [Name in Provider]: (body: string) => Record<string, string> } = {
  slack: (body) => {
    const time = String(Math.floor(Date.now() / 1_000));
    const signature = `v0=${hmac(SECRETS.slack, `v0:${time}:${body}`)}`;
    return { "x-slack-signature": signature, "x-slack-request-timestamp": time };
  },
  github: (body) => ({ "x-hub-signature-256": `sha256=${hmac(SECRETS.github, body)}` }),
  stripe: (body) => {
    const time = String(Math.floor(Date.now() / 1_000));
    return { "stripe-signature": `t=${time},v1=${hmac(SECRETS.stripe, `${time}.${body}`)}` };
  },
};

onEachBackend("senders of webhooks", (name) => {
  test(
    "whose result takes too long are told 202, and the run goes on to where they can ask again",
    { timeout: 60_000 },
    async () => {
      await using backend = await openBackend(name);
      const engine = await started(backend);
      const first = await post(engine, "slow", ['{"n":1}', { "x-id": "1" }]);
      const { runId } = read(first);
      expect([first.status, first.body]).toEqual([202, JSON.stringify({ runId })]);
      const run = engine.runs.handle(runId);
      // The same delivery waits for the same run.
      expect(read(await post(engine, "slow", ['{"n":1}', { "x-id": "1" }]))).toEqual({ runId });
      await run.signal("go", { done: true });
      await run.result({ timeout: "20s" });
      const late = await post(engine, "slow", ['{"n":1}', { "x-id": "1" }]);
      expect([late.status, late.body, late.headers["flowforge-run"]]).toEqual([200, '{"done":true}', runId]);
      expect(await runCount(engine)).toBe(1);
    },
  );

  test(
    "whose run fails or is cancelled are told 502 and nothing of why, also when they ask again",
    { timeout: 60_000 },
    async () => {
      await using backend = await openBackend(name);
      const engine = await started(backend);
      for (let n = 0; n < 2; n++) {
        const answer = await post(engine, "broken", ["{}", { "x-id": "1" }]);
        expect([answer.status, read(answer)]).toEqual([
          502,
          { runId: expect.any(String) as string, error: "run_failed" },
        ]);
        expect(answer.body).not.toContain("hunter2");
      }
      // Resolved by hand, it is a success for whoever asks after that.
      const { items } = await engine.deadLetters.list();
      expect(items).toHaveLength(1);
      await engine.deadLetters.complete(items[0]!.id, { output: { by: "hand" } });
      const run = engine.runs.handle(items[0]!.runId);
      expect(await run.result({ timeout: "20s" })).toEqual({ by: "hand" });
      const after = await post(engine, "broken", ["{}", { "x-id": "1" }]);
      expect([after.status, after.body]).toEqual([200, '{"by":"hand"}']);

      const asked = post(engine, "patient", ["{}", { "x-id": "2" }]);
      const waiting = async () => (await engine.runs.list({ workflow: "patient" })).items[0]?.id;
      await expect.poll(waiting, { timeout: 20_000 }).toBeTypeOf("string");
      await engine.runs.cancel((await waiting())!);
      const cancelled = await asked;
      expect([cancelled.status, read(cancelled).error]).toEqual([502, "run_cancelled"]);
    },
  );

  test(
    "who find no room are told 429 and when to come again, and their next try is a new one",
    { timeout: 60_000 },
    async () => {
      await using backend = await openBackend(name);
      const engine = await started(backend);
      const { runId } = read(await post(engine, "single", ['{"n":1}', { "x-id": "1" }]));
      const refused = await post(engine, "single", ['{"n":2}', { "x-id": "2" }]);
      expect([refused.status, refused.headers["retry-after"], read(refused)]).toEqual([
        429,
        "10",
        { error: "concurrency_limit_reached" },
      ]);
      // What has a run needs no room.
      expect(read(await post(engine, "single", ['{"n":1}', { "x-id": "1" }]))).toEqual({
        runId,
        repeated: true,
      });
      const kept = await engine.webhooks.deliveries({ status: "rejected" });
      expect(kept.items).toMatchObject([
        { reason: "concurrency_limit_reached", verified: true, runId: null, repeats: 0 },
      ]);
      await engine.runs.signal(runId, "go");
      await engine.runs.handle(runId).result({ timeout: "20s" });
      const again = await post(engine, "single", ['{"n":2}', { "x-id": "2" }]);
      expect([again.status, read(again).repeated]).toEqual([200, false]);
      // The sender has sent it meanwhile: by hand it is not started once more.
      await expect(engine.webhooks.replay(kept.items[0]!.id)).rejects.toMatchObject({
        code: "delivery_refused",
      });
      expect(await runCount(engine)).toBe(2);
    },
  );

  test(
    "who try the address are answered after their signature was checked, and start nothing",
    { timeout: 60_000 },
    async () => {
      await using backend = await openBackend(name);
      const engine = await started(backend);
      const challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
      const asked: readonly (readonly [Provider, object, Record<string, string>, string])[] = [
        ["slack", { token: "t", challenge, type: "url_verification" }, {}, challenge],
        ["github", { zen: "Keep it logically awesome.", hook_id: 1 }, { "x-github-event": "ping" }, "pong"],
        ["stripe", { id: "evt_1", type: "v2.core.event_destination.ping" }, {}, "pong"],
      ];
      for (const [provider, payload, headers, expected] of asked) {
        const body = JSON.stringify(payload);
        const signed = { ...SIGN[provider](body), ...headers };
        // Twice: it has no keys.
        for (let n = 0; n < 2; n++) {
          const answer = await post(engine, provider, [body, signed]);
          expect([answer.status, answer.body]).toEqual([200, expected]);
          expect(answer.headers).toMatchObject({
            "content-type": "text/plain",
            "x-content-type-options": "nosniff",
          });
        }
        const other = await post(engine, provider, [`${body} `, signed]);
        expect([other.status, other.body]).toEqual([401, '{"error":"unauthorized"}']);
      }
      expect([await runCount(engine), (await engine.webhooks.deliveries()).items.length]).toEqual([0, 3]);

      // What only looks like one is an event.
      const events: readonly (readonly [Provider, object, Record<string, string>])[] = [
        ["slack", { type: "event_callback", event_id: "Ev1", challenge }, {}],
        ["slack", { type: "url_verification", event_id: "Ev2", challenge: 1 }, {}],
        ["github", { type: "url_verification", challenge }, { "x-github-event": "push" }],
        ["stripe", { id: "evt_2", type: "ping", challenge }, {}],
      ];
      for (const [provider, payload, headers] of events) {
        const body = JSON.stringify(payload);
        const answer = await post(engine, provider, [body, { ...SIGN[provider](body), ...headers }]);
        expect([answer.status, read(answer).repeated]).toEqual([200, false]);
      }
      expect(await runCount(engine)).toBe(events.length);
    },
  );
});
