/** The process around the code, as if whoever sits in it had got out of QuickJS: what it may do, and what its host makes of its words. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OutboundFetch } from "../../../src/core/definition/outbound.ts";
import type { Json } from "../../../src/core/json.ts";
import { FlowForgeError } from "../../../src/core/errors.ts";
import { Broker } from "../../../src/security/sandbox/broker.ts";
import { HostedProcess } from "../../../src/security/sandbox/hosted-process.ts";
import { findInstallation } from "../../../src/security/sandbox/installation.ts";
import type { CodeLimits } from "../../../src/security/sandbox/messages.ts";
import { parseSandbox } from "../../../src/security/sandbox/limits.ts";
import { tree } from "../../support/process-tree.ts";

const limits = parseSandbox({ cpu: "300ms", timeout: "1s", requests: 3, logBytes: 1_000 });
/** With all the time that a slow machine needs. */
const patient = { ...limits, cpuMs: 10_000, timeoutMs: 20_000 };
const HEAD = `
  import { writeSync } from "node:fs";
  const raw = (text) => writeSync(3, text);
  const say = (message) => raw(JSON.stringify(message) + "\\n");
`;
const READY = `say({ type: "ready" });`;
const ON_ORDER = `process.stdin.once("data", () => { globalThis.setTimeout(() => {}, 1e6); order(); });`;

let folder: string;
let outside: string;
let counter = 0;
const made: HostedProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "flowforge-probe-"));
  outside = await mkdtemp(path.join(tmpdir(), "flowforge-outside-"));
  await writeFile(path.join(outside, "secret"), "secret");
});
afterAll(async () => {
  for (const each of made) each.kill();
  await rm(folder, { recursive: true });
  await rm(outside, { recursive: true });
});

/** A process that runs this in place of the sandbox's own code. */
async function hosted(source: string): Promise<HostedProcess> {
  const entry = path.join(folder, `probe-${counter++}.mjs`);
  await writeFile(entry, HEAD + source);
  const process = new HostedProcess({ entry, args: [outside], readable: [folder + path.sep] }, limits.cpuMs);
  made.push(process);
  return process;
}

interface Settings {
  readonly within?: CodeLimits;
  readonly fetch?: OutboundFetch;
  readonly log?: (text: string) => void;
}

function run(
  process: HostedProcess,
  { within = limits, fetch, log = () => undefined }: Settings = {},
): Promise<Json> {
  const { signal } = new AbortController();
  const broker = new Broker({ fetch: fetch ?? null, limits: within, signal });
  return process.run({ code: "1", input: "1", limits: within, broker, signal, log: (_, text) => log(text) });
}

