/** One rehearsal of the scenario in a database of its own, with a worker that is stopped at one point, and what it left behind. */
import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import {
  defineWorkflow,
  type Engine,
  RunFailedError,
  type RunDetail,
  type RunHandle,
} from "../../../../src/index.ts";
import { type CrashProxy, crashProxy, type Moment } from "../../../support/crash-proxy.ts";
import { type TestDatabase, testDatabase } from "../../../support/servers.ts";
import { type Backend, type BackendName, openBackend } from "../../engine/backends.ts";
import { actions, doomed, winding, word } from "./scenario.ts";
import type { CrashWorkerConfig } from "./worker.ts";

export interface CrashPoint {
  readonly server: "postgres" | "redis";
  readonly point: number;
  readonly moment: Moment;
}

export interface Execution {
  readonly run_id: string;
  readonly node: string;
  readonly attempt: number;
  readonly pid: number;
  readonly key: string;
}

export interface Rehearsal {
  /** The worker came as far as the point, and was stopped there. */
  readonly killed: boolean;
  readonly victim: number;
  /** Points that there were, by server. */
  readonly points: { readonly postgres: number; readonly redis: number };
  /** Node runs that had ended when the worker was stopped: `<run> <node>`. */
  readonly endedBefore: ReadonlySet<string>;
  readonly executions: readonly Execution[];
  readonly runs: readonly { readonly detail: RunDetail; readonly end: unknown }[];
}

/** What a worker writes for its runs; its heartbeats and reads are no points. */
const WRITES = /flowforge_commit|flowforge_append|flowforge_lock/;
const LEASE = "1s";

/** `point: null`: nobody is stopped. */
export async function rehearse(
  backendName: BackendName,
  point: CrashPoint | null,
  runs: number,
): Promise<Rehearsal> {
  await using stage = await Stage.open(backendName, point);
  return await stage.play(runs);
}

class Stage implements AsyncDisposable {
  readonly #backend: Backend;
  readonly #notes: TestDatabase;
  readonly #point: CrashPoint | null;
  readonly #proxies: CrashProxy[] = [];
  readonly #killed = Promise.withResolvers<void>();
  #victim: ReturnType<typeof fork> | null = null;
  #working = false;

  private constructor(backend: Backend, notes: TestDatabase, point: CrashPoint | null) {
    this.#backend = backend;
    this.#notes = notes;
    this.#point = point;
  }

  static async open(name: BackendName, point: CrashPoint | null): Promise<Stage> {
    const [backend, notes] = await Promise.all([openBackend(name), testDatabase()]);
    await notes.query("create table effects (run_id text, node text, attempt int, pid int, key text)");
    return new Stage(backend, notes, point);
  }

  async play(amount: number): Promise<Rehearsal> {
    const client = this.#backend.engine();
    await client.start({ work: false, maintain: false });
    const victim = await this.#startVictim();
    const handles = await this.#startRuns(client, amount);
    const ended = Promise.all(handles.map((run) => endOf(run)));
    const killed = await Promise.race([this.#killed.promise.then(() => true), ended.then(() => false)]);
    const endedBefore = await this.#endedNodes();
    // A second worker takes over, whose process is this one.
    const survivor = this.#survivor();
    await survivor.start();
    const ends = await ended;
    const details = await Promise.all(handles.map((run) => run.detail()));
    const [postgres = 0, redis = 0] = this.#proxies.map((proxy) => proxy.points);
    return {
      killed,
      victim,
      points: { postgres, redis },
      endedBefore,
      executions: await this.#notes.query<Execution & { [column: string]: unknown }>("select * from effects"),
      runs: details.map((detail, index) => ({ detail, end: ends[index] })),
    };
  }

  async #startVictim(): Promise<number> {
    const { connection } = this.#backend;
    const isRedisPoint = (): boolean => true;
    const isWrite = (sent: Buffer): boolean => WRITES.test(sent.toString("latin1"));
    const postgres = await this.#proxy("postgres", connection.postgres as string, isWrite);
    const redis =
      typeof connection.redis === "string"
        ? await this.#proxy("redis", connection.redis, isRedisPoint)
        : null;
    const config: CrashWorkerConfig = {
      connection: { ...connection, postgres, ...(redis ? { redis } : {}), worker: { lease: LEASE } },
      effects: this.#notes.url,
    };
    this.#victim = fork(path.join(import.meta.dirname, "worker.ts"), [JSON.stringify(config)]);
    await once(this.#victim, "message");
    this.#working = true;
    return this.#victim.pid!;
  }

  async #proxy(
    server: CrashPoint["server"],
    target: string,
    isPoint: (sent: Buffer) => boolean,
  ): Promise<string> {
    const at = this.#point?.server === server ? this.#point : null;
    const kill = (): void => {
      this.#victim?.kill("SIGKILL");
      this.#killed.resolve();
    };
    // Points are counted from the moment on at which there is work: a start has its own tests.
    const proxy = await crashProxy({
      target,
      isPoint: (sent) => this.#working && isPoint(sent),
      at,
      kill,
    });
    this.#proxies.push(proxy);
    return proxy.url;
  }

  async #startRuns(client: Engine, amount: number): Promise<readonly RunHandle[]> {
    const inputs = Array.from({ length: amount }, (_, n) => ({ input: { n } }));
    const [some, others] = await Promise.all([
      client.runs.startMany(defineWorkflow(winding), inputs),
      client.runs.startMany(defineWorkflow(doomed), inputs.slice(0, Math.ceil(amount / 4))),
    ]);
    await Promise.all(some.map((run) => run.signal("word", word)));
    return [...some, ...others];
  }

  async #endedNodes(): Promise<ReadonlySet<string>> {
    const rows = await this.#backend.database.query<{ run_id: string; node: string }>(
      "select run_id, node from flowforge.node_runs where status in ('succeeded', 'failed', 'skipped')",
    );
    return new Set(rows.map((row) => `${row.run_id} ${row.node}`));
  }

  #survivor(): Engine {
    return this.#backend.engine({
      worker: { lease: LEASE },
      actions: [
        ...actions(async ({ run, node, attempt, idempotencyKey }) => {
          const values = [run.id, node.id, attempt, process.pid, idempotencyKey];
          await this.#notes.query(
            "insert into effects (run_id, node, attempt, pid, key) values ($1, $2, $3, $4, $5)",
            values,
          );
        }),
      ],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#victim?.kill("SIGKILL");
    await Promise.all(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
    await this.#backend[Symbol.asyncDispose]();
    await this.#notes.drop();
  }
}

/** The result, or the code of the error that the run ended with. */
async function endOf(run: RunHandle): Promise<unknown> {
  try {
    return await run.result({ timeout: "60s" });
  } catch (error) {
    if (error instanceof RunFailedError) return "failed";
    throw error;
  }
}
