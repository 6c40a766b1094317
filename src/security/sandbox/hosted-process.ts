/** The host's end of a sandbox process: starts it, gives it one execution at a time, and ends it when in doubt. */
import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Json } from "../../core/json.ts";
import type { Broker } from "./broker.ts";
import { cannotStart, crashed, failure, timedOut } from "./failures.ts";
import type { Installation } from "./installation.ts";
import { launch } from "./launch.ts";
import { LineReader } from "./line-reader.ts";
import {
  type CodeLimits,
  type FromSandbox,
  type LogLevel,
  parseFromSandbox,
  type ToSandbox,
} from "./messages.ts";
import { computedBy } from "./processor-time.ts";

export interface ExecutionOrder {
  readonly code: string;
  /** JSON. */
  readonly input: string;
  readonly limits: CodeLimits;
  readonly broker: Broker;
  readonly signal: AbortSignal;
  log(level: LogLevel, text: string): void;
}

interface Current {
  readonly order: ExecutionOrder;
  readonly endsAt: number;
  resolve(value: Json): void;
  reject(error: Error): void;
  /** What its process had computed before. `null`: the system does not say. */
  readonly computedBefore: number | null;
  /** By the clock: it cannot have computed more. */
  cpuLeftMs: number;
  /** `null`: it waits. */
  computesSince: number | null;
  answers: number;
  linesLeft: number;
}

const START_MS = 10_000;
/** The process itself says that a limit was met; where it cannot, because one call inside takes so long, it is killed this much later. */
const GRACE_MS = 50;
const STDERR_CHARACTERS = 2_000;
/** After so many executions a new process takes over. */
const MOST_EXECUTIONS = 100;

export class HostedProcess {
  readonly #child: ChildProcess;
  readonly #lines: LineReader;
  readonly #ready: Promise<void>;
  #stderr = "";
  #started: (error?: Error) => void = () => {};
  #current: Current | null = null;
  #timer: NodeJS.Timeout | undefined;
  #executions = 0;
  #alive = true;
  /** Whose code runs in it: nobody else's ever does. `null`: nobody's yet. */
  workspace: string | null = null;

