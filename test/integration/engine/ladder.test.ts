/** The retries of a node, each in another process, with a clock that is moved on by the pause between them. */
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Action,
  defineAction,
  defineWorkflow,
  type Engine,
  type NodeRunDetail,
} from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

const MINUTE = 60_000;

onEachBackend("the ladder", (name) => {
  let backend: Backend;
  let passed: number;

  beforeEach(async () => {
    backend = await openBackend(name);
    passed = 0;
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  const workflow = defineWorkflow({
    format: 1,
    name: "climbing",
    nodes: { climb: { kind: "action", action: "climb" } },
    edges: [],
  });

  async function process(action: Action): Promise<Engine> {
    const engine = backend.engine({ actions: [action] });
    await engine.start();
    return engine;
  }

  async function nodeOf(engine: Engine, id: string): Promise<NodeRunDetail> {
    const detail = await engine.runs.get(id);
    return detail!.nodes.find(({ node }) => node === "climb")!;
  }

  async function untilStatus(engine: Engine, id: string, status: string): Promise<void> {
    await expect
      .poll(async () => (await engine.runs.get(id))?.header.status, { timeout: 20_000 })
      .toBe(status);
  }

  async function pass(ms: number): Promise<void> {
    passed += ms;
    await shiftClock(backend.database, passed);
  }

  /** How long after the end of the last attempt the next one is due. */
  async function pauseOf(engine: Engine, id: string): Promise<number> {
    const { attempts } = (await engine.runs.get(id))!;
    return (await nodeOf(engine, id)).dueAt! - attempts.at(-1)!.finishedAt;
  }

  test("two at once, then after 1, 5 and 30 minutes, then a dead letter", async () => {
    const keys: string[] = [];
    const climb = (): Action =>
      defineAction({
        name: "climb",
        effect: "idempotent",
        run: ({ idempotencyKey }) => {
          keys.push(idempotencyKey);
          throw Object.assign(new Error("no"), { status: 503 });
        },
      });
    let engine = await process(climb());
    const { id } = await engine.runs.start(workflow);
    for (const [attempts, pauseMs] of [
      [3, MINUTE],
      [4, 5 * MINUTE],
      [5, 30 * MINUTE],
    ] as const) {
      await untilStatus(engine, id, "waiting");
      expect(await nodeOf(engine, id)).toMatchObject({ status: "waiting", attempt: attempts });
      const pause = await pauseOf(engine, id);
      expect(pause).toBeGreaterThanOrEqual(pauseMs);
      expect(pause).toBeLessThanOrEqual(pauseMs * 1.1);
      await engine.stop();
      expect(keys).toHaveLength(attempts);
      // Not a second too early.
      await pass(pause - 5_000);
      engine = await process(climb());
      expect((await nodeOf(engine, id)).status).toBe("waiting");
      await pass(5_000);
      await expect.poll(() => keys.length, { timeout: 20_000 }).toBe(attempts + 1);
    }
    await untilStatus(engine, id, "failed");
    const { attempts } = (await engine.runs.get(id))!;
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const { error } of attempts) expect(error).toMatchObject({ class: "http", status: 503 });
    expect(attempts[1]!.startedAt! - attempts[0]!.finishedAt).toBeLessThan(5_000);
    expect(new Set(keys).size).toBe(1);
    expect((await engine.deadLetters.list()).items).toMatchObject([{ runId: id, attempts: 6 }]);
  }, 120_000);

  test("429 with Retry-After costs no attempt, for 24 hours in all", async () => {
    let calls = 0;
    const climb = (): Action =>
      defineAction({
        name: "climb",
        run: () => {
          calls += 1;
          const headers = { "retry-after": String(10 * 3_600) };
          throw Object.assign(new Error("slow down"), { status: 429, headers });
        },
      });
    let engine = await process(climb());
    const { id } = await engine.runs.start(workflow);
    for (const hours of [10, 20]) {
      await untilStatus(engine, id, "waiting");
      expect(await nodeOf(engine, id)).toMatchObject({ attempt: 0, putOffMs: hours * 60 * MINUTE });
      expect(await pauseOf(engine, id)).toBe(600 * MINUTE);
      await engine.stop();
      await pass(600 * MINUTE);
      engine = await process(climb());
      await expect.poll(() => calls, { timeout: 20_000 }).toBe(hours / 10 + 1);
    }
    await untilStatus(engine, id, "failed");
    expect(await nodeOf(engine, id)).toMatchObject({ attempt: 1, possiblyDuplicated: false });
    expect((await engine.deadLetters.list()).items).toMatchObject([
      { error: { class: "put_off_too_long", cause: "http", status: 429 } },
    ]);
  }, 120_000);
});
