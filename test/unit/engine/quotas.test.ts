/** Quotas in one process: asked for together, handed out in order, given back where they are not used. */
import { expect, test } from "vitest";
import { layerOf, limitsInForce, type WorkspaceLimits } from "../../../src/core/limits/workspace-limits.ts";
import type { PreparedStart } from "../../../src/engine/prepared-start.ts";
import { throughDoor } from "../../../src/engine/quota-door.ts";
import { Quotas } from "../../../src/engine/quotas.ts";
import { createMemoryStore } from "../../../src/testing.ts";

const ACME = "acme";

function bench(limits: WorkspaceLimits, countMs = 0) {
  let now = 1_000_000;
  let counts = 0;
  const store = createMemoryStore({ clock: { now: () => now } });
  const { quotas } = store;
  let calls = 0;
  const counting = {
    ...quotas,
    starts: (asks: Parameters<typeof quotas.starts>[0]) => (calls++, quotas.starts(asks)),
    payloadBytes: (asks: Parameters<typeof quotas.payloadBytes>[0]) => quotas.payloadBytes(asks),
    storedRuns: async () => {
      counts++;
      await Promise.resolve();
      now += countMs;
      return 5;
    },
  };
  const of = () => limitsInForce([layerOf(limits, ACME)]);
  const door = new Quotas({ quotas: counting }, { of }, () => now);
  const admit = (starts: number, bytes = 0): Promise<unknown> =>
    door.admit({ workspace: ACME, starts, bytes }).then(
      () => "in",
      (error: unknown) => error,
    );
  return { door, admit, calls: () => calls, counts: () => counts, advance: (ms: number) => void (now += ms) };
}

test("what is asked in the same moment is asked together, and those that fit are let in, in their order", async () => {
  const { admit, calls } = bench({ starts: { limit: 5, per: "1d" } });
  const all = await Promise.all([admit(2), admit(2), admit(2), admit(1)]);
  expect(all.map((each) => each === "in")).toEqual([true, true, false, false]);
  // One that asks, and one that gives back what was left over: it is there for the next one.
  expect(calls()).toBe(2);
  expect(await admit(1)).toBe("in");
  expect(await admit(1)).toMatchObject({ code: "quota_exceeded", quota: "starts" });
});

test("it says when there is enough", async () => {
  const { admit, advance } = bench({ starts: { limit: 10, per: "10s" } });
  expect(await admit(10)).toBe("in");
  expect(await admit(3)).toMatchObject({ retryAfterMs: 3_000 });
  advance(3_000);
  expect(await admit(3)).toBe("in");
});

test("starts whose bytes are refused are given back, and a payload of more than the burst needs all of it", async () => {
  const { admit } = bench({ starts: { limit: 2, per: "1d" }, payloadBytes: { limit: 100, per: "1d" } });
  expect(await admit(1, 10)).toBe("in");
  expect(await admit(1, 1_000)).toMatchObject({ quota: "payloadBytes" });
  expect(await admit(1, 90)).toBe("in");
  const full = bench({ payloadBytes: { limit: 100, per: "1d" } });
  expect(await full.admit(1, 1_000)).toBe("in");
  expect(await full.admit(1, 1)).toMatchObject({ quota: "payloadBytes" });
});

test("what is more than the burst needs a full bucket, and is paid before anybody else is let in", async () => {
  const { admit, advance } = bench({ starts: { limit: 10, per: "10s" } });
  expect(await admit(25)).toBe("in");
  expect(await admit(1)).toMatchObject({ quota: "starts" });
  advance(15_000);
  expect(await admit(1)).toMatchObject({ quota: "starts", retryAfterMs: 1_000 });
  advance(1_000);
  expect([await admit(1), await admit(11)]).toEqual(["in", expect.objectContaining({ quota: "starts" })]);
  advance(10_000);
  expect(await admit(11)).toBe("in");
});

test("runs that a day would not pay are not let in together; of one payload more than a day's worth is not owed", async () => {
  const { admit } = bench({ starts: { limit: 1, per: "1h" } });
  expect(await admit(26)).toMatchObject({ quota: "starts", retryAfterMs: 25 * 3_600_000 });
  expect(await admit(25)).toBe("in");
  const bytes = bench({ payloadBytes: { limit: 100, per: "1d" } });
  expect(await bytes.admit(1, 1_000)).toBe("in");
  bytes.advance(86_400_000);
  expect(await bytes.admit(1, 1)).toMatchObject({ quota: "payloadBytes" });
  bytes.advance(86_400_000);
  expect(await bytes.admit(1, 100)).toBe("in");
});

test("what cannot be asked takes nothing, and what comes back while the store is away is at most what a bucket holds", async () => {
  const limits = { starts: { limit: 2, per: "1d" }, payloadBytes: { limit: 1_000_000_000, per: "1d" } };
  const { quotas } = createMemoryStore();
  let isAway = false;
  let returned = 0;
  const payloadBytes: typeof quotas.payloadBytes = async (asks) => {
    if (isAway) throw new Error("away");
    returned += asks[0]!.returned;
    return quotas.payloadBytes(asks);
  };
  const of = () => limitsInForce([layerOf(limits, ACME)]);
  const door = new Quotas({ quotas: { ...quotas, payloadBytes } }, { of });
  const ask = { workspace: ACME, starts: 1, bytes: 1_000_000_000 };
  isAway = true;
  for (let n = 0; n < 4; n++) {
    await expect(door.admit(ask)).rejects.toThrow("away");
    door.giveBack({ ...ask, starts: 0 });
  }
  await expect(door.owe(ask)).rejects.toThrow("away");
  isAway = false;
  await door.admit({ ...ask, starts: 2 });
  // More than a 32-bit number would be refused by the store, with every ask that follows.
  expect(returned).toBe(1_000_000_000);
});

