/** One rehearsal of the scenario in a database of its own, with a worker that is stopped at one point, and what it left behind. */
import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import {
  defineWorkflow,
  type Engine,
  RunCancelledError,
  RunFailedError,
  type RunDetail,
  type RunHandle,
} from "../../../../src/index.ts";
import { type CrashProxy, crashProxy, type Moment } from "../../../support/crash-proxy.ts";
import { type TestDatabase, testDatabase } from "../../../support/servers.ts";
import { type Backend, type BackendName, openBackend } from "../../engine/backends.ts";
import { type Execution, noteIn, NOTES_TABLE } from "./notes.ts";
import { actions, below, type Plot, plots } from "./scenario.ts";
import type { CrashWorkerConfig } from "./worker.ts";

export interface CrashPoint {
  readonly server: "postgres" | "redis";
  readonly point: number;
  readonly moment: Moment;
}

export interface Rehearsal {
  /** The worker came as far as the point, and was stopped there. */
  readonly killed: boolean;
  readonly victim: number;
  /** Points that there were, by server. */
  readonly points: { readonly postgres: number; readonly redis: number };
  /** Node runs that had ended when the worker was stopped, and their parts: `<run> <node>`, `<run> <node>/<part>`. */
  readonly endedBefore: ReadonlySet<string>;
  readonly executions: readonly Execution[];
  readonly runs: readonly RehearsedRun[];
  /** Runs whose transactional action wrote its line, as often as it did. */
  readonly ledger: readonly string[];
  /** Runs that still have a place at the gate of their workflow, or wait for one. */
  readonly atGates: readonly string[];
}

export interface RehearsedRun {
  readonly plot: Plot;
  /** Its input was `{ n }`. */
  readonly n: number;
  readonly detail: RunDetail;
  readonly end: unknown;
}

interface StartedRun extends Pick<RehearsedRun, "plot" | "n"> {
  readonly run: RunHandle;
}

/** What a worker writes for its runs; its heartbeats and reads are no points. */
const WRITES =
  /flowforge_(?:commit|append|lock|save_memo|admit|tell|claim_items|finish_items)|insert into ledger|commit/;
const LEASE = "1s";

/** So many runs of each plot. */
export const RUNS_EACH = 2;

/** `point: null`: nobody is stopped. */
export async function rehearse(backendName: BackendName, point: CrashPoint | null): Promise<Rehearsal> {
  await using stage = await Stage.open(backendName, point);
  return await stage.play();
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
    await notes.query(NOTES_TABLE);
    await backend.database.query("create table ledger (run_id text)");
    return new Stage(backend, notes, point);
  }

  async play(): Promise<Rehearsal> {
    const client = this.#backend.engine();
    await client.start({ work: false, maintain: false });
    const victim = await this.#startVictim();
    const started = await startRuns(client);
    const ended = Promise.all(started.map(({ plot, run }) => endOf(plot, run, client)));
    const killed = await Promise.race([this.#killed.promise.then(() => true), ended.then(() => false)]);
    const endedBefore = await this.#endedNodes();
    // A second worker takes over, whose process is this one.
    const survivor = this.#survivor();
    await survivor.start();
    const ends = await ended;
    const details = await Promise.all(started.map(({ run }) => run.detail()));
    const [postgres = 0, redis = 0] = this.#proxies.map((proxy) => proxy.points);
    return {
      killed,
      victim,
      points: { postgres, redis },
      endedBefore,
      executions: await this.#notes.query<Execution & { [column: string]: unknown }>(
        "select * from effects order by id",
      ),
      atGates: (
        await this.#backend.database.query<{ run_id: string }>("select run_id from flowforge.run_gates")
      ).map((row) => row.run_id),
      ledger: (await this.#backend.database.query<{ run_id: string }>("select run_id from ledger")).map(
        (row) => row.run_id,
      ),
      runs: started.map(({ plot, n }, i) => ({ plot, n, detail: details[i]!, end: ends[i] })),
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

  async #endedNodes(): Promise<ReadonlySet<string>> {
    const rows = await this.#backend.database.query<{ run_id: string; node: string }>(
      `select run_id, case when item < 0 then node else node || '[' || item || ']' end as node
       from flowforge.node_runs where status in ('succeeded', 'failed', 'skipped')
       union all select run_id, node || '/' || name from flowforge.step_memos where name <> ''`,
    );
    return new Set(rows.map((row) => `${row.run_id} ${row.node}`));
  }

  #survivor(): Engine {
    const note = noteIn((text, values) => this.#notes.query(text, [...values]));
    return this.#backend.engine({ worker: { lease: LEASE }, actions: actions(note) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#victim?.kill("SIGKILL");
    await Promise.all(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
    await this.#backend[Symbol.asyncDispose]();
    await this.#notes.drop();
  }
}

async function startRuns(client: Engine): Promise<readonly StartedRun[]> {
  await client.workflows.register(below);
  const numbers = Array.from({ length: RUNS_EACH }, (_, n) => n);
  const ofPlot = async (plot: Plot): Promise<readonly StartedRun[]> => {
    const workflow = defineWorkflow(plot.document);
    const runs = await client.runs.startMany(
      workflow,
      numbers.map((n) => ({ input: { n } })),
    );
    return runs.map((run, n) => ({ plot, n, run }));
  };
  return (await Promise.all(plots.map(ofPlot))).flat();
}

/** The result, or how the run ended without one. */
async function endOf(plot: Plot, run: RunHandle, client: Engine): Promise<unknown> {
  await plot.meddle?.(run, client);
  try {
    return await run.result({ timeout: "60s" });
  } catch (error) {
    if (error instanceof RunFailedError) return "failed";
    if (error instanceof RunCancelledError) return "cancelled";
    throw error;
  }
}
