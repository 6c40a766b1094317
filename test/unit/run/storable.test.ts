/** Errors as JSON that a PostgreSQL text can be made of. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ErrorRecord } from "../../../src/core/run/event.ts";
import { errorJson, storable } from "../../../src/core/storable.ts";

const error = { class: "E", message: "it failed" };

test("an error that can be kept is JSON as ever", () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: "grapheme" }), (text) => {
      const of = { ...error, value: JSON.parse(text) as null };
      fc.pre(!JSON.stringify(of).includes(String.raw`\u0000`));
      expect(errorJson(of)).toBe(JSON.stringify(of));
    }),
  );
  expect(errorJson(null)).toBe("null");
});

test("what cannot be kept is U+FFFD, in texts and in names, and nothing beside it changes", () => {
  const parts = fc.constantFrom("\0", "\ud800", "\udc00", "\\", "\\u0000", '"', "\u0001", "a", "\u{1f600}");
  fc.assert(
    fc.property(fc.array(parts), (all) => {
      const text = all.join("");
      const of = (kept: string): ErrorRecord => ({ ...error, message: kept, [`x${kept}`]: [kept] });
      expect(errorJson(of(text))).toBe(JSON.stringify(of(storable(text))));
    }),
  );
});
