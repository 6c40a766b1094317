/** Events inside a transaction, on both backends: an event is there exactly if its transaction commits. */
import { Kysely, CamelCasePlugin, PostgresDialect } from "kysely";
import type { ClientBase } from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { transform } from "../../../src/actions.ts";
import type { Engine, PublishOptions, WorkflowDocument } from "../../../src/index.ts";
import { testDatabase } from "../../support/servers.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

/** Started by the event; the run ends with its payload. */
const LISTENS: WorkflowDocument = {
  format: 1,
  name: "listens",
  nodes: {
    heard: { kind: "trigger", source: { type: "event", name: "order.paid" } },
    a: { kind: "action", action: "transform", input: "{{ input }}" },
  },
  edges: [{ from: "heard", to: "a" }],
  output: "{{ nodes.a.output }}",
};
const WAITS: WorkflowDocument = {
  format: 1,
  name: "waits",
  nodes: { w: { kind: "wait", for: { event: "order.paid" } } },
  edges: [],
  output: "{{ nodes.w.output }}",
};

onEachBackend("events inside a transaction", (name) => {
  let backend: Backend;
  let engine: Engine;
  let client: ClientBase & { release(): void };

  beforeEach(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ actions: [transform] });
    await engine.start();
    for (const document of [LISTENS, WAITS]) await engine.workflows.register(document);
    await backend.database.query("create table orders (id int primary key)");
    client = await backend.database.pool({ max: 1 }).connect();
  }, 60_000);

  afterEach(async () => {
    client.release();
    await backend[Symbol.asyncDispose]();
  });

  const begin = async (level = "read committed"): Promise<ClientBase> => {
    await client.query(`begin isolation level ${level}`);
    return client;
  };
  const publish = (options: PublishOptions, payload: object = { n: 1 }, by = engine) =>
    by.publish("order.paid", payload, options);
  const stored = async (): Promise<readonly string[]> => {
    const rows = await backend.database.query<{ id: string }>("select id from flowforge.events order by id");
    return rows.map(({ id }) => id);
  };
  const counts = async (): Promise<readonly number[]> => {
    const [row] = await backend.database.query<{ orders: number; runs: number }>(
      `select (select count(*)::int from orders) as orders,
        (select count(*)::int from flowforge.runs where workflow = 'listens') as runs`,
    );
    return [row!.orders, row!.runs];
  };
  const done = (id: string) =>
    expect.poll(async () => (await engine.events.get(id))?.done, { timeout: 20_000 }).toBe(true);

  test("a commit brings the event and the caller's rows, to waits and to triggers", async () => {
    const waits = await engine.runs.start("waits", {});
    const tx = await begin();
    await tx.query("insert into orders values (1)");
    const published = await publish({ tx, id: "e" });
    expect(published).toEqual({ id: "e", runs: 0, started: 0, continues: true });
    expect([await stored(), await engine.events.get("e")]).toEqual([[], null]);
    await tx.query("commit");
    await done("e");
    expect(await engine.events.get("e")).toMatchObject({ runs: 1, started: 1, refused: 0 });
    expect(await waits.result({ timeout: "20s" })).toEqual({ n: 1 });
    expect(await counts()).toEqual([1, 1]);
  });

  test("a rollback leaves nothing, and the id is free", async () => {
    const tx = await begin();
    await tx.query("insert into orders values (1)");
    await publish({ tx, id: "e" }, { n: 7 });
    await publish({ tx });
    await tx.query("rollback");
    expect([await stored(), await counts()]).toEqual([[], [0, 0]]);
    const later = await publish({ id: "e" });
    expect(later).toMatchObject({ started: 1 });
    expect(later).not.toHaveProperty("repeated");
  });

  test("engine.transaction hands it on at once after its commit, also where nobody maintains", async () => {
    const host = backend.engine({ actions: [transform] });
    await engine.stop();
    await host.start({ maintain: false });
    const { id } = await host.transaction(async (tx) => {
      await tx.query("insert into orders values (1)");
      return publish({ tx }, { n: 1 }, host);
    });
    await expect.poll(async () => (await host.events.get(id))?.done, { timeout: 20_000 }).toBe(true);
    const failing = host.transaction(async (tx) => {
      await tx.query("insert into orders values (2)");
      await publish({ tx, id: "lost" }, { n: 2 }, host);
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    expect(await host.events.get("lost")).toBeNull();
    // A savepoint takes it back, and what is committed around it stays.
    await host.transaction(async (tx) => {
      await tx.query("insert into orders values (3); savepoint here");
      await publish({ tx, id: "back" }, { n: 3 }, host);
      await tx.query("rollback to savepoint here");
      await publish({ tx, id: "kept" }, { n: 4 }, host);
    });
    await expect.poll(async () => (await host.events.get("kept"))?.done, { timeout: 20_000 }).toBe(true);
    expect([await stored(), await counts()]).toEqual([[id, "kept"].sort(), [2, 2]]);
  });

  test("a transaction of Kysely, whose plugins rewrite names", async () => {
    const db = new Kysely<{ orders: { id: number } }>({
      dialect: new PostgresDialect({ pool: backend.database.pool({ max: 2 }) }),
      plugins: [new CamelCasePlugin()],
    });
    await db.transaction().execute(async (tx) => {
      await tx.insertInto("orders").values({ id: 1 }).execute();
      await publish({ tx, id: "e" });
      expect(await publish({ tx, id: "e" })).toEqual({
        id: "e",
        runs: 0,
        started: 0,
        continues: true,
        repeated: true,
      });
      await expect(publish({ tx, id: "e" }, { n: 2 })).rejects.toMatchObject({ code: "event_conflict" });
    });
    await done("e");
    expect(await counts()).toEqual([1, 1]);
  });

  test("an id that an open transaction has: others wait for its end, and hold up nothing else", async () => {
    const tx = await begin();
    await publish({ tx, id: "e" });
    // More than the engine has connections for such statements.
    const others = Array.from({ length: 10 }, () => publish({ id: "e" }));
    expect(await publish({ id: "other" })).toMatchObject({ started: 1 });
    await tx.query("commit");
    for (const other of await Promise.all(others)) expect(other).toMatchObject({ id: "e", repeated: true });
    await done("e");
    expect(await engine.events.get("e")).toMatchObject({ started: 1 });
    // Published before: nothing is done, and the counts are of then.
    const again = await publish({ tx: await begin(), id: "e" });
    await client.query("commit");
    expect(again).toEqual({ id: "e", runs: 0, started: 1, repeated: true });
    const conflict = publish({ tx: await begin(), id: "e" }, { n: 2 });
    await expect(conflict).rejects.toMatchObject({ code: "event_conflict" });
    await client.query("insert into orders values (1)");
    await client.query("commit");
    expect(await counts()).toEqual([1, 2]);
  });

  test("of two transactions with one id, one has it", async () => {
    const second = await backend.database.pool({ max: 1 }).connect();
    try {
      const tx = await begin();
      await publish({ tx, id: "e" });
      await second.query("begin");
      const waits = publish({ tx: second, id: "e" });
      await tx.query("rollback");
      expect(await waits).not.toHaveProperty("repeated");
      await second.query("commit");
      await done("e");
      expect(await counts()).toEqual([0, 1]);
    } finally {
      second.release();
    }
  });

  test("under repeatable read an id that was taken meanwhile is the caller's 40001", async () => {
    const tx = await begin("repeatable read");
    await tx.query("select 1");
    await publish({ id: "e" });
    await expect(publish({ tx, id: "e" })).rejects.toMatchObject({ code: "40001" });
    await tx.query("rollback");
    await done("e");
  });

  test("what is no open transaction on this database, and what is no event, changes nothing", async () => {
    const invalid = { code: "transaction_invalid" };
    await expect(publish({ tx: client })).rejects.toMatchObject(invalid);
    await expect(publish({ tx: {} as never })).rejects.toMatchObject(invalid);
    await expect(publish({ tx: backend.database.pool({ max: 1 }) as never })).rejects.toMatchObject(invalid);
    const tx = await begin();
    await tx.query("insert into orders values (1)");
    await expect(engine.publish("flowforge.mine", null, { tx })).rejects.toMatchObject({
      code: "option_invalid",
    });
    await expect(publish({ tx, id: "" })).rejects.toMatchObject({ code: "option_invalid" });
    await expect(engine.publish("order.paid", 1n, { tx })).rejects.toMatchObject({ code: "value_invalid" });
    await publish({ tx, id: "e" });
    await tx.query("commit");
    await done("e");
    expect(await counts()).toEqual([1, 1]);
    await using other = await testDatabase();
    const there = await other.pool({ max: 1 }).connect();
    try {
      await there.query("begin");
      await expect(publish({ tx: there })).rejects.toMatchObject({ code: "transaction_foreign" });
      await there.query("rollback");
    } finally {
      there.release();
    }
    const signal = engine.runs.signal("none", "s", null, { tx: client } as never);
    await expect(signal).rejects.toMatchObject({ code: "option_invalid" });
  });
});
