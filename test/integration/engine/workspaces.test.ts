/** A workspace that is deleted leaves nothing: not its words in any table, and none in Redis; what runs in it writes no more. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { type ActionContext, type Engine, type Json, PermanentError } from "../../../src/index.ts";
import { TABLES_OF_RUNS } from "../../../src/postgres/retention.ts";
import { TABLES_OF_WORKSPACES } from "../../../src/postgres/workspaces.ts";
import { redisContents, wordsIn } from "../../support/redis-contents.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const CANARY = "Zq7ErasureXv9";
const LARGE = CANARY.repeat(10_000);

/** Tables of every schema of the database that hold the word, the queue's among them. */
async function tablesWith({ database }: Backend, word: string): Promise<string[]> {
  const tables = await database.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    // Bytes as text too: bodies of webhooks are stored as they came.
    const [row] = await database.query<{ n: number }>(
      `select count(*)::int as n from ${name} t where t::text like '%${word}%'
       or t::text like '%${Buffer.from(word).toString("hex")}%'`,
    );
    if (row!.n > 0) found.push(name);
  }
  return found.sort();
}

async function redisHas({ eachRedis }: Backend, word: string): Promise<boolean> {
  const contents = await eachRedis(redisContents);
  return wordsIn(contents.flat(), [word]).length > 0;
}

const DOCUMENT = {
  format: 1,
  name: "everything",
  nodes: {
    tick: { kind: "trigger", source: { type: "schedule", every: "1h" } },
    hook: { kind: "trigger", source: { type: "webhook", path: "orders", signature: { scheme: "none" } } },
    by: { kind: "trigger", source: { type: "manual" } },
    ask: { kind: "trigger", source: { type: "poll", action: "nobody-has-it", every: "1h" } },
    first: { kind: "action", action: "keep", input: { own: CANARY, from: "{{ input }}" } },
    list: { kind: "action", action: "keep", forEach: "[1, 2]", input: `${CANARY} {{ item }}` },
    bad: { kind: "action", action: "break", input: CANARY },
    waits: { kind: "wait", for: { signal: "go" } },
  },
  edges: [
    { from: "tick", to: "first" },
    { from: "hook", to: "first" },
    { from: "by", to: "first" },
    { from: "ask", to: "first" },
    { from: "first", to: "list" },
    { from: "first", to: "bad" },
    { from: "first", to: "waits" },
  ],
} as const;
const SLOW = {
  format: 1,
  name: "slow",
  nodes: { a: { kind: "action", action: "slow" } },
  edges: [],
} as const;

