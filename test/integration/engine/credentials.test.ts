/** Credentials: who gets them, and that nothing of their values is left anywhere. */
import { asking, read } from "./asking.ts";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { escapeLiteral } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtInActions } from "../../../src/actions.ts";
import {
  createEngine,
  defineAction,
  defineWorkflow,
  type Engine,
  type Json,
  RunFailedError,
  type RunHandle,
} from "../../../src/index.ts";
import { MAIL_USER, MailServer, type MailTrouble } from "../../support/mail-server.ts";
import { startPostgres, testDatabase, type TestDatabase, type TestServer } from "../../support/servers.ts";
import {
  type Backend,
  type CollectingLogger,
  collectingLogger,
  onEachBackend,
  openBackend,
} from "./backends.ts";
import { action } from "./documents.ts";
import { hostJobs, hostQueues } from "./host-queues.ts";
import { everything, formsOf, plain, plainErrors, queueContents } from "./traces.ts";

const newKey = (): string => randomBytes(32).toString("base64");
const keys = { k1: newKey(), k2: newKey() };
const encryption = { keys, current: "k1" };

/** Takes two events. */
const hears = { kind: "wait", for: { event: "leaked" } };
const hearing = defineWorkflow({
  format: 1,
  name: "hearing",
  nodes: { first: hears, second: hears },
  edges: [{ from: "first", to: "second" }],
  output: "{{ [nodes.first.output, nodes.second.output] }}",
} as never);

/** It says what it asks for, and asks for more. */
const careful = defineAction({
  name: "careful",
  credentials: ["stripe"],
  run: async ({ input, credential }) => {
    return (await credential((input as { name: string }).name)).fields["token"]!.length;
  },
});

