/** What becomes of an item of a map when an attempt of it ends. */
import { describe, expect, test } from "vitest";
import type { ItemState } from "../../../src/core/ports/maps.ts";
import { isComplete } from "../../../src/core/ports/maps.ts";
import { type ItemFailure, itemFailed, itemReleased, itemSucceeded } from "../../../src/core/run/items.ts";

const item: ItemState = { fence: 4, attempt: 1, losses: 0, generation: 0, keyFence: 0, putOffMs: 0 };
const error = { class: "http", message: "502" };

function failed(changes: Partial<ItemFailure> = {}, state: Partial<ItemState> = {}) {
  const failure: ItemFailure = {
    error,
    verdict: { type: "retry" },
    lost: false,
    retry: { immediate: 1, backoffMs: [60_000] },
    random: 0.5,
    unwanted: false,
    paused: false,
    leftMs: Infinity,
    handled: false,
    ...changes,
  };
  return itemFailed({ ...item, ...state }, failure);
}

describe("an item of a map with a deadline", () => {
  const left = { status: "waiting", fence: 5, attempt: 1, failure: null } as const;

  test("does not begin again where that would be too late, and waits", () => {
    expect(failed({ leftMs: 551 })).toMatchObject({ status: "running" });
    expect(failed({ leftMs: 550 })).toMatchObject({ ...left, delayMs: 550 });
  });

  test("waits once it has passed, unless it failed for good or nobody knows how", () => {
    for (const verdict of [
      { type: "retry" },
      { type: "later", afterMs: 5 },
      { type: "notYet", afterMs: 5 },
    ] as const)
      expect(failed({ leftMs: 0, verdict })).toMatchObject({ ...left, delayMs: 0 });
    expect(failed({ leftMs: 0, lost: true })).toMatchObject({ ...left, losses: 0 });
    expect(failed({ leftMs: 0, verdict: { type: "permanent" } })).toMatchObject({ failure: "open" });
    expect(failed({ leftMs: 0, verdict: { type: "outcomeUnknown" } })).toMatchObject({ failure: "open" });
    expect(failed({ leftMs: 0, unwanted: true })).toMatchObject({ status: "cancelled" });
  });
});

describe("an item", () => {
  test("is tried at once, then later, and then no more", () => {
    expect(failed()).toEqual({
      status: "running",
      fence: 5,
      attempt: 2,
      losses: 0,
      putOffMs: 0,
      delayMs: 550,
      failure: null,
    });
    expect(failed({ paused: true })).toMatchObject({ status: "waiting", attempt: 1, delayMs: 0 });
    expect(failed({}, { attempt: 2 })).toMatchObject({
      status: "waiting",
      fence: 5,
      attempt: 2,
      delayMs: 63_000,
    });
    expect(failed({}, { attempt: 3 })).toMatchObject({ status: "failed", failure: "open", fence: 4, error });
    expect(failed({ handled: true }, { attempt: 3 })).toMatchObject({ failure: "handled" });
  });

  test("is not tried again after a failure that says so", () => {
    const verdict = { type: "permanent" } as const;
    expect(failed({ verdict })).toMatchObject({ status: "failed", failure: "open" });
    expect(failed({ verdict, handled: true })).toMatchObject({ status: "failed", failure: "handled" });
  });

  test("is a dead letter where nobody knows whether it had its effect", () => {
    const verdict = { type: "outcomeUnknown" } as const;
    expect(failed({ verdict, handled: true, unwanted: true })).toMatchObject({
      failure: "open",
      error: { class: "outcome_unknown", cause: "http" },
    });
    const known = { class: "outcome_unknown", message: "who knows" };
    expect(failed({ verdict, error: known })).toMatchObject({ error: known });
  });

  test("is put off for as long as was asked for, within a day", () => {
    const verdict = { type: "later", afterMs: 1_000 } as const;
    expect(failed({ verdict }, { putOffMs: 500 })).toMatchObject({
      status: "waiting",
      attempt: 0,
      putOffMs: 1_500,
      delayMs: 1_000,
    });
    const day = 24 * 60 * 60 * 1_000;
    for (const [handled, failure] of [
      [false, "open"],
      [true, "handled"],
    ] as const)
      expect(failed({ verdict, handled }, { putOffMs: day })).toMatchObject({
        failure,
        error: { class: "put_off_too_long" },
      });
    expect(failed({ verdict: { type: "notYet", afterMs: 5 } })).toMatchObject({
      status: "waiting",
      attempt: 0,
      putOffMs: 0,
      delayMs: 5,
    });
  });

  test("whose worker was lost is run again, but not for ever", () => {
    expect(failed({ lost: true }, { losses: 1 })).toMatchObject({
      status: "waiting",
      attempt: 0,
      losses: 2,
      delayMs: 0,
    });
    expect(failed({ lost: true, handled: true }, { losses: 2 })).toMatchObject({
      status: "failed",
      failure: "open",
      error: { class: "poison" },
    });
  });

  test("that nobody wants is cancelled", () => {
    expect(failed({ unwanted: true })).toMatchObject({ status: "cancelled", failure: null, fence: 4 });
  });

  test("that succeeds keeps its fence; one that is given back gets another", () => {
    expect(itemSucceeded(item)).toMatchObject({ status: "succeeded", fence: 4, attempt: 1, failure: null });
    expect(itemReleased(item)).toMatchObject({ status: "waiting", fence: 5, attempt: 0, delayMs: 0 });
  });
});

test("a map is complete when nothing runs, and nothing will", () => {
  const map = {
    total: 3,
    next: 3,
    running: 0,
    waiting: 0,
    done: 3,
    failed: 0,
    open: 0,
    fence: 1,
    concurrency: 5,
  };
  expect(isComplete({ ...map, closed: false })).toBe(true);
  for (const left of [{ running: 1 }, { waiting: 1 }, { next: 2 }])
    expect(isComplete({ ...map, ...left, closed: false })).toBe(false);
  expect(isComplete({ ...map, waiting: 1, next: 2, closed: true })).toBe(true);
});
