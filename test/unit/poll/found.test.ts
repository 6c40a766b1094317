import { describe, expect, test } from "vitest";
import { foundIn, retryPauseMs } from "../../../src/core/poll/found.ts";

describe("what a polled action has returned", () => {
  test("items, each id once and as a text, in their order", () => {
    const output = {
      items: [{ id: "b", n: 1 }, { id: 7 }, { id: "b", n: 2 }, { id: "7" }],
      cursor: { p: 1 },
    };
    expect(foundIn(output)).toEqual({
      items: [
        { id: "b", value: { id: "b", n: 1 } },
        { id: "7", value: { id: 7 } },
      ],
      cursor: { p: 1 },
      more: false,
    });
    expect(foundIn({ items: [], more: true })).toEqual({ items: [], cursor: null, more: true });
  });

  test.each([
    [null, "the answer"],
    [[], "the answer"],
    [{}, "items"],
    [{ items: {} }, "items"],
    [{ items: [1] }, "items.0"],
    [{ items: [{ id: "a" }, {}] }, "items.1.id"],
    [{ items: [{ id: "" }] }, "items.0.id"],
    [{ items: [{ id: "x".repeat(256) }] }, "items.0.id"],
    [{ items: [{ id: null }] }, "items.0.id"],
    [{ items: [], more: "yes" }, "more"],
    [{ items: [], next: 1 }, "the answer"],
    [{ items: Array.from({ length: 1_001 }, (_, id) => ({ id })) }, "items"],
  ])("%j is told by its place", (output, place) => {
    expect(foundIn(output as never)).toMatch(new RegExp(`^${place}: `));
  });

  test("pauses after failures grow to a quarter of an hour, and up to a tenth more", () => {
    expect([0, 1, 2, 3, 4, 5, 99].map((failures) => retryPauseMs(failures, 0) / 1_000)).toEqual([
      10, 10, 60, 300, 900, 900, 900,
    ]);
    expect(retryPauseMs(1, 1)).toBe(11_000);
  });
});
