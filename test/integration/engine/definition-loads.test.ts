/**
 * From where definitions come in a life like that of a service: one process registers and starts, others work. How many of each place is printed. Larger:
 * `FLOWFORGE_RUNS=10000 FLOWFORGE_WORKFLOWS=100 npx vitest run test/integration/engine/definition-loads.test.ts`.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { createHandler } from "../../../src/http.ts";
import { type Action, defineAction, defineWorkflow, type Engine } from "../../../src/index.ts";
import {
  describeRedis,
  startRedis,
  testDatabase,
  type TestDatabase,
  type TestServer,
} from "../../support/servers.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { createEngine } from "../../../src/index.ts";

const RUNS = Number(process.env["FLOWFORGE_RUNS"] ?? 400);
const WORKFLOWS = Number(process.env["FLOWFORGE_WORKFLOWS"] ?? 20);
const BATCH = 100;

const actions = [defineAction({ name: "give", run: ({ input }) => input as never })] as Action[];
const names = Array.from({ length: WORKFLOWS }, (_, at) => `flow-${at}`);

interface Loads {
  readonly memory: number;
  readonly redis: number;
  readonly postgres: number;
}

function flow(name: string, description = ""): ReturnType<typeof defineWorkflow> {
  return defineWorkflow({
    format: 1,
    name,
    description,
    nodes: {
      a: { kind: "action", action: "give", input: 1 },
      b: { kind: "action", action: "give", input: 2 },
    },
    edges: [{ from: "a", to: "b" }],
    output: "{{ nodes.b.output }}",
  });
}

async function loadsOf(engine: Engine): Promise<Loads> {
  const handler = createHandler(engine, { authorize: () => null, metrics: { authorize: () => true } });
  const text = await (await handler(new Request("http://flow.test/metrics"))).text();
  const of = (source: string): number =>
    Number(new RegExp(`definition_loads_total\\{source="${source}"\\} (\\d+)`).exec(text)?.[1]);
  return { memory: of("memory"), redis: of("redis"), postgres: of("postgres") };
}

async function runAll(api: Engine): Promise<void> {
  for (let begun = 0; begun < RUNS; begun += BATCH) {
    const some = Array.from(
      { length: Math.min(BATCH, RUNS - begun) },
      (_, at) => names[(begun + at) % WORKFLOWS]!,
    );
    const runs = await Promise.all(some.map((name) => api.runs.start(name)));
    const results = await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
    expect(results.every((result) => result === 2)).toBe(true);
  }
}

onEachBackend("where definitions come from", (name) => {
  let backend: Backend;
  beforeEach(async () => {
    backend = await openBackend(name);
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  test(`${RUNS} runs of ${WORKFLOWS} workflows`, { timeout: 600_000 }, async () => {
    const registering = backend.engine({ actions });
    await registering.start({ work: false, maintain: false });
    for (const each of names) await registering.workflows.register(flow(each));
    // What these know they have from elsewhere.
    const api = backend.engine({ actions });
    await api.start({ work: false });
    const workers = [backend.engine({ actions }), backend.engine({ actions })];
    for (const worker of workers) await worker.start();
    await runAll(api);
    const found = { api: await loadsOf(api), workers: await Promise.all(workers.map(loadsOf)) };
    process.stdout.write(
      `definition loads, ${name}, ${RUNS} runs of ${WORKFLOWS}: ${JSON.stringify(found)}\n`,
    );
    for (const loads of [found.api, ...found.workers]) {
      expect(loads.redis + loads.postgres).toBeLessThanOrEqual(WORKFLOWS);
      if (name === "postgres") expect(loads.redis).toBe(0);
      else expect(loads.postgres).toBe(0);
    }
    expect(found.api.redis + found.api.postgres).toBe(WORKFLOWS);
    expect(found.api.memory).toBeGreaterThanOrEqual(RUNS - WORKFLOWS);
  });

  test("a run has the version that was registered before it was started, wherever that was", async () => {
    const one = backend.engine({ actions });
    const other = backend.engine({ actions });
    await one.start();
    await other.start();
    for (let version = 1; version <= 5; version++) {
      await one.workflows.register(flow("moving", `version ${version}`));
      const run = await other.runs.start("moving");
      await run.result({ timeout: "20s" });
      expect((await other.runs.get(run.id))?.header.version).toBe(version);
    }
  });
});

describeRedis("a Redis that goes", () => {
  let database: TestDatabase;
  let server: TestServer;
  let engines: Engine[] = [];
  beforeEach(async () => {
    [database, server] = await Promise.all([testDatabase(), startRedis()]);
  });
  afterEach(async () => {
    await Promise.all(engines.map((engine) => engine.stop({ timeout: "2s" })));
    engines = [];
    await server.stop();
    await database.drop();
  });

  async function started(): Promise<Engine> {
    const engine = createEngine({ postgres: database.url, redis: server.url, actions });
    engines.push(engine);
    await engine.start();
    return engine;
  }

  test("takes no definition with it: what nobody has in memory comes from PostgreSQL, and the run ends", async () => {
    const first = await started();
    for (const each of names) await first.workflows.register(flow(each));
    const second = await started();
    await server.stop();
    const run = await second.runs.start(names[0]!);
    expect(await run.result({ timeout: "30s" })).toBe(2);
    expect(await loadsOf(second)).toMatchObject({ redis: 0, postgres: 1 });
  });
});
