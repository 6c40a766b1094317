/** Runs that are started for later. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineWorkflow, type Engine } from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { add, chain } from "./documents.ts";

const HOUR_MS = 3_600_000;

onEachBackend("delayed starts", (name) => {
  let backend: Backend;
  let engine: Engine;

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ actions: [add()] });
    await engine.start();
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  const workflow = defineWorkflow(chain(2));
  const start = (at: Date | string | number) => engine.runs.start(workflow, { input: { n: 1 }, at });
  const now = async (): Promise<number> => {
    const [row] = await backend.database.query<{ now: string }>("select flowforge.now() as now");
    return Number(row!.now);
  };

  test("begins at its time, and not before", async () => {
    const starts = Array.from({ length: 20 }, async (_, i) => {
      const at = Math.ceil(await now()) + 3_000 + i * 50;
      const run = await start(at);
      expect(await run.status()).toBe("queued");
      expect(await run.result({ timeout: "20s" })).toBe(3);
      const { header } = await run.detail();
      return header.startedAt! - at;
    });
    const late = (await Promise.all(starts)).sort((a, b) => a - b);
    expect(late[0]).toBeGreaterThanOrEqual(0);
    // At most a second, where the machine does nothing else.
    expect(late.at(-1)).toBeLessThan(15_000);
  });

  test("is found when another engine takes over, and time has passed", async () => {
    // A database of its own: engines remember for a while how far its clock was ahead.
    await using own = await openBackend(name);
    const client = own.engine();
    await client.start({ work: false, maintain: false });
    const at = new Date(Date.now() + 2 * HOUR_MS);
    const { id } = await client.runs.start(workflow, { input: { n: 1 }, at: at.toISOString() });
    await client.stop();
    const worker = own.engine({ actions: [add()] });
    await worker.start();
    const run = worker.runs.handle(id);
    expect(await run.detail()).toMatchObject({
      header: { status: "queued", startedAt: null },
      nodes: [{ status: "waiting", waitingFor: "timer", dueAt: at.getTime() }],
    });
    await shiftClock(own.database, 2 * HOUR_MS);
    expect(await run.result({ timeout: "20s" })).toBe(3);
  });

  test("can be cancelled before it is due, and never begins", async () => {
    const run = await start(new Date(Date.now() + HOUR_MS));
    await run.cancel();
    await expect(run.result({ timeout: "10s" })).rejects.toMatchObject({ code: "run_cancelled" });
    const { nodes } = await run.detail();
    expect(new Set(nodes.map(({ status }) => status))).toEqual(new Set(["cancelled"]));
  });

  test.each([0, -1, "1999-12-31T00:00:00Z", new Date(0)])("%s has passed: at once", async (at) => {
    expect(await (await start(at)).result({ timeout: "10s" })).toBe(3);
  });

  test.each([
    "tomorrow",
    "2030-02-30T00:00:00Z",
    "2030-01-01T00:00:00",
    NaN,
    Infinity,
    1e20,
    new Date(NaN),
    null,
    {},
  ])("%s is no time", async (at) => {
    await expect(start(at as never)).rejects.toMatchObject({
      code: "option_invalid",
      subject: 'option "at" of runs.start',
    });
  });
});
