/** Since when a worker has watched others: as long as its own heartbeats were answered without a gap. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { watched } from "../../../src/worker/lease.ts";
import { holds } from "../../support/properties.ts";

const LEASE_MS = 10_000;

test("begins anew after a gap, and after a clock that was put back", () => {
  const watch = watched({ since: 1_000, until: 5_000 }, 8_000, LEASE_MS);
  expect(watch).toEqual({ since: 1_000, until: 8_000 });
  expect(watched(watch, 14_001, LEASE_MS)).toEqual({ since: 14_001, until: 14_001 });
  expect(watched(watch, 7_999, LEASE_MS)).toEqual({ since: 7_999, until: 7_999 });
  expect(watched(null, 5, LEASE_MS)).toEqual({ since: 5, until: 5 });
});

/**
 * Two workers send heartbeats to one store that stands still now and then; what reaches it meanwhile is done when it goes on. Whatever the
 * times, the one never finds the other silent for a lease of its watch.
 */
test("no standstill of the store makes a worker dead for another", () => {
  const pause = fc.record({ after: fc.nat(30_000), ms: fc.nat(9_000) });
  const beat = fc.integer({ min: 1_250, max: 3_750 });
  const beats = (length: number) => fc.array(beat, { minLength: length, maxLength: length });
  const cases = fc.record({
    pauses: fc.array(pause, { maxLength: 5 }),
    mine: beats(50),
    /** To the end of the other's at least. */
    theirs: beats(250),
    head: fc.nat(3_000),
  });
  holds(cases, ({ pauses, mine, theirs, head }) => {
    const heard = answers(pauses, theirs, head);
    let watch: ReturnType<typeof watched> | null = null;
    for (const now of answers(pauses, mine, 0)) {
      watch = watched(watch, now, LEASE_MS);
      // Both go on in the same moment, in any order: of the other one's heartbeat nothing may be known yet.
      const last = heard.filter((at) => at < now).at(-1);
      if (last !== undefined) expect(now - Math.max(last, watch.since)).toBeLessThanOrEqual(LEASE_MS);
    }
  });
});

/** When the store does each heartbeat; the next one is sent so long after the answer. */
function answers(
  pauses: readonly { readonly after: number; readonly ms: number }[],
  spaces: readonly number[],
  head: number,
): number[] {
  const times: number[] = [];
  let at = head;
  for (const space of spaces) {
    at += space;
    let end = 0;
    for (const { after, ms } of pauses) {
      const begin = end + after;
      end = begin + ms;
      if (at >= begin && at < end) at = end;
    }
    times.push(at);
  }
  return times;
}
