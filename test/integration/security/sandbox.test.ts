/** What code in a sandbox can do, and what it is told when it cannot. */
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { OutboundFetch } from "../../../src/core/definition/outbound.ts";
import { isRunning, tree } from "../../support/process-tree.ts";
import { SandboxScene } from "./sandbox-scene.ts";

const scene = new SandboxScene({ cpu: "3s", timeout: "20s" });
beforeEach(() => void scene.lines.splice(0));
afterAll(() => scene.sandbox.close());

describe("a result", () => {
  test.each<[string, unknown, unknown]>([
    ["return input.a + 1", { a: 1 }, 2],
    ["return input", { "": [null, true, "\u2028\u2029\ud83d\ude00\0", 1e300] }, undefined],
    ["return undefined", 1, null],
    ["1", 1, null],
    ["return new Date(0)", 1, "1970-01-01T00:00:00.000Z"],
    ["return [NaN, undefined, () => 1]", 1, [null, null, null]],
    ["const f = async (n) => n < 2 ? n : await f(n - 1) + await f(n - 2); return f(10)", 1, 55],
    ["return this", 1, null],
    ["// a comment at the end", 1, null],
    ["return Object.keys(input)", JSON.parse('{"__proto__":1}'), ["__proto__"]],
  ])("of %s", async (code, input, output) => {
    expect(await scene.run(code, { input })).toEqual(output === undefined ? input : output);
  });

  test("has a member __proto__ as a member like others", async () => {
    const output = await scene.run(`return JSON.parse('{"__proto__":{"admin":true}}')`);
    expect(Object.keys(output as object)).toEqual(["__proto__"]);
    expect((output as { admin?: boolean }).admin).toBeUndefined();
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});

describe("an error", () => {
  test.each([
    ["\n\nnull.x", "code_failed: TypeError: cannot read property 'x' of null (line 3)"],
    ["const f = () => {\n  throw new RangeError('no');\n};\nf()", "code_failed: RangeError: no (line 2)"],
    ["return }", expect.stringMatching(/^code_failed: SyntaxError: /)],
    ["throw { a: 1 }", 'code_failed: threw {"a":1}'],
    ["throw null", "code_failed: threw null"],
    [
      "throw Object.defineProperty(new Error, 'message', { get() { throw 1 } })",
      "code_failed: threw something that cannot be shown",
    ],
    ["await new Promise(() => {})", "code_failed: code that awaits something that never comes"],
    ["return () => 1", "code_output_invalid: a function, which is no JSON"],
    ["return 1n", expect.stringMatching(/^code_failed: TypeError/)],
    ["return import('fs')", expect.stringMatching(/^code_failed: ReferenceError/)],
    ["const a = {}; a.a = a; return a", "code_failed: TypeError: circular reference"],
  ])("of %j", async (code, failure) => {
    expect(await scene.failure(code)).toEqual(failure);
  });
});

test("lines of the console reach the logger in their order", async () => {
  await scene.run(
    "console.log('a', 1, [2]); console.error(new Error('no')); console.debug('b'); console.warn()",
  );
  expect(scene.lines.map(({ level, text }) => `${level} ${text}`)).toEqual([
    "info a 1 [2]",
    "error Error: no (line 1)",
    "debug b",
    "warn ",
  ]);
});

describe("fetch", () => {
  const seen: unknown[] = [];
  const fetch: OutboundFetch = (url, { method, headers, body } = {}) => {
    seen.push([url, { method, headers, body }]);
    if (String(url).endsWith("/fails")) return Promise.reject(new Error("refused"));
    return Promise.resolve(Response.json({ n: 1 }, { status: 201, headers: { "x-a": "b" } }));
  };

  test("is made by the host", async () => {
    const code = `
      const r = await fetch("https://a.example/", { method: "POST", headers: { b: 1 }, body: "text" });
      return [r.status, r.ok, r.headers.get("X-A"), await r.json()];`;
    expect(await scene.run(code, { fetch })).toEqual([201, true, "b", { n: 1 }]);
    expect(seen).toEqual([["https://a.example/", { method: "POST", headers: { b: "1" }, body: "text" }]]);
  });

  test("may be called several times at once", async () => {
    const code = `
      const all = await Promise.allSettled(["a", "fails", "b"].map((name) => fetch("https://a.example/" + name)));
      return all.map(({ status, reason }) => status + (reason ? reason.message : ""));`;
    expect(await scene.run(code, { fetch })).toEqual(["fulfilled", "rejectedrefused", "fulfilled"]);
  });

  test.each([
    ["https://a.example/", undefined, /This code may not call anybody/],
    ["file:///etc/passwd", fetch, /Requests of this form are not sent/],
    ["nonsense", fetch, /Requests of this form are not sent/],
  ])("of %s is refused", async (url, given, message) => {
    expect(await scene.failure(`await fetch(${JSON.stringify(url)})`, { fetch: given })).toMatch(message);
  });

  test("is aborted with the execution", async () => {
    const aborted = Promise.withResolvers<void>();
    const never: OutboundFetch = (_, { signal } = {}) =>
      new Promise((_resolve, reject) => {
        signal!.addEventListener("abort", () => {
          aborted.resolve();
          reject(signal!.reason as Error);
        });
      });
    const call = "await fetch('https://a.example/')";
    expect(await scene.failure(call, { fetch: never, timeoutMs: 100 })).toBe("code_timeout");
    await aborted.promise;
  });
});

describe("processes", () => {
  test("a cancelled execution ends at once, whatever it does", async () => {
    const controller = new AbortController();
    const calls = Promise.withResolvers<void>();
    const fetch: OutboundFetch = () => {
      calls.resolve();
      return Promise.resolve(new Response("a"));
    };
    const running = scene.run("await fetch('https://a.example/'); for (;;);", {
      fetch,
      signal: controller.signal,
    });
    await calls.promise;
    controller.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
    expect(await scene.run("return 1")).toBe(1);
  });

  test("one execution leaves nothing for the next", async () => {
    await scene.run("globalThis.left = 1; Array.prototype.left = 1; JSON.parse = () => 'broken'; return 1");
    expect(
      await scene.run("return [typeof left, typeof [].left, JSON.parse('1'), input]", { input: 2 }),
    ).toEqual(["undefined", "undefined", 1, 2]);
  });

  test("more executions than processes wait for their turn, and give up with their signal", async () => {
    using small = new SandboxScene({ processes: 1, cpu: "300ms" });
    const late = new AbortController();
    const all = [
      small.run("for (let i = 0; i < 1e5; i++); return 1"),
      small.run("return 2", { signal: late.signal }),
      small.run("return 3", {}, "another"),
      small.run("return 4"),
    ];
    late.abort(new Error("enough"));
    const [first, second, ...rest] = await Promise.allSettled(all);
    expect(first).toMatchObject({ value: 1 });
    expect(second).toMatchObject({ reason: new Error("enough") });
    expect(rest).toMatchObject([{ value: 3 }, { value: 4 }]);
  });

  test("a process serves one workspace, and another one gets another process", async () => {
    using own = new SandboxScene({ processes: 1 });
    const before = new Set(tree(process.pid));
    const pidOf = async (workspace: string): Promise<readonly number[]> => {
      await own.run("return 1", {}, workspace);
      return tree(process.pid).filter((pid) => !before.has(pid) && isRunning(pid));
    };
    const first = await pidOf("a");
    expect(first).toHaveLength(1);
    expect(await pidOf("a")).toEqual(first);
    const second = await pidOf("b");
    expect(second).not.toContain(first[0]);
    expect(await pidOf("a")).not.toContain(first[0]);
  });

  test("a sandbox that was closed runs nothing, and nobody waits for it", async () => {
    const closed = new SandboxScene({ processes: 1 });
    const all = [closed.failure("for (;;);"), closed.failure("return 1")];
    closed.sandbox.close();
    expect((await Promise.all(all)).map((failure) => failure.split(":")[0])).toEqual([
      "sandbox_failed",
      "sandbox_failed",
    ]);
    expect(await closed.failure("return 1")).toBe("sandbox_failed: a sandbox that was closed");
  });

  test("nothing is left of a sandbox that was closed", async () => {
    const short = new SandboxScene();
    const running = short.failure("await fetch('https://a.example/'); for (;;);", {
      fetch: () => {
        short.sandbox.close();
        return Promise.resolve(new Response("a"));
      },
    });
    expect(await running).toBe("code_crashed: SIGKILL");
  });
});
