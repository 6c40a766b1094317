/** What holds for every breaker, whatever it hears and whenever it is asked. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addOutcomes,
  type BreakerMoment,
  type BreakerState,
  CLOSED,
  grant,
  isBlank,
  observe,
  openByHand,
  pass,
  releaseByHand,
  totalOf,
} from "../../../src/core/breaker/breaker.ts";
import type { BreakerPolicy } from "../../../src/core/breaker/policy.ts";
import { holds, seed } from "../../support/properties.ts";

const START = 1_700_000_000_000;

const policies: fc.Arbitrary<BreakerPolicy> = fc.record({
  ratio: fc.double({ min: 0.05, max: 1, noNaN: true }),
  minimum: fc.integer({ min: 1, max: 20 }),
  windowMs: fc.integer({ min: 1_000, max: 60_000 }),
  probeEveryMs: fc.integer({ min: 100, max: 20_000 }),
  probes: fc.integer({ min: 1, max: 5 }),
  firstWave: fc.integer({ min: 1, max: 20 }),
  waveMs: fc.integer({ min: 100, max: 10_000 }),
  countsPermanent: fc.boolean(),
});

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("observe" as const),
      ok: fc.nat(5),
      failed: fc.nat(5),
      age: fc.nat(2),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("grant" as const), wanted: fc.nat(30) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const), waiting: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(30_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("open" as const, "release" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Move {
  readonly step: Step;
  readonly before: BreakerState;
  readonly after: BreakerState;
  readonly granted: number;
  readonly moment: BreakerMoment;
}

function apply(state: BreakerState, one: Step, moment: BreakerMoment): readonly [BreakerState, number] {
  switch (one.do) {
    case "observe": {
      const { ok, failed, age } = one;
      return [observe(state, { ok, failed, generation: state.generation - age }, moment), 0];
    }
    case "grant": {
      const { state: next, granted } = grant(state, one.wanted);
      return [next, granted];
    }
    case "pass":
      return [pass(state, one.waiting, moment), 0];
    case "wait":
      return [state, 0];
    case "open":
      return [openByHand(state, moment.now), 0];
    case "release":
      return [releaseByHand(state, moment), 0];
  }
}

/** Looks at every move of random lives. */
function always(look: (move: Move) => void): void {
  holds(fc.tuple(policies, fc.array(step, { maxLength: 60 })), ([policy, steps]) => {
    let state = CLOSED;
    let now = START;
    for (const one of steps) {
      if (one.do === "wait") now += one.ms;
      const moment = { policy, now };
      const before = state;
      const frozen = JSON.stringify(before);
      const [after, granted] = apply(before, one, moment);
      expect(JSON.stringify(before)).toBe(frozen);
      look({ step: one, before, after, granted, moment });
      state = after;
    }
  });
}

