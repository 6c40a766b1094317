/** What holds for all definitions. See `test/support/properties.ts` for how to replay a failure. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDuration, MAX_DURATION_MS, tryParseDuration } from "../../../src/core/definition/duration.ts";
import { canonicalJson, normaliseDocument } from "../../../src/core/definition/normalise.ts";
import { parseDocument } from "../../../src/core/definition/schema.ts";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import { damaged, documents, shuffled, strange } from "./documents.ts";
import { holds } from "../../support/properties.ts";

describe("normal form", () => {
  test("the normal form of a normal form is itself, to the letter", () => {
    holds(documents, (document) => {
      const once = normaliseDocument(document);
      expect(JSON.stringify(normaliseDocument(once))).toBe(JSON.stringify(once));
    });
  });

  test("the order in which somebody wrote the fields does not matter", () => {
    holds(fc.tuple(documents, fc.integer()), ([document, salt]) => {
      const order = (keys: readonly string[]): readonly string[] =>
        [...keys].sort(
          (a, b) => ((a.length * 31 + salt) % 7) - ((b.length * 31 + salt) % 7) || (a < b ? 1 : -1),
        );
      const other = shuffled(document, order) as typeof document;
      expect(canonicalJson(normaliseDocument(other))).toBe(canonicalJson(normaliseDocument(document)));
      expect(Object.keys(normaliseDocument(other).nodes)).toEqual(
        Object.keys(normaliseDocument(document).nodes),
      );
    });
  });

  test("a well formed document is read without loss, through JSON too", () => {
    holds(documents, (document) => {
      const text = JSON.stringify(document);
      const { document: parsed, problems } = parseDocument(JSON.parse(text));
      expect(problems).toEqual([]);
      expect(canonicalJson(parsed as typeof document)).toBe(canonicalJson(JSON.parse(text)));
      expect(parseDocument(normaliseDocument(document)).problems).toEqual([]);
    });
  });
});

describe("durations", () => {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

  test("come back from every way to write them", () => {
    holds(fc.tuple(fc.nat(), fc.constantFrom(...Object.entries(units))), ([count, [unit, size]]) => {
      const ms = count * size;
      const expected = ms <= MAX_DURATION_MS ? ms : null;
      expect(tryParseDuration(`${count}${unit}`)).toBe(expected);
      expect(tryParseDuration(ms)).toBe(expected);
      if (expected !== null)
        expect(parseDuration(`${ms}ms`, "x")).toBe(parseDuration(`${count}${unit}`, "x"));
    });
  });

  test("anything else is none, without an exception", () => {
    holds(fc.oneof(fc.string(), strange()), (value) => {
      const ms = tryParseDuration(value);
      if (ms !== null) expect(Number.isInteger(ms) && ms >= 0 && ms <= MAX_DURATION_MS).toBe(true);
      if (typeof value === "string" && !/^\d+(ms|s|m|h|d)$/.test(value)) expect(ms).toBeNull();
    });
  });
});

describe("strangers", () => {
  test("whatever comes, parseDocument gives a document or problems, and never throws", () => {
    holds(
      fc.oneof(damaged, strange()),
      (value) => {
        const { document, problems } = parseDocument(value);
        expect(document === null).toBe(problems.length > 0);
        for (const { message, next } of problems)
          expect(Math.min(message.length, next.length)).toBeGreaterThan(0);
      },
      2_000,
    );
  });

  test("what it accepts is JSON, and stays the same when it is read again", () => {
    holds(
      damaged,
      (value) => {
        const { document } = parseDocument(value);
        if (document === null) return;
        const again = parseDocument(JSON.parse(JSON.stringify(document)));
        expect(again.document).toEqual(JSON.parse(JSON.stringify(document)));
      },
      2_000,
    );
  });

  test("nor does validateWorkflow, and what it accepts it accepts again", () => {
    holds(damaged, (value) => {
      const { ok, document } = validateWorkflow(value);
      if (ok) expect(JSON.stringify(validateWorkflow(document).document)).toBe(JSON.stringify(document));
    });
  });
});
