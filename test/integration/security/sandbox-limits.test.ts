/** Every limit of a sandbox, each met by code that goes beyond it. */
import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { OutboundFetch } from "../../../src/core/definition/outbound.ts";
import { tree } from "../../support/process-tree.ts";
import { SandboxScene } from "./sandbox-scene.ts";

const sizes = {
  memoryBytes: 32 * 2 ** 20,
  inputBytes: 10_000,
  outputBytes: 5_000,
  logBytes: 3_000,
  requests: 3,
  requestBytes: 4_000,
};
const PARTS = 1_000;
/** Short of time. */
const hasty = new SandboxScene({ ...sizes, cpu: "200ms", timeout: "500ms" });
/** With all the time that a slow machine needs, so that it is another limit that is met. */
const scene = new SandboxScene({ ...sizes, cpu: "10s", timeout: "20s" });
/** For many requests. */
const patient = new SandboxScene({ ...sizes, requests: PARTS, cpu: "10s", timeout: "60s" });
beforeEach(() => void scene.lines.splice(0));
afterAll(() => {
  hasty.sandbox.close();
  scene.sandbox.close();
  patient.sandbox.close();
});

const never: OutboundFetch = () => new Promise(() => {});

test.each([
  ["a loop", "for (;;);"],
  ["a loop of promises", "for (;;) await 0"],
  ["an error that is caught", "for (;;) try { for (;;); } catch {}"],
  ["a call that looks at no clock", "[].indexOf.call({ length: 2 ** 53 - 1 }, 1)"],
])("computing: %s", async (_, code) => {
  expect(await hasty.failure(code)).toBe("code_timeout");
});

test("computing is counted over all waits, and waits are not", async () => {
  const answers: PromiseWithResolvers<Response>[] = [];
  const asked = Promise.withResolvers<void>();
  const fetch: OutboundFetch = () => {
    const answer = Promise.withResolvers<Response>();
    answers.push(answer);
    asked.resolve();
    return answer.promise;
  };
  const waits = "const t = Date.now(); await fetch('http://a.example/'); return Date.now() - t";
  const waited = scene.run(waits, { fetch, cpuMs: 240 });
  await asked.promise;
  const until = performance.now() + 250;
  while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
  answers[0]!.resolve(new Response());
  expect(await waited).toBeGreaterThanOrEqual(249);
  let calls = 0;
  const answer: OutboundFetch = () => {
    calls += 1;
    return Promise.resolve(new Response());
  };
  // Each part is short of the limit, however fast the machine is; by the clock there is time for all of them.
  const parts = `
    for (let i = 0; i < ${PARTS}; i++) { const t = Date.now(); while (Date.now() - t < 20); await fetch('http://a.example/'); }`;
  expect(await patient.failure(parts, { fetch: answer, cpuMs: 200 })).toBe("code_timeout");
  expect(calls).toBeLessThan(PARTS);
});

test("time without a processor is not computing, where the system tells it apart", async () => {
  const others = new Set(tree(process.pid));
  using fresh = new SandboxScene({ ...sizes, cpu: "10s", timeout: "20s" });
  // Stopped in the middle of a loop, as a busy machine stops it.
  const fetch: OutboundFetch = async () => {
    const own = tree(process.pid).filter((pid) => !others.has(pid));
    for (const pid of own) process.kill(pid, "SIGSTOP");
    await pause(1_500);
    for (const pid of own) process.kill(pid, "SIGCONT");
    return new Response();
  };
  const code =
    "const answer = fetch('http://a.example/'); for (let i = 0; i < 3e6; i++); await answer; return 1";
  const request = { fetch, cpuMs: 1_200 };
  if (existsSync("/proc/self/stat")) expect(await fresh.run(code, request)).toBe(1);
  else expect(await fresh.failure(code, request)).toBe("code_timeout");
});

test("time in all", async () => {
  expect(await hasty.failure("await fetch('http://a.example/')", { fetch: never })).toBe("code_timeout");
});