onEachBackend("deleting a workspace", (name) => {
  test("leaves nothing of it, and everything of the others", { timeout: 60_000 }, async () => {
    await using backend = await openBackend(name);
    const slow = Promise.withResolvers<ActionContext<Json>>();
    const late = Promise.withResolvers<unknown>();
    const actions = [
      action("keep", async (context) => {
        await context.step("part", () => CANARY);
        return LARGE;
      }),
      action("break", () => {
        throw new PermanentError(CANARY);
      }),
      action("slow", async (context) => {
        slow.resolve(context);
        await late.promise;
        await context.step("late", () => CANARY);
        return CANARY;
      }),
    ];
    const encryption = { keys: { k1: randomBytes(32).toString("base64") }, current: "k1" };
    const engine = backend.engine({ actions, encryption });
    await engine.start();
    for (const workspace of ["acme", "beta"]) await fill(engine, workspace);
    const running = await engine.runs.start("slow", { workspace: "acme", input: CANARY });
    await slow.promise;

    const before = await tablesWith(backend, CANARY);
    for (const table of [
      "runs",
      "node_runs",
      "attempts",
      "dead_letters",
      "run_blobs",
      "run_inbox",
      "step_memos",
    ])
      expect(before).toContain(`flowforge.${table}`);
    expect(before).toContain("flowforge.workflow_versions");
    expect(before).toContain("flowforge.webhook_deliveries");

    const lines: { type: string; [field: string]: unknown }[] = [];
    for await (const line of engine.workspaces.export("acme")) lines.push(JSON.parse(line));
    const types = Map.groupBy(lines, ({ type }) => type);
    const count = (type: string): number => types.get(type)?.length ?? 0;
    expect(Object.fromEntries([...types].map(([type]) => [type, count(type)]))).toEqual({
      workspace: 1,
      workflow: 2,
      schedule: 1,
      poll: 1,
      credential: 1,
      delivery: 1,
      event: 1,
      run: 3,
      item: 4,
      deadLetter: 2,
      audit: 1,
    });
    expect(JSON.stringify(types.get("credential"))).not.toContain("s3cr3t");
    expect(JSON.stringify(types.get("run"))).toContain(LARGE);

    const { items } = await engine.workspaces.list();
    expect([...items].sort()).toEqual(["acme", "beta"]);
    const held = await engine.workspaces.get("acme");
    expect(held).toMatchObject({
      runs: 3,
      versions: 2,
      schedules: 1,
      polls: 1,
      credentials: 1,
      dataKeys: 1,
      deliveries: 1,
      events: 1,
    });
    const beside = await engine.workspaces.get("beta");
    const removed = await engine.workspaces.delete("acme", { grace: "200ms" });
    expect(removed).toEqual(held);
    expect(await engine.workspaces.get("acme")).toBeNull();
    expect((await engine.workspaces.list()).items).toEqual(["beta"]);
    expect(await engine.workspaces.get("beta")).toEqual(beside);

    // What still runs has heard of it, and nothing of what it does is stored.
    const context = await slow.promise;
    expect(context.signal.aborted).toBe(true);
    late.resolve(null);
    await expect(engine.runs.handle(running.id, { workspace: "acme" }).status()).rejects.toMatchObject({
      code: "run_not_found",
    });
    await engine.workspaces.delete("beta", { grace: 0 });
    await engine.stop({ timeout: "5s" });
    expect(await tablesWith(backend, CANARY)).toEqual([]);
    // Its name, too; but for counts of the last seconds.
    const named = await tablesWith(backend, "acme");
    expect(named.filter((table) => table !== "flowforge.counts")).toEqual([]);
    if (name === "postgres+redis") expect(await redisHas(backend, CANARY)).toBe(false);
  });

  test("gives way to a new one of its name, with its own versions", { timeout: 60_000 }, async () => {
    await using backend = await openBackend(name);
    const actions = [action("keep", () => "first")];
    const engine = backend.engine({ actions });
    await engine.start();
    const document = (input: string): object => ({
      format: 1,
      name: "w",
      nodes: { a: { kind: "action", action: "keep", input } },
      edges: [],
      output: input,
    });
    const outputOf = async (input: string): Promise<unknown> => {
      await engine.workflows.register(document(input) as never, { workspace: "acme" });
      const run = await engine.runs.start("w", { workspace: "acme" });
      return run.result({ timeout: "10s" });
    };
    expect(await outputOf("one")).toBe("one");
    await expect(engine.workspaces.delete(undefined as never)).rejects.toMatchObject({
      code: "option_invalid",
    });
    await engine.workspaces.delete("acme");
    expect(await outputOf("two")).toBe("two");

    // Whoever adds a table that belongs to a workspace or a run says so.
    const tables = await backend.database.query<{ name: string }>(
      `select distinct table_name as name from information_schema.columns
       where table_schema = 'flowforge' and column_name in ('workspace', 'run_id')`,
    );
    const others = ["runs", "deleted_runs", "credentials", "data_keys"];
    const known = new Set([...TABLES_OF_RUNS, ...TABLES_OF_WORKSPACES, ...others]);
    expect(tables.map((table) => table.name).sort()).toEqual([...known].sort());
  });
});

/** A run that has failed and waits, and one of a webhook. */
async function fill(engine: Engine, workspace: string): Promise<void> {
  for (const document of [DOCUMENT, SLOW]) await engine.workflows.register(document as never, { workspace });
  const entry = { action: "plan.changed", kind: "workspace", subject: CANARY, workspace };
  await engine.audit.record(entry, () => null);
  await engine.schedules.list({ workspace });
  await engine.polls.list({ workspace });
  await engine.publish("order.paid", { of: CANARY }, { workspace, id: CANARY });
  await engine.credentials.set("api", { token: "s3cr3t" }, { workspace });
  const options = { workspace, trigger: "by", input: CANARY, labels: { of: CANARY }, idempotencyKey: CANARY };
  const run = await engine.runs.start("everything", options);
  await engine.runs.signal(run.id, "other", CANARY, { workspace });
  await engine.webhooks.receive({
    workspace,
    path: "orders",
    method: "POST",
    url: "https://shop.example/orders",
    headers: { "content-type": "application/json", "x-of": CANARY },
    body: Buffer.from(JSON.stringify({ of: CANARY })),
  });
  const open = async (): Promise<number> => (await engine.deadLetters.list({ workspace })).items.length;
  await expect.poll(open, { timeout: 20_000 }).toBe(2);
}
