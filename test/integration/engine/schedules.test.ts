/** Ticks become runs: each one once, whoever starts it. */
import { expect, test } from "vitest";
import { defineWorkflow } from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { onEachBackend, openBackend } from "./backends.ts";

const HOUR = 3_600_000;
const OF = { workflow: "hourly", trigger: "tick" };

const hourly = defineWorkflow({
  format: 1,
  name: "hourly",
  nodes: {
    tick: { kind: "trigger", source: { type: "schedule", every: "1h", catchUp: "all" } },
    a: { kind: "action", action: "log", input: { message: "tick" } },
  },
  edges: [{ from: "tick", to: "a" }],
});

onEachBackend("schedules", (name) => {
  test(
    "a tick that is refused is given up and says why; one that fails is tried again and has one run",
    { timeout: 60_000 },
    async () => {
      await using backend = await openBackend(name);
      const engine = backend.engine({ workflows: [hourly] });
      await engine.start();
      const { database } = backend;
      const last = async () => {
        const { lastRun, lastAt, lastError } = (await engine.schedules.get(OF))!;
        return { lastRun, lastAt, lastError };
      };
      // A later version wants more than a tick brings.
      const input = { type: "object", properties: { n: { type: "number" } }, required: ["n"] };
      await engine.workflows.register({ ...hourly.document, input } as never);
      const [first, second, third] = await engine.schedules.next({ ...OF, count: 3 });
      // Minutes after a tick, and far from the next one.
      const after = (tick: number, more = 0) => shiftClock(database, tick - Date.now() + 5 * 60_000 + more);
      await after(first!);
      await expect
        .poll(last, { timeout: 20_000 })
        .toEqual({ lastRun: null, lastAt: null, lastError: expect.stringContaining("input_invalid") });
      expect((await engine.schedules.get(OF))!.nextAt).toBe(second);
      expect((await engine.runs.list()).items).toEqual([]);

      await engine.workflows.register({ ...hourly.document, description: "mended" } as never);
      await database.query("alter table flowforge.runs add constraint none check (workflow <> 'hourly')");
      await after(second!);
      const isHeld = async () => {
        const [row] = await database.query<{ held: boolean }>("select held from flowforge.schedules");
        return row!.held;
      };
      await expect.poll(isHeld, { timeout: 20_000 }).toBe(true);
      expect(await last()).toMatchObject({ lastRun: null, lastAt: null });
      expect((await engine.schedules.get(OF))!.nextAt).toBe(second);
      await database.query("alter table flowforge.runs drop constraint none");
      await after(second!, 60_000);
      await expect.poll(last, { timeout: 20_000 }).toMatchObject({ lastAt: second, lastError: null });
      const { items } = await engine.runs.list();
      expect(items.map(({ id }) => id)).toEqual([(await last()).lastRun]);
      expect((await engine.schedules.get(OF))!.nextAt).toBe(third);
    },
  );

  test("three engines, hours that pass: every tick has one run", { timeout: 60_000 }, async () => {
    await using backend = await openBackend(name);
    const engines = Array.from({ length: 3 }, () => backend.engine({ workflows: [hourly] }));
    for (const engine of engines) await engine.start();
    const [engine] = engines;
    const ticks = await engine!.schedules.next({ ...OF, count: 6 });
    await shiftClock(backend.database, 6 * HOUR);
    const fired = async (): Promise<number[]> => {
      const rows = await backend.database.query<{ at: string }>(
        "select input->>'firedAt' as at from flowforge.runs",
      );
      return rows.map(({ at }) => Date.parse(at)).sort((a, b) => a - b);
    };
    await expect.poll(fired, { timeout: 30_000 }).toEqual(ticks);
    // What has a run gets no other one.
    const again = await engine!.schedules.backfill({ ...OF, from: ticks[0]!, to: ticks[5]! + 1 });
    expect(new Set(again).size).toBe(6);
    expect(await fired()).toEqual(ticks);

    await engine!.schedules.pause(OF);
    expect((await engine!.schedules.get(OF))?.paused).toBe(true);
    await engine!.schedules.resume(OF);
    expect((await engine!.schedules.get(OF))?.nextAt).toBe(ticks[5]! + HOUR);
    await engine!.schedules.trigger(OF);
    expect(await fired()).toHaveLength(7);
    await expect(engine!.schedules.pause({ ...OF, trigger: "none" })).rejects.toMatchObject({
      code: "schedule_not_found",
    });
  });
});