describe("memory", () => {
  test.each([
    ["lists", "const a = []; for (;;) a.push(new Array(1e5).fill(1))"],
    ["texts", "const a = []; for (;;) a.push('x'.repeat(1e6) + a.length)"],
    ["typed arrays", "const a = []; for (;;) a.push(new Uint8Array(1e6))"],
    ["objects", "let o = {}; for (let i = 0; ; i++) o = { o, i }"],
    ["one text", "return 'x'.repeat(1e9)"],
  ])("of %s", async (_, code) => {
    expect(await scene.failure(code)).toBe("code_out_of_memory");
  });

  test("is new for the next one", async () => {
    const code = "return new Uint8Array(1e7).fill(1).length";
    expect([await scene.run(code), await scene.run(code), await scene.run(code)]).toEqual([1e7, 1e7, 1e7]);
  });
});

test.each([
  ["recursion", "const f = () => f(); f()"],
  ["recursion through natives", "const f = () => [1].map(f); f()"],
  ["deep JSON", "return JSON.parse('['.repeat(1e5))"],
  ["deep source", "return eval('('.repeat(1e5))"],
])("stack: %s", async (_, code) => {
  expect(await scene.failure(code)).toMatch(/^code_(failed: .*stack|crashed)/);
  expect(await scene.run("return 1")).toBe(1);
});

test("input", async () => {
  expect(await scene.failure("return 1", { input: "x".repeat(10_000) })).toBe(
    "code_input_too_large: 10010 bytes",
  );
  expect(await scene.run("return input.length", { input: "x".repeat(9_900) })).toBe(9_900);
});

test("output", async () => {
  expect(await scene.failure("return 'x'.repeat(4_999)")).toBe(
    "code_output_invalid: 5001 bytes, where 5000 are allowed",
  );
  expect(await scene.run("return 'x'.repeat(4_998)")).toHaveLength(4_998);
});

test("lines: the rest is left out, and said to be", async () => {
  expect(await scene.run("for (let i = 0; i < 1e4; i++) console.log(i); return 1")).toBe(1);
  expect(scene.lines.length).toBeLessThan(200);
  expect(scene.lines.at(-1)).toEqual({
    level: "warn",
    text: "The code wrote more than is allowed: the rest is left out.",
  });
});

test("requests", async () => {
  let calls = 0;
  const fetch: OutboundFetch = () => {
    calls += 1;
    return Promise.resolve(new Response("a"));
  };
  const code = `
    const all = await Promise.allSettled(Array.from({ length: 100 }, () => fetch("http://a.example/")));
    return all.filter(({ status }) => status === "fulfilled").length`;
  expect(await scene.run(code, { fetch })).toBe(3);
  expect(calls).toBe(3);
});

test("bodies of requests and answers", async () => {
  const fetch: OutboundFetch = () => Promise.resolve(new Response("x".repeat(3_000)));
  expect(
    await scene.failure("await fetch('http://a.example/', { body: 'x'.repeat(4_000) })", { fetch }),
  ).toContain("A request has at most 4000 bytes.");
  const twice = "await fetch('http://a.example/'); await fetch('http://a.example/')";
  expect(await scene.failure(twice, { fetch })).toContain("All answers together have at most 4000 bytes.");
});

test("a request may ask for less, and never for more", async () => {
  expect(await scene.failure("for (;;);", { cpuMs: 30 })).toBe("code_timeout");
  expect(await hasty.failure("for (;;);", { cpuMs: 10_000, timeoutMs: 10_000 })).toBe("code_timeout");
  expect(await scene.failure("return new Uint8Array(2e7).length", { memoryBytes: 16 * 2 ** 20 })).toBe(
    "code_out_of_memory",
  );
  expect(await scene.failure("return new Uint8Array(5e7).length", { memoryBytes: 2 ** 29 })).toBe(
    "code_out_of_memory",
  );
});
