/** Schedules that are made while the engine runs: set, changed and deleted by calls, for any version of a workflow. */
import { expect, test } from "vitest";
import { z } from "zod";
import { builtInActions } from "../../../src/actions.ts";
import { defineWorkflow, type SetScheduleOptions, type WorkflowDocument } from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { onEachBackend, openBackend } from "./backends.ts";

const HOUR = 3_600_000;
const OF = { workflow: "report", name: "customer-7" };
const INPUT = { customer: "seven" };
const WAIT = { timeout: 20_000 };

const report = (field: string): WorkflowDocument => ({
  format: 1,
  name: "report",
  input: { type: "object", properties: { [field]: { type: "string" } }, required: [field] },
  nodes: {
    start: { kind: "trigger" },
    hook: {
      kind: "trigger",
      source: { type: "webhook", path: "report" },
      input: "{{ trigger.payload.body }}",
    },
    a: { kind: "action", action: "transform", input: { at: "{{ trigger.firedAt }}", of: "{{ input }}" } },
  },
  edges: [
    { from: "start", to: "a" },
    { from: "hook", to: "a" },
  ],
  output: "{{ nodes.a.output }}",
});

onEachBackend("named schedules", (name) => {
  test("run with their input, survive versions, sleep with their workflow, and end when they are deleted", async () => {
    await using backend = await openBackend(name);
    const engine = backend.engine({ actions: [...builtInActions] });
    await engine.start();
    const { schedules, workflows } = engine;
    await workflows.register(report("customer"));
    const hourly: SetScheduleOptions = { ...OF, every: "1h", input: INPUT, labels: { customer: "7" } };
    const made = await schedules.set(hourly);
    expect(made).toMatchObject({ name: "customer-7", trigger: null, paused: false, lastRun: null });
    expect(made.starts).toEqual({ input: INPUT, labels: { customer: "7" } });
    expect(await schedules.set({ ...hourly })).toEqual(made);

    const runs = async () => (await engine.runs.list({ labels: { customer: "7" } })).items;
    await shiftClock(backend.database, HOUR);
    await expect.poll(async () => (await runs()).length, WAIT).toBe(1);
    const [run] = await runs();
    const output = await engine.runs.handle(run!.id).result(WAIT);
    expect(output).toEqual({ at: new Date(made.nextAt!).toISOString(), of: INPUT });
    // The schedule moves on when the run is stored, not with it.
    const moved = { lastRun: run!.id, lastAt: made.nextAt, nextAt: made.nextAt! + HOUR };
    await expect.poll(() => schedules.get(OF), WAIT).toMatchObject(moved);
    const after = (await schedules.get(OF))!;

    // Another input leaves the ticks as they are; the next version cannot be started with it.
    expect((await schedules.set({ ...hourly, input: { customer: "8" } })).nextAt).toBe(after.nextAt);
    await workflows.register(report("client"));
    await shiftClock(backend.database, 2 * HOUR);
    await expect
      .poll(async () => (await schedules.get(OF))?.lastError, WAIT)
      .toMatch(/client.*\[input_invalid\]/);
    await schedules.set({ ...hourly, input: { client: "8" } });
    await shiftClock(backend.database, 3 * HOUR);
    await expect.poll(async () => (await runs()).length, WAIT).toBe(2);
    expect(new Set((await runs()).map(({ version }) => version))).toEqual(new Set([1, 2]));
    await expect.poll(async () => (await schedules.get(OF))?.lastError, WAIT).toBeNull();

    await workflows.disable("report");
    const asleep = () => backend.database.query("select 1 from flowforge.schedules where fire_at is null");
    expect(await asleep()).toHaveLength(1);
    await shiftClock(backend.database, 5 * HOUR);
    await workflows.enable("report");
    await expect.poll(asleep, WAIT).toHaveLength(0);
    expect(await runs()).toHaveLength(2);
    expect((await schedules.get(OF))?.nextAt).toBe(made.nextAt! + 5 * HOUR);

    const [first] = await schedules.backfill({ ...OF, from: made.nextAt!, to: made.nextAt! + 1 });
    expect(first).toBe(run!.id);
    const { runId } = await schedules.trigger(OF);
    expect(await engine.runs.handle(runId).result(WAIT)).toMatchObject({ of: { client: "8" } });
    await schedules.pause(OF);
    expect(await schedules.set({ ...hourly, input: { client: "9" } })).toMatchObject({ paused: true });
    await schedules.resume(OF);
    await schedules.delete(OF);
    expect(await schedules.get(OF)).toBeNull();
    await expect(schedules.delete(OF)).rejects.toMatchObject({ code: "schedule_not_found" });
    await shiftClock(backend.database, 20 * HOUR);
    expect((await schedules.list()).items).toEqual([]);
  });
});

