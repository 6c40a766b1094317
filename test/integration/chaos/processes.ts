/** Worker processes for chaos tests, and what they did. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect } from "vitest";
import type { EngineOptions } from "../../../src/index.ts";
import type { TestDatabase } from "../../support/servers.ts";
import type { HostConfig, HostMessage } from "./host.ts";

export interface Effect {
  readonly run_id: string;
  readonly node: string;
  readonly attempt: number;
  readonly pid: number;
  /** The idempotency key that it was asked for with. */
  readonly key: string;
}

/** A short lease: what depends on it must not take half a minute. */
export const LEASE_MS = 1_500;

/** The effects of all processes, in a database of their own: the engine's may be paused. */
export class Effects {
  readonly #database: TestDatabase;

  private constructor(database: TestDatabase) {
    this.#database = database;
  }

  static async in(database: TestDatabase): Promise<Effects> {
    await database.query(
      "create table effects (at timestamptz default clock_timestamp(), run_id text, node text, attempt int, pid int, key text)",
    );
    return new Effects(database);
  }

  get url(): string {
    return this.#database.url;
  }

  all(): Promise<Effect[]> {
    return this.#database.query<Effect & { at: Date }>(
      "select run_id, node, attempt, pid, key from effects order by at",
    );
  }

  async count(): Promise<number> {
    return (await this.all()).length;
  }

  /** Waits until so many were noted. */
  async reach(count: number): Promise<void> {
    await expect.poll(() => this.count(), { timeout: 30_000, interval: 20 }).toBeGreaterThanOrEqual(count);
  }

  /** Executions by process. */
  async byProcess(): Promise<ReadonlyMap<number, number>> {
    const counts = new Map<number, number>();
    for (const { pid } of await this.all()) counts.set(pid, (counts.get(pid) ?? 0) + 1);
    return counts;
  }

  /** Node runs that were executed more than once. */
  async repeated(): Promise<string[]> {
    const seen = new Set<string>();
    return (await this.all())
      .map(({ run_id: runId, node }) => `${runId} ${node}`)
      .filter((key) => seen.size === seen.add(key).size);
  }
}

export type HostSettings = Partial<Omit<HostConfig, "connection" | "effects">>;

export class Processes implements AsyncDisposable {
  readonly #connection: EngineOptions;
  readonly #effects: Effects;
  readonly #all: WorkerProcess[] = [];

  constructor(connection: EngineOptions, effects: Effects) {
    this.#connection = connection;
    this.#effects = effects;
  }

  /** Resolves when it works. */
  async start(settings: HostSettings = {}): Promise<WorkerProcess> {
    const config: HostConfig = {
      connection: this.#connection,
      effects: this.#effects.url,
      actions: ["step", "gate", "parts", "left", "right", "block", "deadly", "broken"],
      stepMs: 0,
      closed: false,
      blockMs: 0,
      ...settings,
      worker: { lease: LEASE_MS, ...settings.worker },
    };
    const started = new WorkerProcess(config);
    this.#all.push(started);
    await started.heard("ready");
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((each) => each.kill()));
    expect(this.#all.flatMap((each) => each.fatal)).toEqual([]);
  }
}

export class WorkerProcess {
  readonly messages: HostMessage[] = [];
  readonly #child: ChildProcess;

  constructor(config: HostConfig) {
    this.#child = fork(path.join(import.meta.dirname, "host.ts"), [JSON.stringify(config)]);
    this.#child.on("message", (message) => void this.messages.push(message as HostMessage));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get fatal(): string[] {
    return this.messages.flatMap((message) => (message.type === "fatal" ? [message.message] : []));
  }

  send(message: "open" | "stop"): void {
    this.#child.send(message);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended();
  }

  /** Resolves with its exit code. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
    return this.#child.exitCode;
  }

  /** Waits for a message of this type, or an event of this name. */
  async heard(what: string): Promise<HostMessage> {
    const found = (): HostMessage | undefined =>
      this.messages.find((each) => (each.type === "event" ? each.name : each.type) === what);
    await expect.poll(found, { timeout: 30_000, interval: 20 }).toBeDefined();
    return found()!;
  }
}
