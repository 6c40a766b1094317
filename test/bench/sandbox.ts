/**
 * What a sandbox costs: start of a process, time of a call, calls in a second, memory of a process.
 *
 *     node test/bench/sandbox.ts [--calls 500]
 */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { parseSandbox } from "../../src/security/sandbox/limits.ts";
import { Sandbox } from "../../src/security/sandbox/sandbox.ts";

const { values } = parseArgs({ options: { calls: { type: "string", default: "500" } } });
const calls = Number(values.calls);
const quiet = (): void => {};
const owner = {
  workspace: "default",
  logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
};
const code = "return { count: input.rows.length, sum: input.rows.reduce((sum, { n }) => sum + n, 0) }";
/** About 10 KB. */
const input = { rows: Array.from({ length: 300 }, (_, n) => ({ n, name: `row number ${n}` })) };

async function timed(part: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await part();
  return performance.now() - began;
}

function show(name: string, times: number[]): void {
  times.sort((a, b) => a - b);
  const at = (share: number): string => times[Math.floor(share * (times.length - 1))]!.toFixed(1);
  console.log(`${name}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms (${times.length})`);
}

/** Resident memory of the processes below this one, in MB. */
function memoryMb(): number[] {
  const listed = execFileSync("ps", ["-o", "rss=,args=", "--ppid", String(process.pid)], {
    encoding: "utf8",
  });
  return listed
    .split("\n")
    .filter((line) => line.includes("sandbox-process"))
    .map((line) => Math.round(Number.parseInt(line, 10) / 1_024));
}

const starts: number[] = [];
for (let i = 0; i < 20; i++) {
  const fresh = new Sandbox(parseSandbox({ processes: 1 }));
  starts.push(await timed(() => fresh.run({ code: "return 1" }, owner)));
  fresh.close();
}
show("first call, with the start of a process", starts);

const one = new Sandbox(parseSandbox({ processes: 1 }));
for (const [name, request] of [
  ["return 1", { code: "return 1" }],
  ["10 KB of input", { code, input }],
  [
    "one fetch",
    { code: "return (await fetch('http://a.example/')).status", fetch: async () => new Response("a") },
  ],
  ["5 million rounds", { code: "let n = 0; for (let i = 0; i < 5e6; i++) n += i; return n", cpuMs: 10_000 }],
] as const) {
  const times: number[] = [];
  const count = name.startsWith("5") ? 10 : calls;
  for (let i = 0; i < count; i++) times.push(await timed(() => one.run(request, owner)));
  show(name, times);
}
console.log(`memory of a process after small calls: ${memoryMb().join(", ")} MB`);
await one.run({ code: "globalThis.a = new Uint8Array(5e7).fill(1); return 1" }, owner);
console.log(`memory of a process after a call that fills 50 MB: ${memoryMb().join(", ")} MB`);
one.close();

for (const processes of [1, 2, 4]) {
  const many = new Sandbox(parseSandbox({ processes }));
  await Promise.all(Array.from({ length: processes }, () => many.run({ code, input }, owner)));
  const ms = await timed(() =>
    Promise.all(Array.from({ length: calls }, () => many.run({ code, input }, owner))),
  );
  console.log(`${processes} processes: ${Math.round((calls / ms) * 1_000)} calls a second`);
  many.close();
}
