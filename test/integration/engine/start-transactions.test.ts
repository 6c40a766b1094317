/** Starts inside a transaction, on both backends. */
import { Kysely, PostgresDialect } from "kysely";
import type { ClientBase } from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineWorkflow, type Engine, type RunHandle } from "../../../src/index.ts";
import { testDatabase } from "../../support/servers.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { add, chain, Executions } from "./documents.ts";

const flow = defineWorkflow(chain(2, "orders"));
const input = { n: 1 };

onEachBackend("starts inside a transaction", (name) => {
  let backend: Backend;
  let executions: Executions;
  let engine: Engine;
  let client: ClientBase & { release(): void };

  beforeEach(async () => {
    backend = await openBackend(name);
    executions = new Executions();
    engine = backend.engine({ actions: [add(executions)] });
    await engine.start();
    await backend.database.query("create table orders (id int primary key)");
    client = await backend.database.pool({ max: 1 }).connect();
  });

  afterEach(async () => {
    client.release();
    await backend[Symbol.asyncDispose]();
  });

  const begin = async (level = "read committed"): Promise<ClientBase> => {
    await client.query(`begin isolation level ${level}`);
    return client;
  };
  const orders = async (): Promise<number> => {
    const [row] = await backend.database.query<{ n: number }>("select count(*)::int as n from orders");
    return row!.n;
  };
  /** Rows of every table of the store that belong to some run, and the keys. */
  const traces = async (): Promise<readonly string[]> => {
    const tables = await backend.database.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'flowforge'
        and table_name not in ('migrations', 'workflows', 'workflow_versions', 'workers', 'depth_samples', 'stuck_looks')`,
    );
    const counts = await Promise.all(
      tables.map(async ({ name: table }) => {
        const [row] = await backend.database.query<{ n: number }>(
          `select count(*)::int as n from flowforge.${table}`,
        );
        return `${table} ${row!.n}`;
      }),
    );
    return counts.filter((each) => !each.endsWith(" 0"));
  };
  const ended = (run: RunHandle): Promise<unknown> => run.result({ timeout: "20s" });

  test("a commit brings the run and the caller's rows, and the dispatcher finds it", async () => {
    const tx = await begin();
    await tx.query("insert into orders values (1)");
    const run = await engine.runs.start(flow, { input, tx });
    expect(await traces()).toEqual([]);
    await expect(run.status()).rejects.toMatchObject({ code: "run_not_found" });
    const result = ended(run);
    const rows = await tx.query("select status, dispatched_at, worker from flowforge.node_runs");
    expect(rows.rows).toEqual([{ status: "ready", dispatched_at: null, worker: null }]);
    await tx.query("commit");
    expect(await result).toBe(3);
    expect([await orders(), executions.total]).toEqual([1, 2]);
  });

  test("dispatch() hands it over where no dispatcher runs; twice is once", async () => {
    const worker = backend.engine({ actions: [add(executions)] });
    await engine.stop();
    await worker.start({ maintain: false });
    const run = await worker.runs.start(flow, { input, tx: await begin() });
    await expect(run.dispatch()).rejects.toMatchObject({ code: "run_not_found" });
    await client.query("commit");
    await Promise.all([run.dispatch(), run.dispatch()]);
    expect(await ended(run)).toBe(3);
    await run.dispatch();
    expect(executions.total).toBe(2);
  });

  test("a rollback leaves nothing, whatever was started, and nothing ever runs", async () => {
    const tx = await begin();
    await tx.query("insert into orders values (1)");
    const run = await engine.runs.start(flow, { input, tx, idempotencyKey: "k" });
    await engine.runs.startMany(flow, [
      { input, tx },
      { input, tx, at: Date.now() + 60_000 },
    ]);
    await tx.query("rollback");
    expect([await traces(), await orders()]).toEqual([[], 0]);
    await expect(run.dispatch()).rejects.toMatchObject({ code: "run_not_found" });
    // The key is free, and what ran is only what came later.
    const later = await engine.runs.start(flow, { input: { n: 5 }, idempotencyKey: "k" });
    expect(await ended(later)).toBe(7);
    expect([...executions.counts.keys()].every((key) => key.startsWith(later.id))).toBe(true);
  });

  test("engine.transaction commits and begins at once; what it throws rolls back", async () => {
    const run = await engine.transaction(async (tx) => {
      await tx.query("insert into orders values (1)");
      const started = await engine.runs.start(flow, { input, tx });
      for (const ask of ["result", "status", "detail", "dispatch"] as const)
        await expect(started[ask]()).rejects.toMatchObject({ code: "run_not_committed" });
      return started;
    });
    expect(await ended(run)).toBe(3);
    let lost: RunHandle | undefined;
    const failing = engine.transaction(async (tx) => {
      await tx.query("insert into orders values (2)");
      lost = await engine.runs.start(flow, { input, tx });
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    await expect(lost!.result()).rejects.toMatchObject({ code: "run_not_found" });
    expect([await orders(), executions.total]).toEqual([1, 2]);
  });

  test("engine.transaction says when the server could only roll back", async () => {
    const half = engine.transaction(async (tx) => {
      await engine.runs.start(flow, { input, tx });
      await tx.query("select 1 / 0").catch(() => undefined);
    });
    await expect(half).rejects.toMatchObject({ code: "transaction_failed" });
    expect(await traces()).toEqual([]);
    // The connection is fit for the next one.
    const all = await Promise.all(
      Array.from({ length: 12 }, () => engine.transaction((tx) => engine.runs.start(flow, { input, tx }))),
    );
    expect(await Promise.all(all.map(ended))).toEqual(all.map(() => 3));
  });

  test("a transaction of Kysely", async () => {
    const db = new Kysely<{ orders: { id: number } }>({
      dialect: new PostgresDialect({ pool: backend.database.pool({ max: 2 }) }),
    });
    const run = await db.transaction().execute(async (tx) => {
      await tx.insertInto("orders").values({ id: 1 }).execute();
      const first = await engine.runs.start(flow, { input, tx, idempotencyKey: "k" });
      const again = await engine.runs.start(flow, { input, tx, idempotencyKey: "k" });
      expect(again.id).toBe(first.id);
      return first;
    });
    expect([await ended(run), await orders()]).toEqual([3, 1]);
    await expect(engine.runs.start(flow, { input, tx: db as never })).rejects.toMatchObject({
      code: "transaction_invalid",
    });
  });

  test("a key in a transaction: others wait for its end and get its run", async () => {
    const tx = await begin();
    const run = await engine.runs.start(flow, { input, tx, idempotencyKey: "k" });
    await expect(engine.runs.start(flow, { input: { n: 2 }, tx, idempotencyKey: "k" })).rejects.toMatchObject(
      { code: "idempotency_conflict" },
    );
    const other = engine.runs.start(flow, { input, idempotencyKey: "k" });
    await tx.query("insert into orders values (1)");
    await tx.query("commit");
    expect((await other).id).toBe(run.id);
    expect(await ended(run)).toBe(3);
    const found = await engine.runs.start(flow, { input, tx: await begin(), idempotencyKey: "k" });
    await client.query("commit");
    expect([found.id, await ended(found), executions.total]).toEqual([run.id, 3, 2]);
  });

  test("under repeatable read a key that was taken meanwhile is the caller's 40001", async () => {
    const tx = await begin("repeatable read");
    await tx.query("select 1");
    const first = await engine.runs.start(flow, { input, idempotencyKey: "k" });
    await expect(engine.runs.start(flow, { input, tx, idempotencyKey: "k" })).rejects.toMatchObject({
      code: "40001",
    });
    await tx.query("rollback");
    expect(await ended(first)).toBe(3);
  });

  test("what is refused undoes nothing but the start", async () => {
    await backend.database.query(
      "alter table flowforge.runs add constraint no_bad_labels check (labels::text not like '%bad%')",
    );
    const tx = await begin();
    await tx.query("insert into orders values (1)");
    await expect(engine.runs.start(flow, { input, tx, idempotencyKey: "" })).rejects.toMatchObject({
      code: "option_invalid",
    });
    await expect(engine.runs.start(flow, { input, tx, labels: { a: "bad" } })).rejects.toMatchObject({
      code: "23514",
    });
    const run = await engine.runs.start(flow, { input, tx });
    await tx.query("commit");
    expect([await ended(run), await orders()]).toEqual([3, 1]);
  });

  test("what is no open transaction on this database", async () => {
    const start = (tx: unknown) => engine.runs.start(flow, { input, tx: tx as never });
    const pool = backend.database.pool({ max: 1 });
    const closed = await pool.connect();
    closed.release(true);
    for (const [tx, received] of [
      [client, "no transaction is open"],
      [pool, "no transaction is open"],
      [closed, "closed"],
      [null, "runs no statements"],
      [{}, "runs no statements"],
    ] as const) {
      await expect(start(tx)).rejects.toMatchObject({
        code: "transaction_invalid",
        received: expect.stringContaining(received) as string,
      });
    }
    await client.query("begin read only");
    await expect(start(client)).rejects.toMatchObject({ code: "transaction_invalid" });
    await client.query("select 1 / 0").catch(() => undefined);
    await expect(start(client)).rejects.toMatchObject({
      received: expect.stringContaining("has failed") as string,
    });
    await client.query("rollback");
    expect(await traces()).toEqual([]);
  });

  test("a transaction on another database, with and without a schema of its own", async () => {
    await using other = await testDatabase();
    const there = await other.pool({ max: 1 }).connect();
    try {
      await there.query("begin");
      const start = () => engine.runs.start(flow, { input, tx: there });
      await expect(start()).rejects.toMatchObject({ code: "transaction_foreign" });
      await there.query("create schema flowforge");
      await there.query(
        "create table flowforge.migrations as select 1 as version, clock_timestamp() as applied_at",
      );
      await expect(start()).rejects.toMatchObject({ code: "transaction_foreign" });
      await there.query("rollback");
    } finally {
      there.release();
    }
  });

  test("signalOrStart takes no transaction", async () => {
    const options = { key: "k", signal: "s", input, tx: await begin() };
    await expect(engine.runs.signalOrStart(flow, options as never)).rejects.toMatchObject({
      code: "option_invalid",
    });
    await client.query("rollback");
  });
});
