/** Webhooks over HTTP: without login, by their raw bytes, and never a status from 500 on for what a stranger sends. */
import { createHash, createHmac } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, openApi } from "./api.ts";

let api: Api;
beforeAll(async () => {
  // The webhooks' limit is their own.
  api = await openApi({ maxBodyBytes: 100 });
  const source = { type: "webhook", path: "orders", signature: { scheme: "github", secret: "hook" } };
  const nodes = { in: { kind: "trigger", source }, w: { kind: "wait", for: { signal: "go" } } };
  const document = { format: 1, name: "orders", nodes, edges: [{ from: "in", to: "w" }] };
  await api.engine.workflows.register(document as never, { workspace: "mine" });
  await api.engine.credentials.set("hook", { secret: "hush" }, { workspace: "mine" });
});
afterAll(() => api[Symbol.asyncDispose]());

function send(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  to = "mine/orders",
) {
  const signature = `sha256=${createHmac("sha256", "hush").update(body).digest("hex")}`;
  return api.handler(
    new Request(`http://flow.test/webhooks/${to}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-hub-signature-256": signature, ...headers },
      body,
    }),
  );
}

test("a signed delivery is a run, whatever spaces it has and whoever's page it says it is from", async () => {
  const body = `{ "text" : "${"x".repeat(200)}" }\r\n`;
  const first = await send(body, { origin: "https://elsewhere.example", "x-github-delivery": "1" });
  expect(first.status).toBe(200);
  expect(first.headers.get("content-security-policy")).toContain("default-src 'none'");
  const { runId } = (await first.json()) as { runId: string };
  expect(await (await send(body, { "x-github-delivery": "2" })).json()).toEqual({ runId, repeated: true });
  const listed = await (await api.call("GET /webhook-deliveries?status=accepted&limit=1")).json();
  expect(listed).toMatchObject({ items: [{ runId, repeats: 1 }], cursor: null });
  expect(await (await api.call("GET /webhooks")).json()).toMatchObject({ items: [{ path: "orders" }] });
  const theirs = await api.call("GET /webhook-deliveries", undefined, { authorization: "other" });
  expect(await theirs.json()).toEqual({ items: [], cursor: null });
});

test("an address may have a query: some senders sign it, and it is theirs", async () => {
  const source = { type: "webhook", path: "calls", signature: { scheme: "twilio", secret: "hook" } };
  const nodes = { in: { kind: "trigger", source }, w: { kind: "wait", for: { signal: "go" } } };
  const document = { format: 1, name: "calls", nodes, edges: [{ from: "in", to: "w" }] };
  await api.engine.workflows.register(document as never, { workspace: "mine" });
  const body = '{"status":"done"}';
  const query = `?account=1&bodySHA256=${createHash("sha256").update(body).digest("hex")}`;
  const address = `http://flow.test/webhooks/mine/calls${query}`;
  const signature = createHmac("sha1", "hush").update(address).digest("base64");
  const answered = await send(body, { "x-twilio-signature": signature }, `mine/calls${query}`);
  expect([answered.status, await answered.json()]).toMatchObject([200, { repeated: false }]);
  expect((await send(body, { "x-twilio-signature": signature }, `mine/calls${query}&more=1`)).status).toBe(
    401,
  );
  // What the query says of a workspace is not for us.
  expect((await send("{}", {}, "mine/orders?workspace=other&workspace=another")).status).toBe(200);
});

test("poison is answered below 500, and starts nothing", async () => {
  const before = (await api.engine.runs.list({ workspace: "mine" })).items.length;
  const asked = [
    send("{}", { "x-hub-signature-256": "sha256=00" }),
    send("{}", { "x-hub-signature-256": "sha256=zz" }),
    send("[".repeat(500_000)),
    send("x".repeat(1_048_577)),
    send("x".repeat(2_000_000)),
    send(gzipSync("{}"), { "content-encoding": "gzip" }),
    send("{}", { "content-type": "application/json, text/plain" }),
    send("--x\r\n", { "content-type": "multipart/form-data; boundary=y" }),
    send('{"__proto__":{"isAdmin":true}}'),
    send(new Uint8Array([0x22, 0xff, 0x22])),
    send(""),
    send("{}", {}, "mine/nowhere"),
    send("{}", {}, "nobody/orders"),
    send("{}", {}, "other/orders"),
    send("{}", {}, `${"w".repeat(2_000)}/orders`),
  ];
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(statuses).toEqual([401, 401, 400, 413, 413, 415, 415, 415, 400, 400, 400, 404, 404, 404, 400]);
  expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  expect((await api.engine.runs.list({ workspace: "mine" })).items).toHaveLength(before);
  expect(api.errors).toEqual([]);
});

test("a rejected delivery is replayed by its id, by its workspace", async () => {
  await send('{"late":true}', { "x-hub-signature-256": "sha256=00" });
  const { items } = await api.engine.webhooks.deliveries({ workspace: "mine", status: "rejected", limit: 1 });
  const line = `POST /webhook-deliveries/${items[0]!.id}/replay`;
  expect((await api.call(line, undefined, { authorization: "other" })).status).toBe(404);
  const done = await api.call(line);
  expect([done.status, Object.keys((await done.json()) as object)]).toEqual([200, ["runId"]]);
  expect((await api.call(line)).status).toBe(409);
});
