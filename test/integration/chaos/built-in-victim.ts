/** A worker process with the built-in actions that is stopped with `kill -9` at a moment that is seen from outside. */
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import path from "node:path";
import { expect } from "vitest";
import { createPostgresBackend, Queue, runMigrations } from "bullmq";
import { builtInActions } from "../../../src/actions.ts";
import {
  defineWorkflow,
  type Engine,
  type EngineOptions,
  type Json,
  type RunDetail,
  type RunHandle,
} from "../../../src/index.ts";
import { redisUrl } from "../../support/servers.ts";
import { type Backend, type BackendName, openBackend } from "../engine/backends.ts";
import { LEASE_MS } from "./processes.ts";

const WAIT = { timeout: 20_000, interval: 20 };

/** Locks of the engine's database: who stands before one has come to the point behind which it is. */
const LOCKS = {
  /** The action asks for its credential: nothing has been sent. */
  credential: "lock table flowforge.credentials in access exclusive mode",
  /** The action has ended, and its result is being committed. */
  commit: "select from flowforge.runs for no key update",
  /** The same, for an action that itself writes to other runs, and has done so. See `gateEnds`. */
  end: "select pg_advisory_xact_lock(4711)",
} as const;

export class VictimScene implements AsyncDisposable {
  readonly backend: Backend;
  readonly client: Engine;
  readonly #options: EngineOptions;
  #victim: ChildProcess | null = null;

  static async open(name: BackendName): Promise<VictimScene> {
    const backend = await openBackend(name);
    const scene = new VictimScene(backend, name);
    await scene.client.start({ work: false, maintain: false });
    return scene;
  }

  private constructor(backend: Backend, name: BackendName) {
    this.backend = backend;
    this.#options = {
      ...backend.connection,
      encryption: { keys: { k1: randomBytes(32).toString("base64") }, current: "k1" },
      http: { allowPrivateNetwork: true },
      worker: { lease: LEASE_MS },
      queues: hostQueues(name, backend),
    };
    this.client = backend.engine({ ...this.#options, actions: builtInActions });
  }

  /** A run of one node. */
  start(action: string, input: Json, credentials: readonly string[] = []): Promise<RunHandle> {
    const nodes = { a: { kind: "action", action, input, credentials } };
    const document = { format: 1, name: "one", nodes, edges: [], output: "{{ nodes.a.output }}" };
    return this.client.runs.start(defineWorkflow(document as never));
  }

  /** As the host sees it. */
  async hostQueue(): Promise<Queue & AsyncDisposable> {
    const { prefix, schema } = this.#options.queues!;
    const { database } = this.backend;
    if (schema !== undefined) {
      const client = await database.pool().connect();
      await runMigrations(client, schema);
      client.release();
    }
    const connection =
      schema === undefined ? { url: redisUrl()! } : { connectionString: database.url, schema };
    const settings = { connection: connection as never, ...(prefix === undefined ? {} : { prefix }) };
    const queue = new Queue(
      "emails",
      settings,
      schema === undefined ? undefined : (createPostgresBackend as never),
    );
    queue.on("error", () => undefined);
    return Object.assign(queue, { [Symbol.asyncDispose]: () => queue.close() });
  }

  /** From now on a run of one node passes the lock `end` when it succeeds. */
  async gateEnds(): Promise<void> {
    await this.backend.database.query(`
      create function flowforge.pass() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(4711); return new; end $$;
      create trigger pass before update on flowforge.runs for each row
        when (new.workflow = 'one' and new.status = 'succeeded') execute function flowforge.pass()`);
  }

  async startVictim(): Promise<void> {
    const victim = fork(path.join(import.meta.dirname, "built-in-host.ts"), [JSON.stringify(this.#options)]);
    this.#victim = victim;
    await once(victim, "message");
  }

  async kill(): Promise<void> {
    const victim = this.#victim!;
    this.#victim = null;
    victim.kill("SIGKILL");
    await once(victim, "exit");
  }

  /** Lets nobody through, does `meanwhile`, and kills the process when it stands before the lock. */
  async killAt(lock: keyof typeof LOCKS, meanwhile: () => unknown): Promise<void> {
    const { database } = this.backend;
    const session = await database.pool().connect();
    const waiting = `from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    try {
      await session.query("begin");
      await session.query(LOCKS[lock]);
      await meanwhile();
      await expect
        .poll(async () => (await database.query(`select ${waiting}`)).length, WAIT)
        .toBeGreaterThan(0);
      await this.kill();
      // What it had sent must not be done after all: that would be a commit whose reply was lost.
      await database.query(`select pg_terminate_backend(pid) ${waiting}`);
    } finally {
      await session.query("rollback");
      session.release();
    }
  }

  /** Another worker takes over; gives the run at its end. */
  async finish(run: RunHandle): Promise<RunDetail> {
    return (await this.finishAll([run]))[0]!;
  }

  async finishAll(runs: readonly RunHandle[]): Promise<readonly RunDetail[]> {
    await this.backend.engine({ ...this.#options, actions: [...builtInActions] }).start();
    await Promise.all(runs.map((run) => run.result({ timeout: "30s" }).catch(() => undefined)));
    return Promise.all(runs.map((run) => run.detail()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#victim?.kill("SIGKILL");
    await this.backend[Symbol.asyncDispose]();
  }
}

/** Of the host's own, for `queue.add`. */
function hostQueues(name: BackendName, { queuePrefix }: Backend): EngineOptions["queues"] & object {
  const allow = ["emails"];
  return name === "postgres" ? { allow, schema: "jobs" } : { allow, prefix: `${queuePrefix}_host` };
}
