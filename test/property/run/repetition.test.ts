/**
 * The same again gives the same: replayed, in one go, in another order, after a restart, on frozen input. How to replay a
 * failure, and how to try more cases: `test/support/run/settings.ts`.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Plan } from "../../../src/core/graph/plan.ts";
import {
  advance,
  apply,
  closeDraft,
  newRun,
  openDraft,
  patchRun,
  restoreRun,
  type StoredState,
} from "../../../src/core/run/advance.ts";
import type { RunEvent } from "../../../src/core/run/event.ts";
import type { RunState } from "../../../src/core/run/state.ts";
import { changedNodes, isSame, textOf } from "../../support/run/compare.ts";
import { drive } from "../../support/run/drive.ts";
import { deepFreeze } from "../../support/run/freeze.ts";
import { VALUES } from "../../support/run/plans.ts";
import { START } from "../../support/run/random-specs.ts";
import { rowsOf, saveRun } from "../../support/run/save.ts";
import { holds, seed, timeoutMs } from "../../support/run/settings.ts";
import { type Case, cases, type Happening, walk } from "../../support/run/walk.ts";

function historyOf(one: Case): { readonly happenings: readonly Happening[]; readonly end: RunState } {
  const happenings: Happening[] = [];
  const end = walk(one, (happening) => void happenings.push(happening));
  return { happenings, end };
}

function replay(plan: Plan, happenings: readonly Happening[]): RunState {
  return happenings.reduce(
    (state, { event, now }) => advance(plan, state, event, now).state,
    newRun(plan, VALUES),
  );
}

describe(`random runs (seed ${seed})`, { timeout: timeoutMs }, () => {
  test("the same events give the same state and the same commands", () => {
    holds(cases(), (one) => {
      const { happenings, end } = historyOf(one);
      expect(textOf(replay(one.plan, happenings))).toBe(textOf(end));
      const last = happenings.at(-1)!;
      const before = replay(one.plan, happenings.slice(0, -1));
      const [first, second] = [0, 1].map(() => advance(one.plan, before, last.event, last.now));
      expect(JSON.stringify(first!.commands)).toBe(JSON.stringify(second!.commands));
      expect(first!.changed).toEqual(second!.changed);
    });
  });

  test("state, plan and event are never changed", () => {
    holds(cases(), (one) => {
      deepFreeze(one.plan);
      const { happenings } = historyOf(one);
      let state = deepFreeze(newRun(one.plan, VALUES));
      for (const { event, now } of happenings)
        state = deepFreeze(advance(one.plan, state, deepFreeze(event), now).state);
    });
  });

  test("events that come twice count once", () => {
    holds(cases(), (one) => {
      const { happenings, end } = historyOf(one);
      const twice = happenings.flatMap((one) => (isIdempotent(one.event) ? [one, one] : [one]));
      expect(textOf(replay(one.plan, twice))).toBe(textOf(end));
    });
  });

  test("many events through one draft are many events one by one", () => {
    holds(fc.tuple(cases(), fc.nat(60)), ([one, cut]) => {
      const { happenings, end } = historyOf(one);
      const middle = replay(one.plan, happenings.slice(0, cut));
      const draft = openDraft(one.plan, middle);
      const commands = happenings.slice(cut).flatMap(({ event, now }) => apply(draft, event, now));
      const closed = closeDraft(draft);
      expect(textOf(closed.state)).toBe(textOf(end));
      expect(closed.commands).toEqual(commands);
      expect(closed.changed).toEqual(changedNodes(middle, end));
    });
  });

  test("two things that happen to two nodes give the same state in either order, without first joins", () => {
    holds(fc.tuple(cases({ first: false }), fc.nat(1_000_000)), ([one, choice]) => {
      const quiet = walk(one, () => undefined, { quiet: true });
      const { plan } = one;
      const events = possible(quiet);
      const first = events[choice % events.length];
      const second = events[(choice >> 8) % events.length];
      if (!first || !second || first.node === second.node) return;
      const order = (...list: readonly RunEvent[]): string =>
        textOf(list.reduce((state, event) => advance(plan, state, event, START).state, quiet));
      expect(order(second, first)).toBe(order(first, second));
    });
  });

  test("whatever the order in which workers come, the run ends in the same state, without first joins", () => {
    holds(
      fc.tuple(cases({ steps: 0, first: false }), fc.infiniteStream(fc.nat(99)), fc.nat()),
      ([{ plan }, stream, mask]) => {
        const from = advance(plan, newRun(plan, VALUES), { type: "started", trigger: 0 }, START).state;
        const answer = (node: number, fence: number, state: RunState): RunEvent => {
          const fails = ((mask >> ((node + state.nodes[node]!.attempt) % 30)) & 1) === 1;
          return fails ? failed(node, fence) : { type: "succeeded", node, fence, output: node };
        };
        // One clock for all, beyond everything that is waited for.
        const now = START + 10_000_000;
        const first = drive(from, { plan, now, answer });
        const other = drive(from, { plan, now, answer, pick: (live) => stream.next().value! % live });
        expect(withoutTimes(other)).toBe(withoutTimes(first));
      },
    );
  });

  test("a run that is saved and restored at any moment goes on as if nothing had happened", () => {
    holds(cases(), (one) => {
      const { plan } = one;
      let restored = newRun(plan, VALUES);
      walk(one, ({ event, now }, { state }) => {
        const next = advance(plan, restored, event, now).state;
        restored = restoreRun(plan, saveRun(plan, next));
        if (!isSame(restored, state)) expect(textOf(restored)).toBe(textOf(state));
      });
      const end = restoreRun(plan, throughJson(saveRun(plan, restored)));
      expect(textOf(end)).toBe(textOf(restored));
    });
  });

  test("a state that is brought up to date with newer rows is the state", () => {
    holds(fc.tuple(cases(), fc.integer({ min: 1, max: 12 })), ([one, every]) => {
      const { plan } = one;
      let known: RunState | null = null;
      let count = 0;
      walk(one, (_happening, { state }) => {
        if (count++ % every !== 0) return;
        // What is not read again: rows that are as they were.
        const newer = known && { ...saveRun(plan, state), nodes: rowsOf(plan, state.nodes, known.nodes) };
        const patched = known && newer ? patchRun(plan, known, newer) : state;
        if (!isSame(patched, state)) expect(textOf(patched)).toBe(textOf(state));
        // The rows of the next patch are those that differ from this very state.
        known = state;
      });
    });
  });
});

/** What a sender may repeat. A task may be sent any number of times, and a resolution is asked for by somebody each time. */
function isIdempotent(event: RunEvent): boolean {
  if ("fence" in event) return event.type !== "requeued";
  return ["started", "enqueued", "cancelled", "paused", "resumed"].includes(event.type);
}

const ERROR = { class: "test", message: "it failed" } as const;

function failed(node: number, fence: number): RunEvent & { readonly node: number } {
  const retry = { immediate: 1, backoffMs: [1_000] };
  return { type: "failed", node, fence, error: ERROR, verdict: { type: "retry" }, retry, random: 0 };
}

/** What may happen to each node, of itself. */
function possible({ nodes }: RunState): readonly (RunEvent & { readonly node: number })[] {
  return nodes.flatMap(({ status, fence }, node) => {
    switch (status) {
      case "ready":
      case "queued":
        return [{ type: "claimed", node, fence, worker: "w" } as const];
      case "running":
        return [{ type: "succeeded", node, fence, output: 1 } as const, failed(node, fence)];
      case "waiting":
        return [{ type: "timerFired", node, fence } as const];
      default:
        return [];
    }
  });
}

function withoutTimes(state: RunState): string {
  return textOf({ ...state, nodes: state.nodes.map((node) => ({ ...node, dueAt: null })) });
}

/** As it comes back from a store. */
function throughJson(stored: StoredState): StoredState {
  const { values, ...rest } = stored;
  return { ...(JSON.parse(JSON.stringify(rest)) as Omit<StoredState, "values">), values };
}
