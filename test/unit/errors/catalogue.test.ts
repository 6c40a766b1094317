import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ERROR_CODES, FlowForgeError } from "../../../src/core/errors.ts";

const page = readFileSync(new URL("../../../docs/reference/errors.md", import.meta.url), "utf8");

test("the reference lists every code, with the catalogue's sentence, and no other", () => {
  const listed = [...page.matchAll(/^- `(\w+)`: (.+)$/gm)].map(([, code, text]) => [code, text]);
  expect(listed).toEqual(Object.entries(ERROR_CODES).sort(([a], [b]) => (a < b ? -1 : 1)));
});

test("an error names its subject, what was expected and what came, and the next step", () => {
  const error = new FlowForgeError("option_invalid", {
    subject: 'option "redis"',
    expected: "a string",
    received: "a number",
    next: "Correct it.",
    cause: new Error("inner"),
  });
  expect(error.message).toBe(
    'option "redis": An option is unknown, of the wrong type, or out of range. Expected a string. Received a number. Correct it. [option_invalid]',
  );
  expect(error).toMatchObject({ code: "option_invalid", subject: 'option "redis"', next: "Correct it." });
  expect((error.cause as Error).message).toBe("inner");
});

test("an error of a second copy of the library is recognised", () => {
  const brand = Symbol.for("flowforge.error");
  const foreign = Object.assign(new Error("x"), { [brand]: true });
  expect(FlowForgeError.is(foreign)).toBe(true);
  expect(foreign instanceof FlowForgeError).toBe(true);
  expect(new Error("x") instanceof FlowForgeError).toBe(false);
  expect(FlowForgeError.is(null)).toBe(false);
});
