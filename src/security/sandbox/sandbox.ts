/**
 * Runs the code of others: in processes without environment, files or network, each of which serves one workspace only. Nothing is kept
 * from one execution for another but the process and QuickJS as it was compiled; memory and realm are new every time.
 */
import type { CodeRequest } from "../../core/definition/action.ts";
import type { Json } from "../../core/json.ts";
import type { Logger } from "../../core/ports/logger.ts";
import { Broker } from "./broker.ts";
import { cannotStart, inputTooLarge } from "./failures.ts";
import { type ExecutionOrder, HostedProcess } from "./hosted-process.ts";
import { findInstallation, type Installation } from "./installation.ts";
import type { SandboxRules } from "./limits.ts";
import type { CodeLimits } from "./messages.ts";

/** Whose code it is, and where its lines go. */
export interface CodeOwner {
  readonly workspace: string;
  readonly logger: Logger;
  /** Of every line. Default none. */
  readonly fields?: object;
}

/** What others need of a sandbox. */
export type CodeRunner = Pick<Sandbox, "run">;

interface Waiting {
  readonly workspace: string;
  readonly take: (process: HostedProcess) => void;
  readonly giveUp: (reason: Error) => void;
}

/** An idle process is kept for so long. */
const IDLE_MS = 60_000;

export class Sandbox {
  readonly #rules: SandboxRules;
  #idle: HostedProcess[] = [];
  readonly #busy = new Set<HostedProcess>();
  readonly #waiting: Waiting[] = [];
  #installation: Installation | null = null;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(rules: SandboxRules) {
    this.#rules = rules;
  }

  /** The JSON that the code returned. Rejects as `ActionContext.runCode` says. */
  async run(request: CodeRequest, { workspace, logger, fields }: CodeOwner): Promise<Json> {
    const limits = narrowed(this.#rules, request);
    const input = JSON.stringify(request.input ?? null);
    const inputBytes = Buffer.byteLength(input) + Buffer.byteLength(request.code);
    if (inputBytes > limits.inputBytes) throw inputTooLarge(inputBytes, limits);
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, ...(request.signal ? [request.signal] : [])]);
    const broker = new Broker({ fetch: request.fetch ?? null, limits, signal });
    const order: ExecutionOrder = {
      code: request.code,
      input,
      limits,
      broker,
      signal: request.signal ?? over.signal,
      log: (level, text) => logger[level]({ ...fields, console: text }, "code wrote to its console"),
    };
    const process = await this.#acquire(workspace, order.signal);
    try {
      return await process.run(order);
    } finally {
      over.abort();
      this.#release(process);
    }
  }

  /** Ends every process at once, and with it whatever runs there. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const process of [...this.#idle.splice(0), ...this.#busy]) process.kill();
    for (const { giveUp } of this.#waiting.splice(0)) giveUp(cannotStart("a sandbox that was closed"));
  }

  #acquire(workspace: string, signal: AbortSignal): Promise<HostedProcess> {
    signal.throwIfAborted();
    if (this.#closed) return Promise.reject(cannotStart("a sandbox that was closed"));
    const free = this.#find(workspace);
    if (free) return Promise.resolve(free);
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        workspace,
        take: (process) => {
          signal.removeEventListener("abort", abort);
          resolve(process);
        },
        giveUp: reject,
      };
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push(waiting);
    });
  }

  /** One that is the workspace's or nobody's, or a new one; `null`: all are busy. */
  #find(workspace: string): HostedProcess | null {
    this.#idle = this.#idle.filter((process) => process.isFit);
    const found =
      this.#takeIdle((process) => process.workspace === workspace) ??
      this.#takeIdle((process) => process.workspace === null) ??
      this.#start();
    if (!found) return null;
    found.workspace = workspace;
    this.#busy.add(found);
    this.#warm();
    return found;
  }

  #takeIdle(suits: (process: HostedProcess) => boolean): HostedProcess | null {
    const index = this.#idle.findIndex(suits);
    return index === -1 ? null : this.#idle.splice(index, 1)[0]!;
  }

  /** In place of the longest idle one, where there are as many as there may be. */
  #start(): HostedProcess | null {
    if (this.#busy.size >= this.#rules.processes) return null;
    if (this.#busy.size + this.#idle.length >= this.#rules.processes) this.#idle.shift()?.kill();
    this.#installation ??= findInstallation();
    return new HostedProcess(this.#installation, this.#rules.cpuMs);
  }

  /** One that is nobody's yet stands by, where there may be another one: whoever comes next does not wait for its start. */
  #warm(): void {
    const isFull = this.#busy.size + this.#idle.length >= this.#rules.processes;
    if (isFull || this.#closed || this.#idle.some(({ workspace }) => workspace === null)) return;
    this.#idle.push(new HostedProcess(this.#installation!, this.#rules.cpuMs));
  }

  #release(process: HostedProcess): void {
    this.#busy.delete(process);
    if (process.isFit && !this.#closed) this.#idle.push(process);
    else process.kill();
    this.#serve();
    this.#warm();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#rest(), IDLE_MS).unref();
  }

  #serve(): void {
    const first = this.#waiting[0];
    const found = first && this.#find(first.workspace);
    if (!found) return;
    this.#waiting.shift();
    first.take(found);
  }

  #rest(): void {
    for (const process of this.#idle.splice(0)) process.kill();
  }
}

/** A request may ask for less than the engine allows, never for more. */
function narrowed(rules: CodeLimits, { cpuMs, timeoutMs, memoryBytes }: CodeRequest): CodeLimits {
  return {
    ...rules,
    cpuMs: Math.min(rules.cpuMs, cpuMs ?? Infinity),
    timeoutMs: Math.min(rules.timeoutMs, timeoutMs ?? Infinity),
    memoryBytes: Math.min(rules.memoryBytes, memoryBytes ?? Infinity),
  };
}
