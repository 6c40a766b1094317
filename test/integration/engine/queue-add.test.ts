/** Jobs that runs add to the host's own queues: taken by BullMQ workers of the host, once for all attempts, and nowhere else. */
import { type ConnectionOptions, createPostgresBackend, Queue, runMigrations, Worker } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { queueAdd } from "../../../src/actions.ts";
import {
  createEngine,
  defineWorkflow,
  type Engine,
  type Json,
  type QueueOptions,
  RunFailedError,
  type RunHandle,
} from "../../../src/index.ts";
import { type Backend, type BackendName, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";
import { hostPrefix } from "./host-queues.ts";

/** The host's side, as its documentation of BullMQ says. */
class Host implements AsyncDisposable {
  readonly options: Omit<QueueOptions, "allow">;
  /** PostgreSQL's where it is a text. */
  readonly #server: ConnectionOptions | string;
  readonly #prefix: string;
  readonly #open: { close(): Promise<void> }[] = [];

  static async start(name: BackendName, backend: Backend): Promise<Host> {
    if (name === "postgres+redis") return new Host(hostPrefix(backend), await backend.redis());
    const client = await backend.database.pool().connect();
    await runMigrations(client, "jobs");
    client.release();
    return new Host("bull", backend.database.url);
  }

  private constructor(prefix: string, server: ConnectionOptions | string) {
    this.#prefix = prefix;
    this.#server = server;
    this.options = typeof server === "string" ? { schema: "jobs" } : { prefix };
  }

  queue(name: string): Queue {
    return this.#keep(
      typeof this.#server === "string"
        ? new Queue(name, { connection: postgres(this.#server) }, createPostgresBackend as never)
        : new Queue(name, { connection: this.#server, prefix: this.#prefix }),
    );
  }

  worker(name: string, work: (data: unknown) => Promise<unknown>): void {
    const handle = ({ data }: { data: unknown }) => work(data);
    this.#keep(
      typeof this.#server === "string"
        ? new Worker(name, handle, { connection: postgres(this.#server) }, createPostgresBackend as never)
        : new Worker(name, handle, { connection: this.#server, prefix: this.#prefix }),
    );
  }

  #keep<T extends { close(): Promise<void>; on(event: "error", listener: () => void): unknown }>(one: T): T {
    one.on("error", () => undefined);
    this.#open.push(one);
    return one;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#open.map((each) => each.close()));
  }
}

function postgres(connectionString: string): never {
  return { connectionString, schema: "jobs", max: 2 } as never;
}

function one(actionName: string, input: Json) {
  return defineWorkflow({
    format: 1,
    name: `adds-${actionName.replace(".", "-")}`,
    nodes: { a: { kind: "action", action: actionName, input, retry: { immediate: 1, backoff: [] } } },
    edges: [],
    output: "{{ nodes.a.output }}",
  } as never);
}

onEachBackend("queue.add", (name) => {
  let backend: Backend;
  let host: Host;
  let engine: Engine;
  const WAIT = { timeout: 10_000, interval: 20 };

  /** Adds a job, then fails at its first attempt. */
  const unlucky = action("unlucky", async ({ attempt, addJob }) => {
    const added = await addJob({ queue: "again", name: "n", data: { attempt } });
    await addJob({ queue: "again", name: "n", data: { attempt }, part: "second" });
    if (attempt === 1) throw new Error("too late");
    return added;
  });
  const wrong = action("wrong", async ({ input, addJob }) => addJob(input as never));
  const noJson = action("no-json", ({ addJob }) =>
    addJob({ queue: "emails", name: "n", data: { when: new Date() } }),
  );
  const leaky = action("leaky", async ({ addJob, redact }) => {
    redact("session-4711-token");
    return addJob({ queue: "leaks", name: "session-4711-token", data: { a: ["session-4711-token"] } });
  });

  beforeAll(async () => {
    backend = await openBackend(name);
    host = await Host.start(name, backend);
    engine = backend.engine({
      actions: [queueAdd, unlucky, wrong, noJson, leaky],
      queues: { ...host.options, allow: ["emails", "again", "leaks", "later"] },
    });
    await engine.start();
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    await backend[Symbol.asyncDispose]();
  });

  const start = (actionName: string, input: Json, workspace = "default"): Promise<RunHandle> =>
    engine.runs.start(one(actionName, input), { input: {}, workspace });

  async function refusal(run: RunHandle): Promise<unknown> {
    await expect(run.result({ timeout: "10s" })).rejects.toThrow(RunFailedError);
    const { nodes, attempts } = await run.detail();
    expect(attempts).toHaveLength(1);
    return nodes[0]!.error?.code;
  }

  test("a worker of the host gets the job, and it is kept when it has ended", async () => {
    const taken: unknown[] = [];
    host.worker("emails", async (data) => taken.push(data));
    const run = await start("queue.add", { queue: "emails", name: "welcome", data: { to: "ada" } });
    const output = (await run.result({ timeout: "10s" })) as { id: string };
    expect(output).toEqual({ queue: "emails", id: expect.stringMatching(/^flowforge-[0-9a-f]{52}$/) });
    await expect.poll(() => taken, WAIT).toEqual([{ to: "ada" }]);
    const queue = host.queue("emails");
    await expect.poll(async () => (await queue.getJob(output.id))?.getState(), WAIT).toBe("completed");
    const job = (await queue.getJob(output.id))!;
    expect(job).toMatchObject({ name: "welcome", opts: { removeOnComplete: { age: 86_400 } } });
  });

  test("what is asked for a job holds", async () => {
    const run = await start("queue.add", {
      queue: "later",
      name: "n",
      delay: "1h",
      priority: 7,
      attempts: 3,
      backoff: { type: "exponential", delay: "1s" },
      keepFailed: "2d",
    });
    const { id } = (await run.result({ timeout: "10s" })) as { id: string };
    const job = (await host.queue("later").getJob(id))!;
    expect(job).toMatchObject({ data: {}, delay: 3_600_000, priority: 7 });
    expect(job.opts).toMatchObject({
      attempts: 3,
      backoff: { type: "exponential", delay: 1_000 },
      removeOnFail: { age: 172_800 },
    });
    expect(await job.getState()).toBe("delayed");
  });

  test("an attempt that failed after it had added a job is repeated without adding it again", async () => {
    const { id } = (await (await start("unlucky", null)).result({ timeout: "10s" })) as { id: string };
    const jobs = await host.queue("again").getJobs();
    const found = new Map(jobs.map((job) => [job.id, job.data]));
    expect(found.size).toBe(jobs.length);
    expect(Object.fromEntries(found)).toEqual({ [id]: { attempt: 1 }, [`${id}-second`]: { attempt: 1 } });
  });

  test("a secret that the attempt knows is in no job", async () => {
    await (await start("leaky", null)).result({ timeout: "10s" });
    const [job] = await host.queue("leaks").getJobs();
    expect(job).toMatchObject({ name: "[redacted]", data: { a: ["[redacted]"] } });
  });

  test("other queues are refused, those of the engine too", async () => {
    for (const queue of ["other", "default", "{default}", `${backend.queuePrefix}.default`])
      expect(await refusal(await start("queue.add", { queue, name: "n" }))).toBe("queue_not_allowed");
    expect(await refusal(await start("wrong", { queue: "emails:wait", name: "n" }))).toBe("option_invalid");
    expect(await refusal(await start("wrong", { queue: "emails" }))).toBe("option_invalid");
    expect(await refusal(await start("no-json", null))).toBe("value_invalid");
  });

  test("without the option every queue is refused; a function decides by workspace", async () => {
    const asked: unknown[] = [];
    const allow: QueueOptions["allow"] = (request) => {
      asked.push(request);
      return request.queue === `emails-of-${request.workspace}`;
    };
    const options = [{}, { queues: { ...host.options, allow } }];
    for (const [index, more] of options.entries()) {
      const other = backend.engine({
        ...more,
        actions: [queueAdd],
        schema: `other_${index}`,
        queuePrefix: `${backend.queuePrefix}_${index}`,
      });
      await other.start();
      const add = (queue: string) =>
        other.runs.start(one("queue.add", { queue, name: "n" }), { input: {}, workspace: "acme" });
      expect(await refusal(await add("emails"))).toBe("queue_not_allowed");
      if (index === 0) continue;
      const run = await add("emails-of-acme");
      await run.result({ timeout: "10s" });
      const where = { workspace: "acme", workflow: "adds-queue-add", runId: run.id, node: "a" };
      expect(asked).toContainEqual({ queue: "emails-of-acme", ...where });
      expect(await host.queue("emails-of-acme").getJobCountByTypes("waiting")).toBe(1);
    }
  });

  if (name === "postgres") {
    test("a schema that nobody has migrated is told, and tried again", async () => {
      const other = backend.engine({
        actions: [queueAdd],
        schema: "other",
        queuePrefix: `${backend.queuePrefix}_other`,
        queues: { allow: ["emails"] },
      });
      await other.start();
      const run = await other.runs.start(one("queue.add", { queue: "emails", name: "n" }), { input: {} });
      await expect(run.result({ timeout: "10s" })).rejects.toThrow(/schema_outdated/);
      expect((await run.detail()).attempts).toHaveLength(2);
    });
  }
});

test.each([
  [
    "the engine's prefix",
    { redis: "redis://x", queues: { allow: [], prefix: "flowforge" } },
    /queues.prefix/,
  ],
  ["below it", { redis: "redis://x", queues: { allow: [], prefix: "flowforge:{default}" } }, /queues.prefix/],
  ["the engine's queue schema", { queues: { allow: [], schema: "flowforge_queue" } }, /queues.schema/],
  ["the engine's schema", { queues: { allow: [], schema: "flowforge" } }, /queues.schema/],
  ["a prefix on PostgreSQL", { queues: { allow: [], prefix: "bull" } }, /queues.prefix/],
  ["a schema on Redis", { redis: "redis://x", queues: { allow: [], schema: "bullmq" } }, /queues.schema/],
  ["nothing that is allowed", { queues: {} }, /queues.allow/],
  ["a name with a colon", { queues: { allow: ["a:b"] } }, /queues.allow/],
  ["a name that is mistyped", { queues: { allow: [], prefx: "a" } }, /Did you mean "prefix"/],
])("%s is refused before anything is connected", (_, options, message) => {
  expect(() => createEngine(options as never)).toThrow(message);
});