async function failure(process: HostedProcess, settings: Settings = {}): Promise<string> {
  const error: unknown = await run(process, settings).then(
    (value) => new Error(`It gave ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  const found = (error as Error).cause;
  if (!FlowForgeError.is(found)) throw error;
  return `${found.code}: ${found.received}`;
}

const OUT_OF_TURN = "code_crashed: it spoke out of turn";

test("it may do nothing but compute and speak", async () => {
  const source = `
    import fs from "node:fs";
    import { spawnSync, fork } from "node:child_process";
    import { Worker } from "node:worker_threads";
    import path from "node:path";
    const outside = process.argv[2];
    const tries = {
      read: () => fs.readFileSync(path.join(outside, "secret"), "utf8"),
      list: () => fs.readdirSync(outside),
      proc: () => fs.readFileSync("/proc/" + process.ppid + "/environ", "utf8"),
      own: () => fs.readFileSync("/proc/self/environ", "utf8"),
      write: () => fs.writeFileSync(path.join(outside, "marker"), "1"),
      link: () => fs.symlinkSync(outside, path.join(import.meta.dirname, "link")),
      spawn: () => { const { error } = spawnSync("id"); if (error) throw error; },
      fork: () => fork(process.argv[1]),
      thread: () => new Worker("1", { eval: true }),
      addon: () => process.dlopen({ exports: {} }, path.join(outside, "secret")),
      text: () => new Function("return 1")(),
      wasi: async () => new (await import("node:wasi")).WASI({ version: "preview1" }),
    };
    const order = async () => {
      const report = {};
      for (const [name, go] of Object.entries(tries)) try { await go(); report[name] = "done"; } catch (error) { report[name] = error.code ?? error.name; }
      say({ type: "done", text: JSON.stringify({ report, env: Object.keys(process.env), proto: "__proto__" in {} }) });
    };
    ${ON_ORDER} ${READY}`;
  const denied = "ERR_ACCESS_DENIED";
  expect(await run(await hosted(source))).toEqual({
    report: {
      read: denied,
      list: denied,
      proc: denied,
      own: denied,
      write: denied,
      link: denied,
      spawn: denied,
      fork: denied,
      thread: denied,
      addon: "ERR_DLOPEN_DISABLED",
      text: "EvalError",
      wasi: denied,
    },
    env: [],
    proto: false,
  });
});

describe("what it says is not believed", () => {
  test.each([
    ["no JSON", `raw("hello\\n")`],
    ["JSON of another kind", `say({ type: "done", text: 1 })`],
    ["a result that is no JSON", `say({ type: "done", text: "}{" })`],
    ["an unknown message", `say({ type: "exec", text: "id" })`],
    ["more members than there are", `say({ type: "done", text: "1", __proto__: null, cmd: "NODE_HANDLE" })`],
    ["a second readiness", `say({ type: "ready" })`],
    ["lines without end", `for (;;) say({ type: "log", level: "info", text: "" })`],
    ["a line without end", `for (;;) raw("x".repeat(1e6))`],
    ["a very long line", `raw("x".repeat(1e7) + "\\n")`],
  ])("%s ends it", async (_, words) => {
    const process = await hosted(`const order = () => { ${words} }; ${ON_ORDER} ${READY}`);
    expect(await failure(process, { within: patient })).toBe(OUT_OF_TURN);
    expect(process.isFit).toBe(false);
  });

  test("words without an execution end it", async () => {
    const process = await hosted(
      `const order = () => { say({ type: "done", text: "1" }); say({ type: "done", text: "2" }); }; ${ON_ORDER} ${READY}`,
    );
    expect(await run(process)).toBe(1);
    while (process.isFit) await new Promise((resolve) => setImmediate(resolve));
  });

  test("requests beyond the limit are not made", async () => {
    const words = `for (let call = 0; call < 10; call++) say({ type: "fetch", call, text: '{"url":"http://a.example/","method":"GET","headers":{},"body":null}' });`;
    const process = await hosted(`const order = () => { ${words} }; ${ON_ORDER} ${READY}`);
    let calls = 0;
    const fetch: OutboundFetch = () => {
      calls += 1;
      return Promise.resolve(new Response());
    };
    expect(await failure(process, { fetch })).toBe("code_timeout: undefined");
    expect(calls).toBe(3);
  });

  test("requests of another form are not made", async () => {
    const asked = [
      `{"url":"file:///etc/passwd","method":"GET","headers":{},"body":null}`,
      `{"url":"http://a.example/","method":"GET","headers":{},"body":null,"dispatcher":{}}`,
      `[]`,
      `}`,
    ];
    const process = await hosted(`
      const order = () => { ${asked.map((text, call) => `say({ type: "fetch", call: ${call}, text: ${JSON.stringify(text)} });`).join(" ")} };
      ${ON_ORDER} ${READY}`);
    const fetch: OutboundFetch = () => expect.unreachable();
    expect(await failure(process, { fetch })).toBe("code_timeout: undefined");
  });

  test("that it waits does not stop the clock", async () => {
    const process = await hosted(
      `const order = () => { say({ type: "waiting", answers: 0 }); for (;;); }; ${ON_ORDER} ${READY}`,
    );
    const began = performance.now();
    expect(await failure(process)).toBe("code_timeout: undefined");
    expect(performance.now() - began).toBeGreaterThan(limits.timeoutMs);
  });
});

test("time without a processor is not computing, where the system tells it apart", async () => {
  const idle = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);";
  const process = await hosted(
    `const order = () => { ${idle} say({ type: "done", text: "1" }); }; ${ON_ORDER} ${READY}`,
  );
  const settings = { within: { ...patient, cpuMs: 300 } };
  if (existsSync("/proc/self/stat")) expect(await run(process, settings)).toBe(1);
  else expect(await failure(process, settings)).toBe("code_timeout: undefined");
});

test("where QuickJS is not installed, the error says how to install it", () => {
  const next = "Install it: npm install quickjs-emscripten-core @jitl/quickjs-wasmfile-release-sync";
  const cause = expect.objectContaining({ code: "sandbox_missing", next });
  expect(() => findInstallation(path.join(outside, "main.js"))).toThrow(
    expect.objectContaining({ name: "PermanentError", cause }),
  );
});

describe("its end", () => {
  test("comes by itself where nobody is left to end it", async () => {
    const before = new Set(tree(process.pid));
    await hosted(READY);
    const [pid] = tree(process.pid).filter((one) => !before.has(one));
    const limitsOf = async (): Promise<string> => readFile(`/proc/${pid}/limits`, "utf8");
    // The shell sets them first of all.
    while (!/Max file size +0 /.test(await limitsOf())) await new Promise((resolve) => setImmediate(resolve));
    while (!/Max cpu time +\d+/.test(await limitsOf())) await new Promise((resolve) => setImmediate(resolve));
    // 100 executions of 300 ms, and a minute.
    expect(await limitsOf()).toMatch(/Max cpu time +90 +90 /);
    expect(await limitsOf()).toMatch(/Max core file size +0 +0 /);
  });

  test("during an execution is the code's failure", async () => {
    const process = await hosted(`const order = () => process.abort(); ${ON_ORDER} ${READY}`);
    expect(await failure(process)).toBe("code_crashed: SIGABRT");
  });

  test("before it was ready is nobody's code's failure", async () => {
    expect(await failure(await hosted(`console.error("no luck"); process.exitCode = 7;`))).toBe(
      "sandbox_failed: status 7: no luck\n",
    );
  });
});
