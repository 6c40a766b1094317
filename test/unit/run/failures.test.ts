/** The errors that actions throw to say what their failure means. */
import { expect, test } from "vitest";
import { markOf, NotYet, PermanentError, RetryableError } from "../../../src/core/run/failures.ts";

test("they are ordinary errors with name, message and cause", () => {
  const cause = new Error("root");
  for (const [error, name] of [
    [new PermanentError("no", { cause }), "PermanentError"],
    [new RetryableError("again", { cause, after: "5s" }), "RetryableError"],
  ] as const) {
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name, cause });
    expect(Object.keys(error)).toEqual(["name"]);
  }
});

test("they carry what they mean, and nothing else does", () => {
  expect(markOf(new PermanentError("no"))).toEqual({ type: "permanent" });
  expect(markOf(new RetryableError("again"))).toEqual({ type: "retryable", afterMs: null });
  expect(markOf(new RetryableError("again", { after: "5s" }))).toEqual({ type: "retryable", afterMs: 5_000 });
  expect(markOf(new RetryableError("again", { after: 0 }))).toEqual({ type: "retryable", afterMs: 0 });
  expect(markOf(new NotYet({ after: "5s" }))).toEqual({ type: "notYet", afterMs: 5_000 });
  expect(markOf(new Error("any"))).toBe(null);
});

test("those of a second copy of the library are known", () => {
  const other = Object.assign(new Error("no"), { [Symbol.for("flowforge.failure")]: { type: "permanent" } });
  expect(markOf(other)).toEqual({ type: "permanent" });
});

test("`after` must be a duration", () => {
  const invalid = expect.objectContaining({ code: "duration_invalid" }) as Error;
  expect(() => new RetryableError("again", { after: "soon" })).toThrow(invalid);
  expect(() => new NotYet({ after: "soon" })).toThrow(invalid);
});