describe(`a breaker (seed ${seed})`, () => {
  test("is plain JSON, whole numbers, and a wave only where it has one", () => {
    always(({ after }) => {
      expect(JSON.parse(JSON.stringify(after))).toEqual(after);
      const { phase, size, granted, wave, ok, failed, openedAt, window } = after;
      for (const count of [size, granted, wave, ok, failed]) expect(count).toBeGreaterThanOrEqual(0);
      expect(openedAt === null).toBe(phase === "closed");
      if (phase === "closed" || phase === "open")
        expect({ size, granted, wave }).toEqual({ size: 0, granted: 0, wave: 0 });
      else expect(size).toBeGreaterThan(0);
      if (phase !== "closed") expect(window).toEqual([]);
      if (phase !== "open") expect(after.byHand).toBe(false);
    });
  });

  test("grants nothing while it is open, and in a wave no more than its size", () => {
    always(({ step: one, before, after, granted }) => {
      if (one.do !== "grant") return;
      expect(granted).toBeLessThanOrEqual(one.wanted);
      if (before.phase === "closed") expect(granted).toBe(one.wanted);
      else if (before.phase === "open") expect(granted).toBe(0);
      else expect(after.granted).toBeLessThanOrEqual(after.size);
      expect(after.granted - before.granted).toBe(before.phase === "closed" ? 0 : granted);
    });
  });

  test("opens for no other reason than too many failures, or by hand, and never on outcomes of another generation", () => {
    always(({ step: one, before, after, moment }) => {
      if (one.do === "observe" && one.age > 0) expect(after).toBe(before);
      if (after.phase !== "open" || before.phase === "open") return;
      expect(after.generation).toBe(before.generation + 1);
      if (one.do === "open") return;
      if (one.do !== "observe") return expect.fail(`${one.do} has opened it`);
      expect(one.failed).toBeGreaterThan(0);
      // It says for what.
      expect(after.failed).toBeGreaterThanOrEqual(one.failed);
      if (before.phase !== "closed") return;
      const { ok, failed } = totalOf(addOutcomes(before.window, one, moment));
      expect(ok + failed).toBeGreaterThanOrEqual(moment.policy.minimum);
      expect(failed / (ok + failed)).toBeGreaterThanOrEqual(moment.policy.ratio - 1e-9);
    });
  });

  test("goes from phase to phase as it says, and every wave is twice the one before", () => {
    const ways = new Set([
      "closed open",
      "open probing",
      "open releasing",
      "probing open",
      "probing releasing",
      "releasing open",
      "releasing closed",
    ]);
    always(({ before, after }) => {
      if (before.phase !== after.phase) expect([...ways]).toContain(`${before.phase} ${after.phase}`);
      if (after.phase !== "releasing" || after.wave === before.wave) return;
      if (before.phase === "releasing")
        expect([after.wave, after.size]).toEqual([before.wave + 1, before.size * 2]);
      else expect(after.wave).toBe(1);
    });
  });

  test("a failed probe opens it, and so does a wave that fails by the ratio", () => {
    always(({ step: one, before, after, moment }) => {
      if (one.do !== "observe" || one.age > 0 || one.failed === 0) return;
      if (before.phase === "probing") expect(after.phase).toBe("open");
      if (before.phase === "releasing")
        expect(after.phase === "open").toBe(before.failed + one.failed >= moment.policy.ratio * before.size);
    });
  });

  test("what somebody has opened, only somebody closes", () => {
    always(({ step: one, before, after }) => {
      if (before.byHand && one.do !== "release") expect(after).toBe(before);
    });
  });

  test("comes to be closed where all goes well from now on, and remembers nothing once the window is over", () => {
    holds(fc.tuple(policies, fc.array(step, { maxLength: 40 }), fc.nat(500)), ([policy, steps, left]) => {
      let state = CLOSED;
      let now = START;
      for (const one of steps) {
        if (one.do === "wait") now += one.ms;
        [state] = apply(state, one, { policy, now });
      }
      if (state.byHand) state = releaseByHand(state, { policy, now });
      let waiting = left;
      for (let round = 0; state.phase !== "closed" && round < 500; round++) {
        now += Math.max(policy.probeEveryMs, policy.waveMs);
        state = pass(state, waiting > 0, { policy, now });
        const given = grant(state, Math.max(waiting, 1));
        waiting = Math.max(0, waiting - given.granted);
        const { generation } = given.state;
        state = observe(given.state, { generation, ok: given.granted, failed: 0 }, { policy, now });
      }
      expect(state.phase).toBe("closed");
      now += policy.windowMs * 2;
      expect(isBlank(state, { policy, now })).toBe(true);
    });
  });

  test("forgets failures that are older than its window", () => {
    holds(policies, (policy) => {
      const many = { generation: 0, ok: 0, failed: policy.minimum - 1 };
      const first = observe(CLOSED, many, { policy, now: START });
      if (policy.minimum > 1) expect(first.phase).toBe("closed");
      const later = { policy, now: START + policy.windowMs * 2 };
      const next = observe(first.phase === "closed" ? first : CLOSED, { ...many, failed: 1 }, later);
      expect(next.phase === "open").toBe(policy.minimum === 1);
    });
  });
});