onEachBackend("credentials", (name) => {
  let backend: Backend;
  let engine: Engine;

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ encryption, actions: [read, careful] });
    await engine.start();
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  const start = (input: Json, granted?: readonly string[], workspace?: string): Promise<RunHandle> =>
    engine.runs.start(asking("read", input, granted), { input: {}, ...(workspace ? { workspace } : {}) });

  test("are for nodes that name them, in runs of their workspace", async () => {
    await engine.credentials.set("stripe", { token: "sk_live_1" }, { allowHosts: ["api.stripe.com"] });
    expect(await (await start({ name: "stripe" })).result({ timeout: "10s" })).toEqual({
      fields: ["token"],
      length: 9,
      allowHosts: ["api.stripe.com"],
    });
    const code = async (run: RunHandle): Promise<unknown> => {
      await expect(run.result({ timeout: "10s" })).rejects.toThrow(RunFailedError);
      return (await run.detail()).nodes[0]!.error?.code;
    };
    expect(await code(await start({ name: "stripe" }, []))).toBe("credential_not_granted");
    expect(await code(await start({ name: "other" }))).toBe("credential_not_granted");
    expect(await code(await start({ name: "stripe" }, ["stripe"], "acme"))).toBe("credential_not_found");
  });

  test("an action gets none but those that it declares, whatever its node grants", async () => {
    for (const each of ["stripe", "other"]) await engine.credentials.set(each, { token: "sk_live_1" });
    const ask = (asked: string): Promise<RunHandle> =>
      engine.runs.start(asking("careful", { name: asked }, ["stripe", "other"]), { input: {} });
    expect(await (await ask("stripe")).result({ timeout: "10s" })).toBe(9);
    const refused = await ask("other");
    await expect(refused.result({ timeout: "10s" })).rejects.toThrow(RunFailedError);
    expect((await refused.detail()).nodes[0]!.error?.code).toBe("credential_not_granted");
    await engine.credentials.delete("other");
    expect(
      engine.workflows.validate(asking("careful", { name: "stripe" }, []).document).issues,
    ).toMatchObject([{ code: "credential_missing" }]);
  });

  test("a secret that an action has got to know some other way is hidden too", async () => {
    const logger = collectingLogger();
    const knows = action("knows", async ({ redact, logger: log }) => {
      redact("session-4711-token");
      log.info({ token: "session-4711-token" }, "got session-4711-token");
      return { token: "session-4711-token" };
    });
    const other = backend.engine({ actions: [knows], logger });
    await other.start();
    const run = await other.runs.start(asking("knows", {}, []), { input: {} });
    expect(await run.result({ timeout: "10s" })).toEqual({ token: "[redacted]" });
    const lines = JSON.stringify(logger.lines);
    expect(lines).toContain("got [redacted]");
    expect(lines).not.toContain("4711");
  });

  test("are listed without their values, and deleted", async () => {
    const workspace = "listed";
    for (const each of ["c", "a", "b"]) await engine.credentials.set(each, { token: "x" }, { workspace });
    const first = await engine.credentials.list({ workspace, limit: 2 });
    expect(first.items.map((item) => [item.name, item.version, item.fields])).toEqual([
      ["a", 1, ["token"]],
      ["b", 1, ["token"]],
    ]);
    expect(JSON.stringify(first)).not.toContain('"x"');
    const rest = await engine.credentials.list({ workspace, limit: 2, cursor: first.cursor! });
    expect([rest.items.map((item) => item.name), rest.cursor]).toEqual([["c"], null]);
    await engine.credentials.delete("a", { workspace });
    await expect(engine.credentials.delete("a", { workspace })).rejects.toMatchObject({
      code: "credential_not_found",
    });
    expect(await engine.credentials.shred({ workspace })).toEqual({ credentials: 2 });
  });

  test("outlast a change of keys; the old key can go", async () => {
    const workspace = "rotated";
    await engine.credentials.set("stripe", { token: "sk_live_1" }, { workspace });
    const second = backend.engine({ encryption: { keys, current: "k2" } });
    await second.start({ work: false, maintain: false });
    const { rewrapped } = await second.credentials.rotateKeys();
    expect(rewrapped).toBeGreaterThan(0);
    const onlyNew = { keys: { k2: keys.k2 }, current: "k2" };
    const last = backend.engine({ encryption: onlyNew, actions: [action("late", read.run as never)] });
    await last.start();
    const input = { name: "stripe" };
    for (const [from, actionName] of [
      [engine, "read"],
      [last, "late"],
    ] as const) {
      const run = await from.runs.start(asking(actionName, input), { input: {}, workspace });
      expect(await run.result({ timeout: "10s" })).toMatchObject({ length: 9 });
    }
    expect(await second.credentials.rotateKeys({ dataKeys: true })).toMatchObject({ rewrapped: 0 });
    expect((await last.credentials.list({ workspace })).items).toMatchObject([
      { name: "stripe", version: 2 },
    ]);
  });

  test.each([
    ["no fields", {}],
    ["a list", ["token"]],
    ["a number", { token: 1 }],
    ["an empty text", { token: "" }],
    ["a name that is none", { "to ken": "hunter22" }],
    ["a long value", { token: "x".repeat(16_385) }],
  ])("%s is refused, and the error says nothing of it", async (_, fields) => {
    const error = await engine.credentials.set("x", fields as never).catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: "option_invalid" });
    expect(String(error)).not.toMatch(/hunter22|xxxx/);
  });
});

test("wrong keys are refused before anything is connected", () => {
  const wrong = (given: unknown) => () => createEngine({ encryption: given as never });
  expect(wrong({ keys: { k1: "short" }, current: "k1" })).toThrow(/encryption.keys.k1/);
  expect(wrong({ keys, current: "k9" })).toThrow(/encryption.current/);
  expect(wrong({ current: "x" })).toThrow(/option "encryption"/);
});