test("who owes begins when it is paid; more than a day is refused and not owed", async () => {
  const { door, admit } = bench({ starts: { limit: 1, per: "10h" } });
  const owe = (): Promise<unknown> =>
    door.owe({ workspace: ACME, starts: 1, bytes: 0 }).catch((error: unknown) => error);
  expect([await owe(), await owe(), await owe()]).toEqual([0, 36_000_000, 72_000_000]);
  expect(await owe()).toMatchObject({ code: "quota_exceeded", retryAfterMs: 108_000_000 });
  expect(await owe()).toMatchObject({ retryAfterMs: 108_000_000 });
  expect(await admit(1)).toMatchObject({ quota: "starts" });
});

test("whoever takes the last of a full bucket owes nothing, nor does one that is larger than it wait for more than all of it", async () => {
  const few = bench({ starts: { limit: 3, per: "1s" } });
  const waits = [1, 2, 3].map(() => few.door.owe({ workspace: ACME, starts: 1, bytes: 0 }));
  expect(await Promise.all(waits)).toEqual([0, 0, 0]);
  const large = bench({ payloadBytes: { limit: 100, per: "1h" } });
  const owe = (bytes: number): Promise<number> => large.door.owe({ workspace: ACME, starts: 1, bytes });
  expect(await owe(300)).toBe(0);
  // What is beyond the bucket is paid first.
  expect(await owe(50)).toBe(9_000_000);
});

test("stored runs are counted now and then, with what is started here meanwhile", async () => {
  const { admit, advance } = bench({ storedRuns: 7 });
  expect([await admit(1), await admit(1)]).toEqual(["in", "in"]);
  expect(await admit(1)).toMatchObject({ quota: "storedRuns", retryAfterMs: 60_000 });
  advance(2_001);
  expect(await admit(1)).toBe("in");
});

test("many that come in one moment have one count, and only as many are let in as there is room for", async () => {
  const { admit, counts } = bench({ storedRuns: 8 });
  const all = await Promise.all(Array.from({ length: 100 }, () => admit(1)));
  expect(all.filter((each) => each === "in")).toHaveLength(3);
  expect(counts()).toBe(1);
});

test("a count that took long is kept longer: two hundredths of the time go into counting", async () => {
  const { admit, counts, advance } = bench({ storedRuns: 100 }, 300);
  await admit(1);
  advance(14_900);
  await admit(1);
  expect(counts()).toBe(1);
  advance(200);
  await admit(1);
  expect(counts()).toBe(2);
});

test("another limit is counted for anew, and what a refusal had taken is there again", async () => {
  const limits: { storedRuns: number; starts: { limit: number; per: string } } = {
    storedRuns: 6,
    starts: { limit: 1, per: "10s" },
  };
  const { admit, counts, advance } = bench(limits);
  expect(await admit(1)).toBe("in");
  expect(await admit(1)).toMatchObject({ quota: "storedRuns" });
  limits.storedRuns = 7;
  expect(await admit(1)).toMatchObject({ quota: "starts" });
  expect(counts()).toBe(2);
  advance(1_000);
  expect(await admit(2)).toMatchObject({ quota: "starts" });
  expect(await admit(3)).toMatchObject({ quota: "storedRuns" });
});

test("what a start has used up that cannot be stored is given back, and nothing for one that was there before", async () => {
  const { door: quotas, admit, advance } = bench({ starts: { limit: 3, per: "1d" } });
  const holder = { runId: "r", fingerprint: "f", isRunGone: false } as never;
  const keys = async ({ key }: { readonly key: string }) => (key === "known" ? holder : null);
  let isStopped = false;
  const worker = { table: { stopped: () => isStopped } };
  const parts = { store: { key: keys }, transactions: { key: async () => null }, quotas, worker };
  const made = (key: string): PreparedStart =>
    ({ start: { workspace: ACME, input: 1, triggerPayload: null, key: { scope: "s", key } } }) as never;
  const stored: string[] = [];
  const through = (...names: readonly string[]): Promise<unknown> =>
    throughDoor(parts, names.map(made), async ({ start }) => {
      const { key } = start.key!;
      if (key === "found") return { run: key, isKnown: true };
      if (key !== "good") throw new Error(`${key} cannot be stored`);
      stored.push(key);
      return { run: key, isKnown: false };
    });
  await expect(through("good", "bad")).rejects.toThrow("bad cannot be stored");
  for (let n = 0; n < 3; n++) await expect(through("known")).rejects.toThrow("known cannot be stored");
  // Somebody else had taken its key in between.
  for (let n = 0; n < 3; n++) expect(await through("found")).toEqual(["found"]);
  expect(stored).toEqual(["good"]);
  // Of three one was used.
  expect([await admit(2), await admit(1)]).toEqual(["in", expect.objectContaining({ quota: "starts" })]);
  // Whether that one was stored nobody knows.
  advance(86_400_000);
  isStopped = true;
  await expect(through("unknown")).rejects.toThrow("unknown cannot be stored");
  expect([await admit(2), await admit(1)]).toEqual(["in", expect.objectContaining({ quota: "starts" })]);
});
