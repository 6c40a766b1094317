/**
 * A day of schedules over three engines that are stopped with `kill -9` on the way, through nights in which clocks change: every tick has
 * exactly one run. `FLOWFORGE_SCHEDULES=100` makes as many schedules as that, and has an engine stopped every four hours instead of every
 * eight.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect, test } from "vitest";
import type { ScheduleSource } from "../../../src/index.ts";
import { timingOf } from "../../../src/core/schedule/timing.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";
import { LEASE_MS } from "./processes.ts";

const HOUR = 3_600_000;
const SCHEDULES = Number(process.env["FLOWFORGE_SCHEDULES"] ?? 10);
const STEP = (SCHEDULES < 100 ? 8 : 4) * HOUR;

/** The day begins twelve hours before the clocks of the zone change. */
const NIGHTS = {
  "New York, forward": { zone: "America/New_York", changes: "2027-03-14T07:00:00Z" },
  "New York, back": { zone: "America/New_York", changes: "2027-11-07T06:00:00Z" },
  "Berlin, forward": { zone: "Europe/Berlin", changes: "2027-03-28T01:00:00Z" },
  "Berlin, back": { zone: "Europe/Berlin", changes: "2027-10-31T01:00:00Z" },
} as const;
const OF_BACKEND = {
  postgres: ["New York, forward", "Berlin, back"],
  "postgres+redis": ["New York, back", "Berlin, forward"],
} as const;

function sourceOf(index: number, timeZone: string): ScheduleSource {
  const patterns = ["30 1 * * *", "30 2 * * *", "0 * * * *", "*/30 * * * *", "15 1-4 * * *"];
  const common = { type: "schedule", catchUp: "all" } as const;
  return index % 6 === 5 ? { ...common, every: "45m" } : { ...common, cron: patterns[index % 6]!, timeZone };
}

class Hosts implements AsyncDisposable {
  readonly #backend: Backend;
  readonly #processes: ChildProcess[] = [];

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  async start(): Promise<void> {
    const options = { ...this.#backend.connection, worker: { lease: LEASE_MS } };
    const file = path.join(import.meta.dirname, "built-in-host.ts");
    const host = fork(file, [JSON.stringify(options)]);
    this.#processes.push(host);
    await once(host, "message");
  }

  /** Kills the one that has lived longest. */
  async kill(): Promise<void> {
    const host = this.#processes.shift()!;
    host.kill("SIGKILL");
    await once(host, "exit");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#processes.length > 0) await this.kill();
  }
}

onEachBackend("a day of schedules", (name) => {
  test.each(OF_BACKEND[name])("%s: every tick has one run", { timeout: 240_000 }, async (night) => {
    const { zone, changes } = NIGHTS[night];
    const begins = Date.parse(changes) - 12 * HOUR;
    await using backend = await openBackend(name);
    const { database } = backend;
    const client = backend.engine();
    await client.start({ work: false, maintain: false });
    // The clock goes on by itself between the steps, so ticks are counted from the times that the store tells.
    const offset = begins - Date.now();
    await shiftClock(database, offset);
    const sources = Array.from({ length: SCHEDULES }, (_, index) => sourceOf(index, zone));
    for (const [index, source] of sources.entries()) {
      await client.workflows.register({
        format: 1,
        name: `w${index}`,
        nodes: {
          tick: { kind: "trigger", source },
          a: { kind: "action", action: "transform", input: "{{ input.firedAt }}" },
        },
        edges: [{ from: "tick", to: "a" }],
      });
    }
    const first = await firstTicks(client, sources.length);
    await using hosts = new Hosts(backend);
    for (let n = 0; n < 3; n++) await hosts.start();

    for (let passed = STEP; passed <= 24 * HOUR; passed += STEP) {
      const before = await countOf(backend);
      await shiftClock(database, offset + passed);
      // One is stopped in the middle of its work, and another one comes.
      await expect.poll(() => countOf(backend), { timeout: 60_000, interval: 20 }).toBeGreaterThan(before);
      await hosts.kill();
      await hosts.start();
      const now = begins + passed;
      const due = sources.reduce((sum, source, index) => sum + ticks(source, first[index]!, now).length, 0);
      await expect.poll(() => countOf(backend), { timeout: 60_000 }).toBeGreaterThanOrEqual(due);
    }
    const underWay = () => client.runs.list({ status: ["queued", "running", "waiting"] });
    await expect.poll(underWay, { timeout: 60_000 }).toMatchObject({ items: [] });
    const last = begins + 24 * HOUR;
    for (const [index, source] of sources.entries()) {
      const fired = await firedTimes(backend, `w${index}`);
      const expected = ticks(source, first[index]!, last);
      expect(fired.slice(0, expected.length), `${name}, ${JSON.stringify(source)}`).toEqual(expected);
      // What fell due while the test took its time.
      expect(fired.length - expected.length).toBeLessThanOrEqual(2);
      expect(new Set(fired).size).toBe(fired.length);
    }
  });
});

async function firstTicks(
  client: ReturnType<Backend["engine"]>,
  count: number,
): Promise<readonly (number | null)[]> {
  const first: (number | null)[] = [];
  for (let index = 0; index < count; index++)
    first.push((await client.schedules.get({ workflow: `w${index}`, trigger: "tick" }))!.nextAt);
  return first;
}

/** From the first one to the last that is due by then. */
function ticks(source: ScheduleSource, first: number | null, until: number): readonly number[] {
  const timing = timingOf(source);
  const found: number[] = [];
  for (let at = first; at !== null && at <= until; at = timing.nextTick(at)) found.push(at);
  return found;
}

async function countOf({ database }: Backend): Promise<number> {
  const [row] = await database.query<{ n: number }>("select count(*)::int as n from flowforge.runs");
  return row!.n;
}

async function firedTimes({ database }: Backend, workflow: string): Promise<readonly number[]> {
  const rows = await database.query<{ at: string }>(
    `select input->>'firedAt' as at from flowforge.runs where workflow = '${workflow}' order by 1`,
  );
  return rows.map(({ at }) => Date.parse(at));
}