onEachBackend("a secret", (name) => {
  let backend: Backend;
  let engine: Engine;
  let logger: CollectingLogger;
  let echo: Server;
  let url: string;
  let mail: MailServer;
  let foreign: TestServer;
  let shop: TestDatabase;
  const events: unknown[] = [];
  const received: (string | undefined)[] = [];
  const secret = `canary/${randomBytes(12).toString("base64")}"ö`;

  const leaky = action("leaky", async ({ input, credential, logger: log, step, checkpoint }) => {
    const { token } = (await credential("stripe")).fields;
    log.info({ token, nested: [{ token }] }, `logs ${token}`);
    await step("one", () => ({ token, text: `step ${token}` }));
    await checkpoint({ cursor: token });
    if ((input as { fail?: boolean }).fail)
      throw Object.assign(new Error(`fails with ${token}`, { cause: new Error(`because of ${token}`) }), {
        name: `Error ${token}`,
        code: `${token}`,
      });
    const encoded = [encodeURIComponent(token!), Buffer.from(token!).toString("hex")];
    const output: Json = { echoed: token!, [`key ${token}`]: encoded };
    return output;
  });

  /** To other runs, and to the host's own queues. */
  const sending = action("sending", async ({ input, credential, publish, addJob, run }) => {
    const token = (await credential("stripe")).fields["token"]!;
    const hex = Buffer.from(token).toString("hex");
    await publish("leaked", { token, [`key ${token}`]: `event ${hex}` }, { id: `${run.id} ${token}` });
    await addJob({ queue: "emails", name: `job ${token}`, data: { [`key ${token}`]: [token, hex] } });
    if ((input as { fail?: boolean }).fail) await addJob({ queue: token, name: token, data: token });
    return { token };
  });

  beforeAll(async () => {
    backend = await openBackend(name);
    logger = collectingLogger();
    const http = { allowNetworks: ["127.0.0.1"] };
    const queues = { allow: ["emails"], ...(await hostQueues(name, backend)) };
    const actions = [...builtInActions, leaky, sending];
    engine = backend.engine({ encryption, actions, logger, http, queues });
    for (const event of ["run.ended", "node.deadLetter"] as const)
      engine.on(event, (seen) => events.push(seen));
    await engine.start();
    // Gives back what it was sent, in its body and its headers, as careless providers do.
    echo = createServer((request, response) => {
      const { authorization, "x-api-key": key } = request.headers;
      const status = request.url!.startsWith("/fail") ? 401 : 200;
      received.push(authorization ?? String(key ?? new URL(request.url!, "http://x").searchParams.get("k")));
      response.writeHead(status, { "x-echo": encodeURIComponent(String(authorization ?? key)) });
      response.end(JSON.stringify({ authorization, key, url: request.url }));
    }).listen(0, "127.0.0.1");
    await once(echo, "listening");
    url = `http://127.0.0.1:${(echo.address() as AddressInfo).port}`;
    const header = Buffer.from(secret).toString("base64");
    mail = await MailServer.start({ password: secret });
    const { host, port, ca, from } = mail.fields;
    const server = { host: host!, port: port!, ca: ca!, from: from! };
    await engine.credentials.set("stripe", {
      ...server,
      token: secret,
      username: MAIL_USER,
      password: secret,
      key: header,
      secret: header,
    });
    foreign = await startPostgres();
    shop = await testDatabase(foreign.url);
    await shop.query(`create role shop login superuser password ${escapeLiteral(secret)}`);
    // A database may know the secret, and give it away, as it likes.
    await shop.query("create table leaks as select $1::text as raw, encode($1::text::bytea, 'hex') as hex", [
      secret,
    ]);
    const database = { host: "127.0.0.1", port: String(foreign.port), database: shop.name, tls: "none" };
    await engine.credentials.set("db", { ...database, username: "shop", password: secret });
    await engine.credentials.set("nobody", { ...database, username: "nobody", password: secret });
  });
  afterAll(async () => {
    await shop.drop();
    await foreign.stop();
    await mail[Symbol.asyncDispose]();
    echo.closeAllConnections();
    echo.close();
    await backend[Symbol.asyncDispose]();
  });

  test("is in no table, log, event or key of the queue afterwards, in no encoding", async () => {
    const details: unknown[] = [];
    const told = await engine.runs.start(hearing, { input: {} });
    const bearer = { type: "apiKey", credential: "stripe", header: "x-api-key" };
    const calls: readonly [string, Json][] = [
      ["leaky", {}],
      ["leaky", { fail: true }],
      ["sending", {}],
      ["sending", { fail: true }],
      ["http.request", { url: `${url}/ok`, auth: bearer }],
      ["http.request", { url: `${url}/fail`, auth: bearer }],
      ["http.request", { url: `${url}/ok`, auth: { type: "basic", credential: "stripe" } }],
      ["http.request", { url: `${url}/fail`, auth: { type: "basic", credential: "stripe" } }],
      ["http.request", { url: `${url}/ok`, auth: { type: "apiKey", credential: "stripe", query: "k" } }],
      ["webhook.deliver", { url: `${url}/ok`, payload: { order: 1 }, credential: "stripe" }],
      ["webhook.deliver", { url: `${url}/fail`, payload: { order: 1 }, credential: "stripe" }],
      ["http.request", { url: `http://127.0.0.1:1/`, auth: { type: "basic", credential: "stripe" } }],
    ];
    const sql = { credential: "db", text: "select raw, hex from leaks" };
    const queries: readonly [string, Json][] = [
      ["sql.query", sql],
      [
        "sql.query",
        { ...sql, text: "insert into leaks select raw, hex from leaks returning raw, hex", write: true },
      ],
      ["sql.query", { ...sql, text: "select raw::int from leaks" }],
      ["sql.query", { ...sql, text: "select hex::uuid from leaks" }],
      ["sql.query", { ...sql, credential: "nobody" }],
    ];
    const message = { credential: "stripe", to: "a@example.com", subject: "Hello", text: "World" };
    const mails: readonly MailTrouble[] = [
      { at: "recipient", how: 550, text: `no such mailbox ${secret}` },
      { at: "login", how: 535, text: plain(MAIL_USER, secret) },
      { at: "taken", how: 250, text: `taken from ${secret}` },
    ];
    const steps: readonly (readonly [string, Json, MailTrouble?])[] = [
      ...calls,
      ...queries,
      ...mails.map((trouble) => ["email.send", message, trouble] as const),
    ];
    for (const [actionName, input, trouble] of steps) {
      mail.trouble = trouble ?? null;
      const run = await engine.runs.start(asking(actionName, input, ["stripe", "db", "nobody"]), {
        input: {},
      });
      const end = await run
        .result({ timeout: "20s" })
        .catch((error: Error) => [error.message, String(error.stack)]);
      details.push(end, await run.detail());
    }
    // It was really sent, or else this would show nothing.
    const heard = { token: "[redacted]", "key [redacted]": "event [redacted]" };
    expect(await told.result({ timeout: "10s" })).toEqual([heard, heard]);
    expect(await hostJobs(backend)).toEqual(["job [redacted]", "job [redacted]"]);
    expect(received).toContain(`Basic ${Buffer.from(`${MAIL_USER}:${secret}`).toString("base64")}`);
    expect(received.filter((each) => each === Buffer.from(secret).toString("base64"))).toHaveLength(3);
    expect(mail.passwords).toEqual([secret, secret, secret]);
    const answered = { rows: [{ raw: "[redacted]", hex: "[redacted]" }], rowCount: 1 };
    expect(details.filter((each) => isDeepStrictEqual(each, answered))).toHaveLength(2);
    const refused = JSON.stringify(details).match(/"sqlState":"(22P02|28P01)"/g) ?? [];
    expect(new Set(refused)).toHaveLength(2);
    const left = {
      database: await everything(backend),
      redis: await queueContents(backend),
      logs: logger.lines.map((line) => JSON.stringify(line, plainErrors)).join("\n"),
      events: JSON.stringify(events, plainErrors),
      answers: JSON.stringify([details, await engine.deadLetters.list(), await engine.credentials.list()]),
    };
    expect(left.database).toContain("[redacted]");
    expect(left.logs).toContain("[redacted]");
    for (const [place, text] of Object.entries(left))
      for (const [encoding, form] of Object.entries(formsOf(secret)))
        expect(text.toLowerCase().includes(form.toLowerCase()), `${encoding} in ${place}`).toBe(false);
  });
});

describe("a credential with hosts", () => {
  test("is sent to no other", async () => {
    await using backend = await openBackend("postgres");
    const engine = backend.engine({
      encryption,
      actions: builtInActions,
      http: { allowPrivateNetwork: true },
    });
    await engine.start();
    await engine.credentials.set("stripe", { token: "sk_live_1" }, { allowHosts: ["api.stripe.com"] });
    const auth = { type: "bearer", credential: "stripe" };
    const workflow = asking("http.request", { url: "http://127.0.0.1:1/", auth });
    const run = await engine.runs.start(workflow, { input: {} });
    await expect(run.result({ timeout: "10s" })).rejects.toThrow(/outbound_host_refused/);
  });
});
