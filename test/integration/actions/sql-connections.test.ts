/** `sql.query`: how it connects, what it says of who it is, and when it lets go. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { databaseUrl } from "../../support/servers.ts";
import { CERTIFICATE } from "../../support/certificate.ts";
import { tlsProxy } from "../../support/tls-proxy.ts";
import { failureOf, SqlScene } from "./sql-scene.ts";

let scene: SqlScene;
beforeAll(async () => {
  scene = await SqlScene.open();
});
afterAll(() => scene[Symbol.asyncDispose]());
afterEach(() => vi.unstubAllEnvs());

const WAIT = { timeout: 10_000, interval: 20 };
const sleeping = async (): Promise<number> =>
  (
    await scene.database.query(
      "select from pg_stat_activity where datname = current_database() and state = 'active' and query ~ 'pg_sleep\\(60\\)'",
    )
  ).length;

describe("TLS", () => {
  const target = () => ({ host: new URL(databaseUrl()).hostname, port: Number(new URL(databaseUrl()).port) });

  test("a server whose certificate is trusted", async () => {
    await using proxy = await tlsProxy(target());
    const fields = { host: "localhost", port: String(proxy.port), tls: undefined, ca: CERTIFICATE };
    expect(await scene.read("select 1 as n", [], { fields })).toMatchObject({ rows: [{ n: 1 }] });
    const { rows } = await scene.read("select repeat('x', 500000) as x", [], { fields });
    expect(rows[0]!["x"]).toHaveLength(500_000);
    expect(proxy).toMatchObject({ encrypted: 2, plain: 0 });
  });

  test("a row that never ends is not read to its end", async () => {
    await using proxy = await tlsProxy(target());
    const fields = { host: "localhost", port: String(proxy.port), tls: "verify", ca: CERTIFICATE };
    expect(await failureOf(scene.read("select repeat('x', 20000000) as x", [], { fields }))).toMatchObject({
      meaning: "permanent",
      message: expect.stringContaining("4194304 bytes"),
    });
  });

  test.each([
    ["an unknown certificate", { ca: undefined }, /self-signed/],
    ["a certificate of another host", { host: "127.0.0.1" }, /altnames.*127\.0\.0\.1/],
    ["a certificate that is none", { ca: "PEM" }, /./],
  ])("no password without safety: %s", async (_title, more, message) => {
    await using proxy = await tlsProxy(target());
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const fields = { host: "localhost", port: String(proxy.port), tls: "verify", ca: CERTIFICATE, ...more };
    const failure = await failureOf(scene.read("select 1", [], { fields }));
    expect(failure).toMatchObject({
      meaning: "permanent",
      message: expect.stringMatching(message) as string,
    });
    expect(proxy).toMatchObject({ encrypted: 0, plain: 0 });
  });

  test("a server without TLS is refused, unless the credential says that it may be", async () => {
    const failure = await failureOf(scene.read("select 1", [], { fields: { tls: undefined } }));
    expect(failure).toMatchObject({ meaning: "permanent", message: expect.stringContaining("SSL") });
  });
});

describe("who it is", () => {
  test("is what the credential says, whatever the process has set for others", async () => {
    const wrong = {
      PGHOST: "192.0.2.1",
      PGPORT: "1",
      PGUSER: "nobody",
      PGPASSWORD: "wrong",
      PGDATABASE: "none",
      PGOPTIONS: "-c search_path=none",
      PGSSLMODE: "require",
      PGSSLNEGOTIATION: "direct",
      PGREPLICATION: "database",
      PGAPPNAME: "other",
      PGBINARY: "1",
    };
    for (const [name, value] of Object.entries(wrong)) vi.stubEnv(name, value);
    const { rows } = await scene.read(
      "select current_user::text as who, current_database()::text as db, current_setting('application_name') as app, current_setting('search_path') as path",
    );
    const { username, database } = scene.fields;
    expect(rows).toEqual([{ who: username, db: database, app: "flowforge", path: '"$user", public' }]);
  });

  test("no password of the process is sent where the credential has none", async () => {
    vi.stubEnv("PGPASSWORD", scene.fields["password"]!);
    const failure = await failureOf(scene.read("select 1", [], { fields: { password: undefined } }));
    expect(failure.meaning).toBe("permanent");
  });

  test.each([
    ["password", { password: "wrong" }, "28P01"],
    ["user", { username: 'nobody"; --' }, "28P01"],
    ["database", { database: "none'; --" }, "3D000"],
  ])("a wrong %s fails for good", async (_what, fields, sqlState) => {
    expect(await failureOf(scene.read("select 1", [], { fields }))).toMatchObject({
      meaning: "permanent",
      sqlState,
    });
  });

  test.each([
    ["no host", { host: undefined }, "look at host."],
    ["a port that is none", { port: "70000" }, "look at port."],
    ["a name that ends early", { database: "a\0b", username: "" }, "look at database, username."],
    ["an unknown kind of safety", { tls: "prefer", ca: "" }, "look at tls, ca."],
  ])("a credential with %s names its fields, and no value", async (_title, fields, message) => {
    const failure = await failureOf(scene.read("select 1", [], { fields }));
    expect(failure).toMatchObject({ meaning: "permanent", message: expect.stringContaining(message) });
    expect(failure.message).not.toContain(scene.fields["password"]);
  });

  test("goes only where the credential may go", async () => {
    const failure = await failureOf(scene.read("select 1", [], { allowHosts: ["db.example.com"] }));
    expect(failure).toMatchObject({ meaning: "permanent", code: "outbound_host_refused" });
  });
});

describe("lets go", () => {
  test.each([false, true])("after timeoutMs; write: %s", async (write) => {
    const failure = await failureOf(scene.run({ text: "select pg_sleep(60)", timeoutMs: 50, write }));
    expect(failure).toMatchObject({ meaning: "retry", sqlState: "57014" });
    await expect.poll(sleeping, WAIT).toBe(0);
  });

  test.each([false, true])("when it is told to, and so does the server; write: %s", async (write) => {
    const stop = new AbortController();
    const running = failureOf(scene.run({ text: "select pg_sleep(60)", write }, { signal: stop.signal }));
    await expect.poll(sleeping, WAIT).toBe(1);
    stop.abort(new Error("enough"));
    expect(await running).toMatchObject({ message: "enough" });
    await expect.poll(sleeping, WAIT).toBe(0);
  });

  test("before it has begun", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    expect(await failureOf(scene.read("select 1", [], { signal }))).toMatchObject({ message: "enough" });
  });

  test("of a server that says nothing", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const stop = new AbortController();
    const fields = { port: String((silent.address() as AddressInfo).port) };
    const running = failureOf(scene.read("select 1", [], { fields, signal: stop.signal }));
    await once(silent, "connection");
    stop.abort(new Error("enough"));
    expect(await running).toMatchObject({ message: "enough" });
    await expect
      .poll(() => sockets.every((socket) => socket.destroyed || socket.readableEnded), WAIT)
      .toBe(true);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  test("when an operator ends the session: tried again", async () => {
    const running = failureOf(scene.read("select pg_sleep(60)"));
    await expect.poll(sleeping, WAIT).toBe(1);
    await scene.database.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ~ 'pg_sleep\\(60\\)' and pid <> pg_backend_pid()",
    );
    expect(await running).toMatchObject({ sqlState: "57P01" });
  });

  test("of every connection, also after failures", async () => {
    await scene.read("select 1 as n");
    await failureOf(scene.read("select 1 / 0"));
    await failureOf(scene.run({ text: "select generate_series(1, 1000000000000) as n", maxRows: 1 }));
    const sessions = () =>
      scene.database.query(
        "select from pg_stat_activity where datname = current_database() and application_name = 'flowforge'",
      );
    await expect.poll(sessions, WAIT).toEqual([]);
  });
});
