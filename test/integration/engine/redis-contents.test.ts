/**
 * No value of a run is ever in Redis: not in a key, not in a message, not for a moment. What is written in a definition is no value of a run: definitions
 * are there, in keys of their own, and nowhere else.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Redis } from "ioredis";
import {
  type ActionContext,
  createEngine,
  defineWorkflow,
  type Engine,
  type Json,
  PermanentError,
  RetryableError,
} from "../../../src/index.ts";
import { listenTo, redisContents, wordsIn } from "../../support/redis-contents.ts";
import {
  describeRedis,
  startRedis,
  testDatabase,
  type TestDatabase,
  type TestServer,
} from "../../support/servers.ts";
import { action } from "./documents.ts";

/** A word that stands nowhere but in the value of this place. */
const word = (place: string): string => `Zq7${place}Xv9`;

const PLACES = [
  "Input",
  "Label",
  "StartKey",
  "NodeInput",
  "Output",
  "Error",
  "HandledError",
  "Signal",
  "Event",
  "Item",
  "ItemResult",
  "ItemError",
  "Step",
  "Checkpoint",
  "EditedInput",
  "Completed",
  "RunOutput",
] as const;
const WORDS: readonly string[] = PLACES.map(word);
/** They stand in the definition itself. */
const WRITTEN: readonly string[] = ["NodeInput", "Item", "RunOutput"].map(word);
const isDefinition = (text: string): boolean => text.includes("flowforge:definitions:");
const isOther = (text: string): boolean => !isDefinition(text);

const DOCUMENT = {
  format: 1,
  name: "everything",
  nodes: {
    first: { kind: "action", action: "give", input: { from: "{{ input }}", own: word("NodeInput") } },
    handled: { kind: "action", action: "handled" },
    after: { kind: "action", action: "give", input: "{{ nodes.handled.error }}" },
    signal: { kind: "wait", for: { signal: "go" } },
    event: { kind: "wait", for: { event: "tick" } },
    list: {
      kind: "action",
      action: "item",
      forEach: "[nodes.signal.output, nodes.event.output, input]",
      input: { item: "{{ item }}", own: word("Item") },
      onItemError: "collect",
    },
    redriven: { kind: "action", action: "broken", input: "{{ nodes.first.output }}" },
    completed: { kind: "action", action: "broken" },
    last: { kind: "action", action: "give", input: "{{ nodes.list.output }}" },
  },
  edges: [
    { from: "first", to: "handled" },
    { from: "handled", to: "after", on: "error" },
    { from: "after", to: "signal" },
    { from: "signal", to: "event" },
    { from: "event", to: "list" },
    { from: "list", to: "redriven" },
    { from: "redriven", to: "completed" },
    { from: "completed", to: "last" },
  ],
  output: {
    last: "{{ nodes.last.output }}",
    completed: "{{ nodes.completed.output }}",
    own: word("RunOutput"),
  },
} as const;

