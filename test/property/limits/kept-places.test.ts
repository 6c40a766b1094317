/** Places that are kept for whoever comes: for any size of a worker, any order of comings and goings. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeptPlaces } from "../../../src/core/limits/kept-places.ts";
import { Slots } from "../../../src/worker/slots.ts";

const MINUTE = 60_000;
const size = fc.integer({ min: 1, max: 500 });

describe("places that a workspace may take", () => {
  test("are all that are free, while nobody else was there within a minute", () => {
    fc.assert(
      fc.property(size, fc.integer({ min: -5, max: 500 }), fc.nat(500), (all, free, held) => {
        const kept = new KeptPlaces(all);
        kept.note("other", 0);
        kept.note("own", MINUTE - 1);
        const open = kept.open({ workspace: "own", free, held, now: MINUTE });
        expect(open).toBe(Math.max(0, free));
      }),
    );
  });

  test("are beside others all but one in twenty, of which one that holds none may take one", () => {
    fc.assert(
      fc.property(size, fc.integer({ min: -5, max: 500 }), fc.nat(500), (all, free, held) => {
        const kept = new KeptPlaces(all);
        kept.note("other", 0);
        kept.note("own", 1);
        const open = kept.open({ workspace: "own", free, held, now: MINUTE - 1 });
        const ofAll = Math.max(0, free - Math.floor(all / 20));
        expect(open).toBe(ofAll === 0 && held === 0 && free > 0 ? 1 : ofAll);
      }),
    );
  });

  test("follow from whoever else was there last, whatever came before", () => {
    const names = fc.constantFrom("a", "b", "c");
    const notes = fc.array(fc.record({ workspace: names, after: fc.nat(40_000) }), { maxLength: 30 });
    fc.assert(
      fc.property(notes, names, fc.nat(90_000), (all, workspace, later) => {
        const kept = new KeptPlaces(20);
        let now = 0;
        let othersAt = -Infinity;
        for (const each of all) {
          now += each.after;
          kept.note(each.workspace, now);
          if (each.workspace !== workspace) othersAt = now;
        }
        now += later;
        const isShared = now - othersAt < MINUTE;
        expect(kept.open({ workspace, free: 1, held: 1, now })).toBe(isShared ? 0 : 1);
      }),
    );
  });
});

test("a worker never has more at work than places, and nobody waits for a place that he may take", async () => {
  const step = fc.record({
    workspace: fc.constantFrom("a", "b", "c"),
    what: fc.constantFrom("take", "wait", "release"),
    count: fc.integer({ min: 1, max: 8 }),
    after: fc.constantFrom(0, 10, 30_000),
  });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(1, 5, 20, 60), fc.array(step, { maxLength: 80 }), async (all, steps) => {
      let now = 0;
      const slots = new Slots(all, () => now);
      const held = new Map<string, number>();
      const waiting: string[] = [];
      const add = (workspace: string, count: number): unknown =>
        held.set(workspace, (held.get(workspace) ?? 0) + count);
      for (const { workspace, what, count, after } of steps) {
        now += after;
        if (what === "take") add(workspace, slots.take(workspace, count));
        if (what === "wait") {
          waiting.push(workspace);
          void slots.acquire(workspace).then(() => {
            waiting.splice(waiting.indexOf(workspace), 1);
            add(workspace, 1);
          });
        }
        if (what === "release") {
          const ended = Math.min(count, held.get(workspace) ?? 0);
          add(workspace, -ended);
          slots.release(workspace, ended);
        }
        await Promise.resolve();
        await Promise.resolve();
        const sum = [...held.values()].reduce((a, b) => a + b, 0);
        expect(slots.free).toBe(all - sum);
        expect(slots.free).toBeGreaterThanOrEqual(0);
        expect(slots.waiting).toBe(waiting.length);
        if (what === "release" && (held.get(workspace) ?? 0) === 0 && slots.free === all)
          expect(waiting).toEqual([]);
      }
    }),
  );
});
