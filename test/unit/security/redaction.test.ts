/** Secrets are found in whatever is left behind, however they are written there. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Secrets } from "../../../src/security/redaction.ts";
import { holds } from "../../support/properties.ts";

function knowing(...values: string[]): Secrets {
  const secrets = new Secrets();
  for (const value of values) secrets.add(value);
  return secrets;
}

const SECRET = 'sk_live/4eC39+Hq"Lyj ö';
const ENCODINGS: Readonly<Record<string, (secret: string, before: string, after: string) => string>> = {
  raw: (secret, before, after) => before + secret + after,
  json: (secret, before, after) => JSON.stringify(before + secret + after),
  "json with escaped slashes": (secret, before, after) =>
    JSON.stringify(before + secret + after).replaceAll("/", "\\/"),
  "url part": (secret, before, after) => encodeURIComponent(before + secret + after),
  form: (secret, before, after) => new URLSearchParams({ a: before + secret + after }).toString(),
  hex: (secret, before, after) => Buffer.from(before + secret + after).toString("hex"),
  "upper-case hex": (secret, before, after) =>
    Buffer.from(before + secret + after)
      .toString("hex")
      .toUpperCase(),
  base64: (secret, before, after) => Buffer.from(before + secret + after).toString("base64"),
  base64url: (secret, before, after) => Buffer.from(before + secret + after).toString("base64url"),
};

describe("a secret is found", () => {
  test.each(Object.entries(ENCODINGS))("as %s, at any place of a text", (_, encode) => {
    const secrets = knowing(SECRET);
    for (const before of ["", "a", "ab", "abc", "user:"])
      for (const after of ["", "x", "xy", "xyz"]) {
        const left = secrets.text(encode(SECRET, before, after));
        expect(left).toContain("[redacted]");
        // Not even a part of it that would help.
        for (let at = 0; at + 8 <= SECRET.length; at++)
          expect(left).not.toContain(encode(SECRET.slice(at, at + 8), "", "").replaceAll('"', ""));
      }
  });

  test("of any kind, in any text", () => {
    const secrets = fc
      .string({ minLength: 6, maxLength: 60, unit: "binary" })
      .filter((secret) => secret.isWellFormed());
    const near = fc.string({ maxLength: 5 });
    const encodings = fc.constantFrom(...Object.values(ENCODINGS));
    holds(fc.tuple(secrets, near, near, encodings), ([secret, before, after, encode]) => {
      expect(knowing(secret).text(encode(secret, before, after))).toContain("[redacted]");
    });
  });

  test("where the text was cut in the middle of it", () => {
    const secrets = knowing("sk_live_4eC39HqLyj");
    for (const cut of ["sk_liv", "sk_live_4eC39H", "sk_live_4eC39HqLy"])
      for (const end of ["", "…"]) expect(secrets.text(`token ${cut}${end}`)).toBe("token [redacted]");
    expect(secrets.text("token sk_li")).toBe("token sk_li");
  });

  test("in keys, values, lists and numbers of a value", () => {
    const secrets = knowing("sk_live_1", "12345678");
    expect(secrets.json({ sk_live_1: ["a sk_live_1 b", 12_345_678, 1, true, null, { x: "ok" }] })).toEqual({
      "[redacted]": ["a [redacted] b", "[redacted]", 1, true, null, { x: "ok" }],
    });
  });

  test("in errors of log lines, their causes and fields, however deep", () => {
    const secrets = knowing("sk_live_1");
    const cause = Object.assign(new Error("inner sk_live_1"), { url: "https://x/?k=sk_live_1" });
    const clean = secrets.loose({ error: new Error("outer sk_live_1", { cause }), list: ["sk_live_1"] });
    const { error, list } = clean as { error: Error & { cause: Error & { url: string } }; list: string[] };
    expect([error.message, error.cause.message, error.cause.url, ...list]).toEqual([
      "outer [redacted]",
      "inner [redacted]",
      "https://x/?k=[redacted]",
      "[redacted]",
    ]);
    expect(error.stack).not.toContain("sk_live_1");
    const circle: { self?: object; token: string } = { token: "sk_live_1" };
    circle.self = circle;
    expect(JSON.stringify(secrets.loose(circle))).not.toContain("sk_live_1");
  });
});

describe("nothing else is touched", () => {
  test("where nothing is known, values are handed on as they are", () => {
    const value = { a: [1, "b"] };
    expect(new Secrets().json(value)).toBe(value);
    expect(new Secrets().loose(value)).toBe(value);
    expect(new Secrets().text("sk_live_1")).toBe("sk_live_1");
  });

  test("short values, as user names are, stay", () => {
    expect(knowing("bob", "a").text("bob and a cat")).toBe("bob and a cat");
  });

  test("the rest of a text stays", () => {
    expect(knowing("sk_live_1", "sk_live_12").text("a sk_live_12 b $& c")).toBe("a [redacted] b $& c");
  });
});