describeRedis("Redis", () => {
  let database: TestDatabase;
  let server: TestServer;
  let redis: Redis;
  let engines: readonly Engine[] = [];

  beforeAll(async () => {
    database = await testDatabase();
    server = await startRedis();
    redis = new Redis(server.url);
  });

  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.stop({ timeout: "2s" })));
    redis.disconnect();
    await server.stop();
    await database.drop();
  });

  /** Each action looks into Redis while it runs. */
  async function begin(look: () => Promise<void>): Promise<readonly Engine[]> {
    const looking =
      (run: (context: ActionContext<Json>) => Json | Promise<Json>) =>
      async (context: ActionContext<Json>): Promise<Json> => {
        await look();
        return run(context);
      };
    const actions = [
      action(
        "give",
        looking(async (context) => {
          await context.step("part", () => word("Step"));
          await context.checkpoint(word("Checkpoint"));
          if (context.attempt < 3) throw new RetryableError(word("Error"));
          return [word("Output"), context.input];
        }),
      ),
      action(
        "handled",
        looking(() => {
          throw new PermanentError(word("HandledError"));
        }),
      ),
      action(
        "item",
        looking((context) => {
          if (context.node.item === 1) throw new PermanentError(word("ItemError"));
          return [word("ItemResult"), context.input];
        }),
      ),
      action(
        "broken",
        looking(({ input }) => {
          if (input === word("EditedInput")) return input;
          throw new PermanentError(word("Error"));
        }),
      ),
    ];
    // Every step goes through the queue, to whoever of the two is faster.
    const options = { postgres: database.url, redis: server.url, actions, worker: { inline: false } };
    const made = [createEngine(options), createEngine(options)];
    for (const engine of made) await engine.start();
    return made;
  }

  test("holds what was put there, in every type and encoding, for whoever looks", async () => {
    const words = ["raw", "hex", "base", "member", "entry", "field"].map(word);
    const [raw, hex, base, member, entry, field] = words as [string, string, string, string, string, string];
    const { said, stop } = await listenTo(redis);
    await redis.set("a", `{"x":"${raw}"}`);
    await redis.hset("b", "f", Buffer.from(hex).toString("hex"), field, "1");
    await redis.rpush("c", Buffer.from(`{"abc":"${base}"}`).toString("base64"));
    await redis.zadd("d", 1, member);
    await redis.xadd("e", "*", "k", entry);
    expect(wordsIn(await redisContents(redis), [...words, word("absent")])).toEqual(words);
    await redis.flushall();
    expect(wordsIn(await redisContents(redis), words)).toEqual([]);
    await expect.poll(() => wordsIn(said, words)).toEqual(words);
    stop();
  });

  test("has nothing of runs: their values pass through PostgreSQL alone", async () => {
    const { said, stop } = await listenTo(redis);
    const found = new Set<string>();
    let looks = 0;
    let keys = 0;
    engines = await begin(async () => {
      const contents = await redisContents(redis);
      for (const each of wordsIn(contents.filter(isOther), WORDS)) found.add(each);
      looks += 1;
      keys = Math.max(keys, contents.length);
    });
    const [engine, other] = engines as [Engine, Engine];
    const run = await engine.runs.start(defineWorkflow(DOCUMENT), {
      input: { value: word("Input") },
      labels: { of: word("Label") },
      idempotencyKey: word("StartKey"),
    });
    // Whoever follows the run hears of it through Redis too.
    let heard = 0;
    void (async () => {
      for await (const _ of other.runs.handle(run.id).events()) heard += 1;
    })();
    await other.runs.signal(run.id, "go", word("Signal"));
    expect(await other.publish("tick", word("Event"))).toMatchObject({ runs: 1 });
    const letter = async (node: string): Promise<string> => {
      const open = async () => (await other.deadLetters.list({ runId: run.id, node })).items[0]?.id;
      await expect.poll(open, { timeout: 20_000 }).toBeDefined();
      return (await open())!;
    };
    await other.deadLetters.redrive(await letter("redriven"), { input: word("EditedInput"), force: true });
    await other.deadLetters.complete(await letter("completed"), { output: word("Completed") });
    const output = JSON.stringify(await engine.runs.handle(run.id).result({ timeout: "20s" }));
    const contents = await redisContents(redis);
    for (const each of wordsIn(contents.filter(isOther), WORDS)) found.add(each);
    stop();

    // The values were there, wherever they belong; and Redis was at work all the time.
    const stored = await database.query<{ all: string }>(
      `select (select json_agg(r) from flowforge.runs r)::text || (select json_agg(n) from flowforge.node_runs n)::text
         || (select json_agg(a) from flowforge.attempts a)::text || (select json_agg(m) from flowforge.step_memos m)::text
         || (select json_agg(d) from flowforge.dead_letters d)::text || (select json_agg(k) from flowforge.idempotency_keys k)::text
         as all`,
    );
    expect(wordsIn([stored[0]!.all], WORDS)).toEqual(WORDS);
    expect(output).toContain(word("ItemResult"));
    expect(looks).toBeGreaterThan(12);
    expect(keys).toBeGreaterThan(3);
    expect(said.filter((each) => each.includes(run.id)).length).toBeGreaterThan(12);
    expect(heard).toBeGreaterThan(0);
    expect([...found]).toEqual([]);
    expect(wordsIn(said.filter(isOther), WORDS)).toEqual([]);
    expect(wordsIn(contents.filter(isDefinition), WORDS)).toEqual(WRITTEN);
    expect(wordsIn(said.filter(isDefinition), WORDS)).toEqual(WRITTEN);
  });
});
