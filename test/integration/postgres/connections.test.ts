/** Connections that break, that cannot be made, and that belong to somebody else. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Pool } from "pg";
import { expect, test } from "vitest";
import { createPostgresStore } from "../../../src/postgres/store.ts";
import { blockedSession, entry, startEntry, startRuns, testStore } from "./fixtures.ts";

const UNKNOWN = { code: "commit_outcome_unknown" };

test("a connection that is ended during a commit leaves the outcome unknown; here it did not happen", async () => {
  await using context = await testStore();
  const { store, database } = context;
  const [id] = (await startRuns(store, 1)) as [string];
  // Without prepared statements there is no lock_timeout either, so that the statement can be caught while it waits.
  const patient = context.another({ prepare: false });
  const stranger = await database.pool().connect();
  await stranger.query("begin; lock table flowforge.run_workers in access exclusive mode");
  const outcome = expect(patient.commit([entry(id, 1, { finished: true })])).rejects.toMatchObject(UNKNOWN);
  await database.query("select pg_terminate_backend($1)", [await blockedSession(database)]);
  await outcome;
  await stranger.query("rollback");
  stranger.release();
  const [run] = await patient.load([{ runId: id }]);
  expect(run!.header.seq).toBe(1);
  expect(await patient.commit([entry(id, 1)])).toEqual([{ type: "committed", seq: 2 }]);
});

/** Passes everything on; told to, it loses the server's answer to one message, and the connection with it. */
class LossyProxy {
  readonly #server: Server;
  #losing: string | null = null;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async before(target: URL): Promise<LossyProxy> {
    const server = createServer();
    const proxy = new LossyProxy(server);
    server.on("connection", (client) => proxy.#pass(client, connect(Number(target.port), target.hostname)));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  /** The next message that holds this text is passed on, its answer is not. */
  loseAnswerTo(text: string): void {
    this.#losing = text;
  }

  through(url: string): string {
    const address = new URL(url);
    address.hostname = "127.0.0.1";
    address.port = String((this.#server.address() as AddressInfo).port);
    return address.href;
  }

  #pass(client: Socket, upstream: Socket): void {
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    let lost = false;
    client.on("data", (data) => {
      if (this.#losing !== null && data.includes(this.#losing)) {
        lost = true;
        this.#losing = null;
      }
      upstream.write(data);
    });
    client.on("close", () => upstream.end());
    upstream.on("close", () => client.destroy());
    upstream.on("data", (data) => (lost ? client.destroy() : client.write(data)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
  }
}

test("a commit whose reply is lost is unknown; here it happened, and comes back as `moved`", async () => {
  await using context = await testStore();
  const { store, database } = context;
  const [a, b] = (await startRuns(store, 2)) as [string, string];
  await using proxy = await LossyProxy.before(new URL(database.url));
  const lossy = context.another({ postgres: proxy.through(database.url) });
  proxy.loseAnswerTo("flowforge_commit_m");
  await expect(lossy.commit([entry(a, 1), entry(b, 1)])).rejects.toMatchObject(UNKNOWN);
  await expect
    .poll(async () => (await store.load([{ runId: a }]))[0]!.header.seq, { timeout: 20_000 })
    .toBe(2);
  expect(await lossy.commit([entry(a, 1), entry(b, 1)])).toEqual([{ type: "moved" }, { type: "moved" }]);
});

test("a connection that broke during a commit has left its pool", async () => {
  await using context = await testStore();
  const { store, database } = context;
  const [id] = (await startRuns(store, 1)) as [string];
  await using proxy = await LossyProxy.before(new URL(database.url));
  const pool = database.pool({ connectionString: proxy.through(database.url), max: 1 });
  const borrower = context.another({ postgres: pool });
  await borrower.load([{ runId: id }]);
  expect(pool.totalCount).toBe(1);
  // A borrowed pool has no prepared statements: the text itself is what is sent.
  proxy.loseAnswerTo("update ");
  await expect(borrower.commit([entry(id, 1)])).rejects.toMatchObject(UNKNOWN);
  expect(pool.totalCount).toBe(0);
  expect((await borrower.load([{ runId: id }]))[0]!.header.id).toBe(id);
});

test("the locked path: a COMMIT whose reply is lost is unknown; here it happened", async () => {
  await using context = await testStore();
  const { store, database } = context;
  const [id] = (await startRuns(store, 1)) as [string];
  await using proxy = await LossyProxy.before(new URL(database.url));
  const lossy = context.another({ postgres: proxy.through(database.url) });
  proxy.loseAnswerTo("commit\0");
  await expect(lossy.commitLocked({ runId: id }, async () => entry(id, 1))).rejects.toMatchObject(UNKNOWN);
  await expect
    .poll(async () => (await store.load([{ runId: id }]))[0]!.header.seq, { timeout: 20_000 })
    .toBe(2);
});

test("a server that is not there: `postgres_unreachable` with its address and without its password", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, "close");
  const store = createPostgresStore({ postgres: `postgres://user:geheim@127.0.0.1:${port}/shop` });
  for (const work of [store.open(), store.commit([startEntry()]), store.now()]) {
    const error: Error = await work.then(
      () => new Error("it connected"),
      (reason: Error) => reason,
    );
    expect(error).toMatchObject({ code: "postgres_unreachable" });
    expect(error.message).toContain(`127.0.0.1:${port}/shop`);
    expect(error.message).not.toContain("geheim");
  }
  await store.close();
});

test("a server that is too old", async () => {
  const client = { query: async () => ({ rows: [{ number: "140012" }] }), on() {}, off() {}, release() {} };
  const lend = (callback: (error: undefined, lent: typeof client) => void): void =>
    callback(undefined, client);
  const pool = { options: { host: "old" }, connect: lend } as unknown;
  const store = createPostgresStore({ postgres: pool as Pool });
  await expect(store.open()).rejects.toMatchObject({ code: "postgres_too_old", received: "version 14" });
});

test("all connections of a store are ended: the next calls make new ones", async () => {
  await using context = await testStore();
  const { store, database } = context;
  const [id] = (await startRuns(store, 1)) as [string];
  await database.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
  );
  // The driver may hear of it only when it writes: that call is unknown, none after it.
  const first = await store.commit([entry(id, 1)]).catch((error: unknown) => error);
  // Reads have connections of their own, and the same holds for them.
  const load = (): ReturnType<typeof store.load> => store.load([{ runId: id }]);
  const [run] = await load().catch(load);
  const { seq } = run!.header;
  if (first instanceof Error) expect(first).toMatchObject(UNKNOWN);
  expect(await store.commit([entry(id, seq)])).toEqual([{ type: "committed", seq: seq + 1 }]);
});

test("a borrowed pool of one connection serves everything, keeps its parsers and stays open", async () => {
  await using context = await testStore();
  const pool = context.database.pool({ max: 1 });
  const store = context.another({ postgres: pool });
  await store.open();
  const [id] = (await startRuns(store, 1)) as [string];
  await store.register({ id: "w", host: "h", pid: 1, lanes: ["default"], concurrency: 1 });
  expect((await store.beat("w")).alive).toBe(true);
  expect(await store.commitLocked({ runId: id }, async () => entry(id, 1))).toEqual({
    type: "committed",
    seq: 2,
  });
  expect((await store.run("default", id))?.header.seq).toBe(2);
  await store.close();
  const { rows } = await pool.query("select 1::bigint as big, '{\"a\":1}'::json as json");
  expect(rows).toEqual([{ big: "1", json: { a: 1 } }]);
  expect(pool.listenerCount("error")).toBe(1);
});
