/** What may be stored: JSON within limits, and a path to whatever is not. */
import { describe, expect, test } from "vitest";
import { checkValue, sizeOf, VALUE_LIMITS } from "../../../src/core/values.ts";

describe("what JSON can hold", () => {
  test.each([null, true, false, 0, -1.5, "", "text", [], {}, [1, [2, { a: null }]], { a: { b: [true] } }])(
    "%j",
    (value) => {
      const checked = checkValue(value);
      expect(checked).toMatchObject({ ok: true });
      expect(checked.ok && checked.value).toBe(value);
    },
  );

  test("`undefined` is null, and as a member absent", () => {
    expect(checkValue(undefined)).toEqual({ ok: true, value: null, bytes: 4 });
    expect(checkValue({ a: undefined })).toMatchObject({ ok: true, bytes: 2 });
  });

  test("objects without a prototype", () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(checkValue(bare)).toMatchObject({ ok: true });
  });

  test("the estimate is near the text, and not far below it", () => {
    for (const value of [{ name: "ada", list: [1, 2, 3], deep: { yes: true } }, ["a", "b"], "text"]) {
      const checked = checkValue(value);
      const bytes = checked.ok ? checked.bytes : 0;
      expect(bytes).toBeGreaterThanOrEqual(Buffer.byteLength(JSON.stringify(value)));
      expect(bytes).toBeLessThan(JSON.stringify(value).length * 3);
    }
  });

  test.each([
    "plain",
    "\u0000\u0007\u000b\u001f",
    "\b\t\n\f\r",
    '"\\',
    "\u007f\u00e9\u07ff",
    "\u0800\u6f22\uffff",
    "\u{1f600}",
    "\ud800x\udc00",
  ])("counts text as the bytes that are stored, in values and in keys (%j)", (text) => {
    const bytes = Buffer.byteLength(JSON.stringify(text));
    expect(checkValue(text)).toMatchObject({ ok: true, bytes });
    expect(checkValue(text, { maxBytes: bytes - 1, maxDepth: 1 })).toMatchObject({ ok: false });
    expect(checkValue({ [text]: null })).toMatchObject({ ok: true, bytes: 2 + bytes + 2 + 4 });
  });
});

describe("what it cannot", () => {
  class Money {}
  test.each([
    [Number.NaN, [], "is NaN, which JSON cannot hold"],
    [{ a: [1, Number.POSITIVE_INFINITY] }, ["a", 1], "is Infinity, which JSON cannot hold"],
    [1n, [], "is of type bigint, which JSON cannot hold"],
    [[undefined], [0], "is of type undefined, which JSON cannot hold"],
    [{ f: () => 1 }, ["f"], "is of type function, which JSON cannot hold"],
    [Symbol("s"), [], "is of type symbol, which JSON cannot hold"],
    [{ at: new Date(0) }, ["at"], "is a Date; only plain objects, lists and scalars are JSON"],
    [new Map(), [], "is a Map; only plain objects, lists and scalars are JSON"],
    [[new Money()], [0], "is a Money; only plain objects, lists and scalars are JSON"],
    [
      Object.create({ constructor: undefined }),
      [],
      "is a object; only plain objects, lists and scalars are JSON",
    ],
  ] as const)("%#", (value: unknown, path, message) => {
    expect(checkValue(value)).toEqual({ ok: false, problem: { path, message } });
  });

  test("a getter that throws is not ours to hide", () => {
    const value = {
      get a(): never {
        throw new RangeError("broken getter");
      },
    };
    expect(() => checkValue(value)).toThrow("broken getter");
  });
});

describe("limits", () => {
  const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) });

  test("64 levels, and no circles", () => {
    expect(checkValue(deep(64))).toMatchObject({ ok: true });
    expect(checkValue(deep(65))).toMatchObject({
      ok: false,
      problem: { message: "is nested deeper than 64 levels" },
    });
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(checkValue(circle)).toMatchObject({ ok: false });
    expect(checkValue([[[]]], { ...VALUE_LIMITS, maxDepth: 2 })).toEqual({
      ok: false,
      problem: { path: [0, 0], message: "is nested deeper than 2 levels" },
    });
  });

  test.each([
    ["x".repeat(200)],
    [Array.from({ length: 200 }, () => 1)],
    [Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, n]))],
    [{ list: Array.from({ length: 200 }, () => "x") }],
  ])("of size: %#", (value: unknown) => {
    expect(checkValue(value, { ...VALUE_LIMITS, maxBytes: 100 })).toEqual({
      ok: false,
      problem: { path: [], message: "is larger than 100 bytes" },
    });
    expect(checkValue(value)).toMatchObject({ ok: true });
  });
});

test("the size of a value is what checking it measures", () => {
  for (const value of [null, true, 1.5, 'ж"', [1, [2]], { a: { b: [] } }])
    expect(checkValue(value)).toMatchObject({ bytes: sizeOf(value) });
});