  /** `cpuMs`: the most that one execution may compute. */
  constructor(installation: Installation, cpuMs: number) {
    this.#child = launch(installation, MOST_EXECUTIONS * cpuMs);
    this.#lines = new LineReader((line) => this.#hear(parseFromSandbox(line)));
    this.#ready = new Promise((resolve, reject) => {
      this.#started = (error) => (error ? reject(error) : resolve());
    });
    this.#listen();
    this.#arm(START_MS, () => this.#end(cannotStart(`no word from it in ${START_MS} ms`)));
  }

  /** Whether it may be given another execution. */
  get isFit(): boolean {
    return this.#alive && this.#executions < MOST_EXECUTIONS;
  }

  /** The result. Rejects with how the execution failed; the process may then be unfit. */
  async run(order: ExecutionOrder): Promise<Json> {
    await this.#ready;
    if (order.signal.aborted) throw order.signal.reason as Error;
    this.#executions += 1;
    this.#hold(true);
    const abort = (): void => this.#end(order.signal.reason as Error);
    order.signal.addEventListener("abort", abort, { once: true });
    try {
      return await this.#execute(order);
    } finally {
      order.signal.removeEventListener("abort", abort);
      this.#current = null;
      clearTimeout(this.#timer);
      this.#hold(false);
    }
  }

  /** At once: nothing in it is worth a farewell. */
  kill(): void {
    this.#alive = false;
    this.#child.kill("SIGKILL");
  }

  #execute(order: ExecutionOrder): Promise<Json> {
    const { code, input, limits } = order;
    return new Promise((resolve, reject) => {
      if (!this.#alive) return reject(crashed("no process"));
      this.#current = {
        order,
        resolve,
        reject,
        endsAt: performance.now() + limits.timeoutMs,
        computedBefore: this.#computed(),
        cpuLeftMs: limits.cpuMs,
        computesSince: null,
        answers: 0,
        linesLeft: limits.logBytes / 16 + limits.requests * 4 + 10,
      };
      this.#tell({ type: "run", code, input, limits });
    });
  }

  #tell(message: ToSandbox): void {
    (this.#child.stdin as Writable).write(`${JSON.stringify(message)}\n`);
    const current = this.#current!;
    current.computesSince ??= performance.now();
    this.#watch(current, current.cpuLeftMs - (performance.now() - current.computesSince));
  }

  #watch(current: Current, cpuMs: number): void {
    const ms = Math.min(cpuMs, current.endsAt - performance.now());
    this.#arm(Math.max(0, ms) + GRACE_MS, () => this.#judge(current));
  }

  /** Its time is up by the clock; but it may have waited for a processor. */
  #judge(current: Current): void {
    const { order, computedBefore, endsAt } = current;
    const computed = this.#computed();
    const cpuMs =
      computed === null || computedBefore === null ? 0 : order.limits.cpuMs - (computed - computedBefore);
    if (cpuMs > 0 && performance.now() < endsAt) this.#watch(current, cpuMs);
    else this.#end(timedOut(order.limits));
  }

  #computed(): number | null {
    return this.#child.pid === undefined ? null : computedBy(this.#child.pid);
  }

  #hear(message: FromSandbox | null): void {
    if (message?.type === "ready" && this.#executions === 0) {
      clearTimeout(this.#timer);
      return this.#started();
    }
    const current = this.#current;
    if (message === null || current === null || --current.linesLeft < 0) return this.#end(outOfTurn());
    switch (message.type) {
      case "log":
        return current.order.log(message.level, message.text);
      case "fetch":
        return void this.#fetch(current, message);
      case "waiting":
        return this.#waits(current, message.answers);
      case "done":
        return this.#done(current, message.text);
      case "failed":
        return this.#failed(current, message);
      case "ready":
        return this.#end(outOfTurn());
    }
  }

  async #fetch(current: Current, { call, text }: Extract<FromSandbox, { type: "fetch" }>): Promise<void> {
    const { ok, text: answer } = await current.order.broker.answer(text);
    if (this.#current !== current) return;
    current.answers += 1;
    this.#tell({ type: "answer", call, ok, text: answer });
  }

  #waits(current: Current, answers: number): void {
    // An answer is on its way, so it computes again.
    if (current.computesSince === null || answers !== current.answers) return;
    current.cpuLeftMs -= performance.now() - current.computesSince;
    current.computesSince = null;
    this.#watch(current, Infinity);
  }

  #done({ resolve }: Current, text: string): void {
    try {
      resolve(JSON.parse(text) as Json);
      // At once: the next word may be in the same chunk.
      this.#current = null;
    } catch {
      this.#end(outOfTurn());
    }
  }

  #failed({ reject, order }: Current, { reason, text }: Extract<FromSandbox, { type: "failed" }>): void {
    // What was interrupted, or had no more memory, leaves nothing behind that is worth a thought.
    if (reason === "timeout" || reason === "memory") this.kill();
    reject(failure(reason, text, order.limits));
    this.#current = null;
  }

  #end(error: Error): void {
    this.kill();
    this.#started(error);
    this.#current?.reject(error);
  }

  #listen(): void {
    const pipe = this.#child.stdio[3] as Readable;
    pipe.on("data", (chunk: Buffer) => {
      this.#lines.push(chunk);
      if (this.#lines.pendingBytes > this.#longestLine()) this.#end(outOfTurn());
    });
    this.#child.stderr!.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_CHARACTERS);
    });
    // A pipe that breaks ends with the process.
    for (const stream of [pipe, this.#child.stderr!, this.#child.stdin!]) stream.on("error", () => undefined);
    this.#child.on("error", (error) => this.#end(cannotStart(error.message, error)));
    this.#child.on("exit", (code, signal) => {
      const how = signal ?? `status ${code}`;
      this.#started(cannotStart(`${how}: ${this.#stderr}`));
      this.#end(crashed(how));
    });
    this.#ready.catch(() => undefined);
    this.#hold(false);
  }

  /** A text within JSON has at most twice its length. */
  #longestLine(): number {
    if (this.#current === null) return 1_024;
    const { outputBytes, requestBytes, logBytes } = this.#current.order.limits;
    return 2 * Math.max(outputBytes, requestBytes, logBytes) + 65_536;
  }

  /** An idle one keeps no host alive. */
  #hold(isHeld: boolean): void {
    const parts = [this.#child, ...this.#child.stdio] as ({ ref?(): void; unref?(): void } | null)[];
    for (const part of parts) {
      if (isHeld) part?.ref?.();
      else part?.unref?.();
    }
  }

  #arm(ms: number, fire: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(fire, ms);
  }
}

/** What it says makes no sense, or nobody asked: whoever is in there has got out of hand. */
function outOfTurn(): Error {
  return crashed("it spoke out of turn");
}
