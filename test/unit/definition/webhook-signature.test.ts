/** A signature of a webhook is checked with its document: what is wrong with it is known at the registration, not at the first delivery. */
import { expect, test } from "vitest";
import { defineWorkflow, validateWorkflow } from "../../../src/index.ts";

function withSignature(signature: unknown): unknown {
  const source = { type: "webhook", path: "p", signature };
  return { format: 1, name: "w", nodes: { in: { kind: "trigger", source } }, edges: [] };
}

const HERE = ["nodes", "in", "source", "signature"];
const hmac = { scheme: "hmac", secret: "hook", header: "X-Sign" };

test.each<[string, unknown, string, readonly string[]]>([
  ["no scheme", { secret: "hook" }, "field_missing", ["scheme"]],
  ["a scheme that is a number", { scheme: 7, secret: "hook" }, "kind_unknown", ["scheme"]],
  ["an unknown scheme", { scheme: "githb", secret: "hook" }, "kind_unknown", ["scheme"]],
  ["a scheme that is no text", { scheme: 7, secret: "hook" }, "kind_unknown", ["scheme"]],
  ["no secret", { scheme: "github" }, "field_missing", ["secret"]],
  ["an empty secret", { scheme: "stripe", secret: "" }, "field_invalid", ["secret"]],
  ["a secret for nobody", { scheme: "none", secret: "hook" }, "field_unknown", ["secret"]],
  [
    "a field of another scheme",
    { scheme: "github", secret: "hook", header: "x" },
    "field_unknown",
    ["header"],
  ],
  [
    "a tolerance of a day",
    { scheme: "slack", secret: "hook", tolerance: 86_400 },
    "field_invalid",
    ["tolerance"],
  ],
  ["no header", { scheme: "hmac", secret: "hook" }, "field_missing", ["header"]],
  ["a header that is none", { ...hmac, header: "a b" }, "field_invalid", ["header"]],
  ["an algorithm that is none", { ...hmac, algorithm: "md5" }, "field_invalid", ["algorithm"]],
  ["content without the body", { ...hmac, content: "{timestamp}" }, "field_invalid", ["content"]],
  ["a time that is not signed", { ...hmac, timestampHeader: "x-time" }, "field_invalid", ["content"]],
  [
    "an address with a query",
    { scheme: "twilio", secret: "hook", url: "https://a.b/?c" },
    "field_invalid",
    ["url"],
  ],
  ["no object", "github", "field_invalid", []],
])("%s is an issue at its place", (...[, signature, code, below]) => {
  const { ok, issues } = validateWorkflow(withSignature(signature));
  expect(ok).toBe(false);
  expect(issues.map((issue) => [issue.code, issue.path])).toEqual([[code, [...HERE, ...below]]]);
  for (const { message, next } of issues) expect([message, next].join(" ")).not.toMatch(/undefined|Invalid/);
  expect(() => defineWorkflow(withSignature(signature) as object)).toThrow(
    expect.objectContaining({ code: "definition_invalid" }) as Error,
  );
});

test("a name that is nearly right is told", () => {
  const next = (signature: unknown): string => validateWorkflow(withSignature(signature)).issues[0]!.next;
  expect(next({ scheme: "githb", secret: "hook" })).toContain('Did you mean "github"');
  expect(next({ ...hmac, algorthm: "sha1" })).toContain('Did you mean "algorithm"');
});

test.each([
  { scheme: "github", secret: "hook" },
  { scheme: "svix", secret: "hook", tolerance: 10 },
  { ...hmac, content: "{timestamp}.{body}", timestampHeader: "X-Time", idHeader: "X-Id" },
  { scheme: "twilio", secret: "hook", url: "https://a.b/c" },
  { scheme: "basic", secret: "hook", idHeader: "X-Id" },
  { scheme: "none" },
])("%j is kept as it is written", (signature) => {
  const { document, issues } = validateWorkflow(withSignature(signature));
  expect(issues).toEqual([]);
  expect(document!.nodes["in"]).toMatchObject({ source: { signature } });
  expect(JSON.stringify(document)).toContain(JSON.stringify(signature));
});
