/**
 * The process of a sandbox. It has no environment, may read nothing but its own code, starts nothing, and talks to its host over two
 * pipes. Code runs in it one execution after the other, each in a WebAssembly instance of its own.
 */
import { readFileSync, writeSync } from "node:fs";
import type * as core from "quickjs-emscripten-core";
import { Execution } from "./execution.ts";
import { LineReader } from "./line-reader.ts";
import type { CodeLimits, FromSandbox, ToSandbox } from "./messages.ts";

/** As far as it is used here: the types of Node.js know no values of it. */
interface Wasm {
  compile(bytes: Uint8Array): Promise<WebAssembly.Module>;
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => object;
}

const PIPE = 3;
const PAGE_BYTES = 65_536;
/** What QuickJS is built to begin with. */
const FIRST_PAGES = 256;

const [coreUrl, variantUrl, wasmFile] = process.argv.slice(2) as [string, string, string];
const { newQuickJSWASMModuleFromVariant, newVariant } = (await import(coreUrl)) as typeof core;
const { default: variant } = (await import(variantUrl)) as { readonly default: core.QuickJSSyncVariant };
const wasm = Reflect.get(globalThis, "WebAssembly") as Wasm;
const wasmModule = await wasm.compile(readFileSync(wasmFile));

let execution: Execution | null = null;

function say(message: FromSandbox): void {
  writeSync(PIPE, `${JSON.stringify(message)}\n`);
}

/** `setMemoryLimit` does not hold: what holds is that the memory itself cannot grow. */
async function freshInstance({ memoryBytes }: CodeLimits): Promise<core.QuickJSWASMModule> {
  const maximum = Math.max(FIRST_PAGES, Math.floor(memoryBytes / PAGE_BYTES));
  const wasmMemory = new wasm.Memory({ initial: FIRST_PAGES, maximum });
  return newQuickJSWASMModuleFromVariant(newVariant(variant, { wasmModule, wasmMemory }));
}

async function take(order: ToSandbox): Promise<void> {
  if (order.type === "answer") return execution?.answer(order);
  execution = new Execution(await freshInstance(order.limits), order.limits, say);
  execution.begin(order);
}

const lines = new LineReader((line) => void take(JSON.parse(line) as ToSandbox));
process.stdin
  .on("data", (chunk: Buffer) => lines.push(chunk))
  // The host is gone.
  .on("end", () => process.exit());
say({ type: "ready" });
