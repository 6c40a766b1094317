/** Every code of the catalogue has a status, and nothing of the server's own failures is told. */
import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ERROR_CODES, type ErrorCode, FlowForgeError } from "../../../src/core/errors.ts";
import { refusedKey, isTooDeep } from "../../../src/http/json-text.ts";
import { problem, statusOf } from "../../../src/http/problem.ts";

const ROOT = new URL("../../../", import.meta.url);

test.each(Object.keys(ERROR_CODES) as ErrorCode[])("%s is answered", async (code) => {
  const response = problem(new FlowForgeError(code, { subject: "host db.internal", next: "Look there." }));
  const text = await response.text();
  expect(response.status).toBe(statusOf(code));
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(text.includes("db.internal")).toBe(response.status < 500);
  if (code.endsWith("_not_found") || code.endsWith("_refused") || code.startsWith("http_")) {
    if (!code.startsWith("outbound_") && code !== "http_streams_exhausted")
      expect(response.status).toBeLessThan(500);
  }
});

test("what the engine's own calls throw has a status for the caller, but for what no route does", () => {
  const files = globSync("src/{engine,http}/**/*.ts", { cwd: ROOT });
  const sources = files.map((file) => readFileSync(new URL(file, ROOT), "utf8"));
  const thrown = sources.flatMap((text) =>
    [...text.matchAll(/new FlowForgeError\(\s*"(\w+)"/g)].map(([, code]) => code as ErrorCode),
  );
  expect(thrown).toEqual(expect.arrayContaining(["idempotency_in_progress", "http_not_found"]));
  const hidden = new Set(thrown.filter((code) => statusOf(code) === 500));
  // Inside the host's own transaction; where somebody waits for a result; and inside an attempt.
  expect([...hidden].toSorted()).toEqual([
    "credential_unavailable",
    "internal",
    "queue_not_allowed",
    "run_not_committed",
    "run_timeout",
  ]);
});

test("what is no FlowForgeError is 500 without a word of it", async () => {
  const response = problem(new Error("password=hunter2"));
  expect([response.status, await response.json()]).toEqual([
    500,
    {
      type: "urn:flowforge:error:internal",
      title: "The request could not be answered.",
      status: 500,
      code: "internal",
    },
  ]);
});

test("a key that is there twice is found in whatever dress, and only in the same object", () => {
  expect(refusedKey('{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}],"d":"\\"a\\":"}')).toBeUndefined();
  expect(refusedKey('{"a":1,"\\u0061" : 2}')).toBe("a");
  expect(refusedKey('[{"x":{"y":1,"y":2}}]')).toBe("y");
  expect(refusedKey('{"__proto__":1}')).toBe("__proto__");
});

test("depth is counted outside strings, of whatever text", () => {
  expect(isTooDeep(`"${"[".repeat(500)}"`, 10)).toBe(false);
  expect(isTooDeep("[".repeat(10), 10)).toBe(false);
  expect(isTooDeep("[".repeat(11), 10)).toBe(true);
  expect(isTooDeep("]".repeat(5) + '{"a":'.repeat(1e6), 10)).toBe(true);
});