test("what cannot be a schedule is refused when it is set, and nothing is stored", async () => {
  await using backend = await openBackend("postgres");
  const typed = defineWorkflow({
    name: "typed",
    input: z.object({ n: z.number().max(9) }),
    build: ({ wait }) => wait("gate", { signal: "go" }).output,
  });
  const engine = backend.engine({ workflows: [typed] });
  await engine.start({ work: false });
  await engine.workflows.register(report("customer"));
  const nightly = { ...OF, cron: "0 3 * * *", input: INPUT };
  const { cron: _cron, ...untimed } = nightly;
  const wrong: readonly [object, string, RegExp][] = [
    [{ ...nightly, cron: "0 3 * *" }, "option_invalid", /not a cron pattern/],
    [{ ...nightly, cron: "0 0 31 2 *" }, "option_invalid", /never due/],
    [{ ...nightly, every: "1h" }, "option_invalid", /exactly one of/],
    [untimed, "option_invalid", /exactly one of/],
    [{ ...nightly, timeZone: "Mars/Olympus" }, "option_invalid", /not a time zone/],
    [{ ...untimed, every: "1h", timeZone: "UTC" }, "option_invalid", /belongs to `cron`/],
    [{ ...untimed, every: "10ms" }, "option_invalid", /at least one second/],
    [{ ...untimed, every: "often" }, "duration_invalid", /"every"/],
    [{ ...untimed, at: "tomorrow" }, "option_invalid", /not a point in time/],
    [{ ...untimed, at: new Date(NaN) }, "option_invalid", /./],
    [{ ...untimed, at: "2020-01-01T00:00:00Z" }, "option_invalid", /still to come/],
    [{ ...nightly, jitter: "2d" }, "option_invalid", /at most a day/],
    [{ ...nightly, catchUpWindow: "x" }, "duration_invalid", /catchUpWindow/],
    [{ ...nightly, overlap: "never" }, "option_invalid", /overlap/],
    [{ ...nightly, timezone: "UTC" }, "option_invalid", /Did you mean "?timeZone/],
    [{ ...nightly, name: "@x" }, "option_invalid", /letters, digits/],
    [{ ...nightly, name: undefined }, "option_invalid", /name/],
    [{ ...nightly, workflow: "reprot" }, "workflow_not_found", /reprot/],
    [{ ...nightly, workspace: "other" }, "workflow_not_found", /other/],
    [{ ...nightly, input: { customer: 7 } }, "input_invalid", /customer/],
    [{ ...nightly, input: undefined }, "input_invalid", /customer/],
    [{ ...nightly, workflow: "typed", input: { n: 10 } }, "input_invalid", /n:/],
    [{ ...nightly, input: { customer: "x", more: () => 1 } }, "value_invalid", /more/],
    [{ ...nightly, trigger: "none" }, "trigger_required", /start, hook|hook, start/],
    [{ ...nightly, trigger: "hook", input: {} }, "input_invalid", /./],
    [{ ...nightly, labels: { "": "x" } }, "option_invalid", /labels/],
  ];
  for (const [options, code, message] of wrong) {
    const setting = engine.schedules.set(options as SetScheduleOptions);
    const error: unknown = await setting.then(
      () => "it was set",
      (reason: unknown) => reason,
    );
    expect([JSON.stringify(options), error], String(error)).toMatchObject([
      JSON.stringify(options),
      { code },
    ]);
    expect(String(error)).toMatch(message);
  }
  expect((await engine.schedules.list()).items).toEqual([]);
  const both = { ...OF, trigger: "start" } as never;
  await expect(engine.schedules.pause(both)).rejects.toMatchObject({ code: "option_invalid" });
  await expect(engine.schedules.get({ workflow: "report" } as never)).rejects.toThrow(/exactly one/);
  await expect(engine.schedules.get(OF)).resolves.toBeNull();

  // A time that has passed is what the schedule has already.
  const at = new Date(Date.now() + 60_000);
  const once = { ...untimed, at } satisfies SetScheduleOptions;
  await engine.schedules.set(once);
  await shiftClock(backend.database, 2 * 60_000);
  expect(await engine.schedules.set(once)).toMatchObject({ name: OF.name });

  for (const each of ["b", "a"]) await engine.schedules.set({ ...nightly, name: each });
  await engine.schedules.set({ ...nightly, workflow: "typed", input: { n: 1 } });
  const seen: (string | null)[] = [];
  let cursor: string | null | undefined;
  let pages = 0;
  for (; cursor !== null; pages++) {
    const page = await engine.schedules.list({ workflow: "report", limit: 2, cursor });
    seen.push(...page.items.map((item) => item.name));
    cursor = page.cursor;
  }
  expect([seen, pages]).toEqual([["a", "b", "customer-7"], 2]);
  expect((await engine.schedules.list({ limit: 4 })).cursor).toBeNull();
});
