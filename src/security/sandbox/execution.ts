/** One execution, inside the process of a sandbox: a QuickJS instance of its own with memory of its own, which nobody uses again. */
import type {
  QuickJSContext,
  QuickJSHandle,
  QuickJSRuntime,
  QuickJSWASMModule,
  VmCallResult,
} from "quickjs-emscripten-core";
import { asFunction, CODE_FILE, GUEST } from "./guest.ts";
import type { CodeLimits, FailureReason, FromSandbox, LogLevel, ToSandbox } from "./messages.ts";
import { computedHere } from "./processor-time.ts";

export type Say = (message: FromSandbox) => void;
type Order = Extract<ToSandbox, { type: "run" }>;
type Answer = Extract<ToSandbox, { type: "answer" }>;

/** What is written to the console is cut after so much of one text. */
const LINE_BYTES = 8_192;
/** More would exceed the stack that WebAssembly itself has. */
const STACK_BYTES = 256 * 1_024;
/** Jobs between two looks at the clock. */
const JOBS_AT_ONCE = 100;

export class Execution {
  readonly #say: Say;
  readonly #limits: CodeLimits;
  readonly #module: QuickJSWASMModule;
  readonly #runtime: QuickJSRuntime;
  readonly #vm: QuickJSContext;
  readonly #endsAt: number;
  #computedMs = 0;
  #slice = 0;
  #logBytes = 0;
  #calls = 0;
  #answers = 0;
  #open = 0;
  #ended = false;
  #guest: QuickJSHandle | null = null;

  constructor(module: QuickJSWASMModule, limits: CodeLimits, say: Say) {
    this.#say = say;
    this.#limits = limits;
    this.#module = module;
    this.#endsAt = performance.now() + limits.timeoutMs;
    this.#runtime = module.newRuntime();
    this.#runtime.setMaxStackSize(STACK_BYTES);
    this.#runtime.setInterruptHandler(() => this.#isOver());
    this.#vm = this.#runtime.newContext();
  }

  /** Whether it has said how it ended. */
  get ended(): boolean {
    return this.#ended;
  }

  begin({ code, input }: Order): void {
    this.#compute(() => {
      this.#guest = this.#install();
      const compiled = this.#vm.evalCode(asFunction(code), CODE_FILE);
      if (compiled.error) return this.#threw(compiled.error);
      this.#call("run", compiled.value, this.#vm.newString(input));
    });
  }

  answer({ call, ok, text }: Answer): void {
    if (this.#ended) return;
    this.#answers += 1;
    this.#open -= 1;
    const vm = this.#vm;
    this.#compute(() =>
      this.#call("settle", vm.newNumber(call), ok ? vm.true : vm.false, vm.newString(text)),
    );
  }

  #compute(part: () => void): void {
    this.#slice = computedHere();
    try {
      part();
      this.#runJobs();
    } catch (error) {
      // The module ran out of something in the middle of its own work.
      this.#fail(/memory/.test(String(error)) ? "memory" : "threw", String(error).slice(0, 500));
    }
    this.#computedMs += computedHere() - this.#slice;
    if (this.#ended) return;
    if (this.#open > 0) this.#say({ type: "waiting", answers: this.#answers });
    else this.#fail("stuck", "awaits something that never comes");
  }

  #runJobs(): void {
    while (!this.#ended && this.#runtime.hasPendingJob()) {
      const done = this.#runtime.executePendingJobs(JOBS_AT_ONCE);
      if (this.#isOver()) return this.#fail("timeout", "");
      // An error of a job is that of a promise, whose own handlers get it; only an interruption comes up to here.
      done.dispose();
    }
  }

  #isOver(): boolean {
    return (
      performance.now() > this.#endsAt || this.#computedMs + computedHere() - this.#slice > this.#limits.cpuMs
    );
  }

  #install(): QuickJSHandle {
    const vm = this.#vm;
    const made = vm.unwrapResult(vm.evalCode(GUEST, "sandbox.js"));
    const log = vm.newFunction("log", (level, text) => this.#log(vm.getString(level), vm.getString(text)));
    const ask = vm.newFunction("ask", (text) => this.#ask(vm.getString(text)));
    const done = vm.newFunction("done", (text) => this.#done(vm.getString(text)));
    const failed = vm.newFunction("failed", (reason, text) =>
      this.#fail(vm.getString(reason) === "output" ? "output" : "threw", vm.getString(text)),
    );
    return vm.unwrapResult(vm.callFunction(made, vm.undefined, log, ask, done, failed));
  }

  #call(name: "run" | "settle" | "describe", ...values: QuickJSHandle[]): QuickJSHandle | null {
    const result: VmCallResult<QuickJSHandle> = this.#vm.callFunction(
      this.#vm.getProp(this.#guest!, name),
      this.#vm.undefined,
      ...values,
    );
    if (result.error) this.#fail(this.#isOver() ? "timeout" : "threw", "cannot be called");
    return result.error ? null : result.value;
  }

  #threw(error: QuickJSHandle): void {
    if (this.#isOver()) return this.#fail("timeout", "");
    const shown = this.#call("describe", error);
    if (shown) this.#fail("threw", this.#vm.getString(shown));
  }

  #log(level: string, text: string): void {
    const left = this.#limits.logBytes - this.#logBytes;
    if (left <= 0 || this.#ended) return;
    const shown = text.slice(0, Math.min(LINE_BYTES, left));
    // An empty line is not free either.
    this.#logBytes += Buffer.byteLength(shown) + 16;
    this.#say({ type: "log", level: level as LogLevel, text: shown });
    if (this.#logBytes >= this.#limits.logBytes)
      this.#say({
        type: "log",
        level: "warn",
        text: "The code wrote more than is allowed: the rest is left out.",
      });
  }

  #ask(text: string): QuickJSHandle | { error: QuickJSHandle } {
    const refusal =
      this.#calls >= this.#limits.requests
        ? `No more than ${this.#limits.requests} requests are allowed.`
        : text.length > this.#limits.requestBytes
          ? `A request has at most ${this.#limits.requestBytes} bytes.`
          : null;
    if (refusal !== null) return { error: this.#vm.newError(refusal) };
    this.#open += 1;
    const call = this.#calls++;
    this.#say({ type: "fetch", call, text });
    return this.#vm.newNumber(call);
  }

  #done(text: string): void {
    if (this.#isOver()) return this.#fail("timeout", "");
    const bytes = Buffer.byteLength(text);
    if (bytes > this.#limits.outputBytes)
      return this.#fail("output", `${bytes} bytes, where ${this.#limits.outputBytes} are allowed`);
    if (!this.#ended) this.#say({ type: "done", text });
    this.#ended = true;
  }

  #fail(reason: FailureReason, text: string): void {
    if (!this.#ended)
      this.#say({ type: "failed", reason: this.#reasonOf(reason, text), text: text.slice(0, 2_000) });
    this.#ended = true;
  }

  /** The code sees an interruption, and the end of the memory, as errors like others. */
  #reasonOf(reason: FailureReason, text: string): FailureReason {
    if (this.#isOver()) return "timeout";
    if (reason !== "threw") return reason;
    // Where there is no room for an error, `null` is thrown.
    return text.startsWith("InternalError: out of memory") || (text === "threw null" && this.#isFull())
      ? "memory"
      : reason;
  }

  #isFull(): boolean {
    return this.#module.getWasmMemory().buffer.byteLength > this.#limits.memoryBytes * 0.8;
  }
}
