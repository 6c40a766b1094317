/**
 * Servers that are killed under an engine: nothing reaches the process as an uncaught error, the engine works again when they are
 * back, and what it had accepted comes to its end.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createEngine, defineWorkflow, type Engine, type RunHandle } from "../../../src/index.ts";
import { describeRedis, startPostgres, startRedis, type TestServer } from "../../support/servers.ts";
import { collectingLogger } from "../engine/backends.ts";
import { add, chain } from "../engine/documents.ts";

/** What would have ended the process. Vitest hears it too, and fails the run. */
const fatal: unknown[] = [];
const record = (error: unknown): void => void fatal.push(error);
const MINUTE = { timeout: 60_000 } as const;
const WORKFLOW = defineWorkflow(chain(5));

beforeEach(() => {
  process.on("uncaughtExceptionMonitor", record);
  process.on("unhandledRejection", record);
});

afterEach(() => {
  process.off("uncaughtExceptionMonitor", record);
  process.off("unhandledRejection", record);
  expect(fatal.splice(0)).toEqual([]);
});

describe("PostgreSQL alone", () => suite([startPostgres]));
describeRedis("PostgreSQL and Redis", () => suite([startPostgres, startRedis]));

function suite(starters: readonly (() => Promise<TestServer>)[]): void {
  describe.each([true, false])("work inline: %s", (inline) => {
    test.each(["idle", "busy"])(
      "killed under an engine that is %s",
      async (state) => {
        const [postgres, redis] = await Promise.all(starters.map((start) => start()));
        await using servers = new Servers([postgres!, ...(redis ? [redis] : [])]);
        const connection = { postgres: postgres!.url, ...(redis ? { redis: redis.url } : {}) };
        const logger = collectingLogger();
        const engine = createEngine({ ...connection, logger, actions: [add()], worker: { inline } });
        servers.engine = engine;
        await engine.start();
        await (await engine.runs.start(WORKFLOW, { input: { n: 0 } })).result({ timeout: "20s" });

        const load = new Load(engine);
        if (state === "busy") await load.begin(50);
        await servers.kill();
        // Accepted when the server is back: a start that was under way then may have been stored.
        const meanwhile = engine.runs.start(WORKFLOW, { input: { n: 0 } });
        meanwhile.catch(() => undefined);
        await expect.poll(() => logger.lines.map(causeOf), MINUTE).toContain("postgres_unreachable");
        await servers.restart();
        await load.end();
        expect(await (await meanwhile).result({ timeout: "60s" })).toBe(5);

        const after = await engine.runs.start(WORKFLOW, { input: { n: 10 } });
        expect(await after.result({ timeout: "30s" })).toBe(15);
        const results = await Promise.all(load.accepted.map((run) => run.result({ timeout: "60s" })));
        expect(new Set(results)).toEqual(new Set(state === "busy" ? [5] : []));
      },
      120_000,
    );
  });
}

/** Starts runs one after the other, whatever becomes of the servers. */
class Load {
  readonly accepted: RunHandle[] = [];
  readonly #engine: Engine;
  #going = true;
  #ended: Promise<void> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Resolves when so many runs were accepted; goes on until `end`. */
  async begin(count: number): Promise<void> {
    this.#ended = Promise.all([1, 2, 3, 4].map(() => this.#keepStarting())).then(() => undefined);
    await expect.poll(() => this.accepted.length, MINUTE).toBeGreaterThanOrEqual(count);
  }

  async end(): Promise<void> {
    this.#going = false;
    await this.#ended;
  }

  async #keepStarting(): Promise<void> {
    while (this.#going) {
      const run = await this.#engine.runs.start(WORKFLOW, { input: { n: 0 } }).catch(() => null);
      // A refusal may be immediate: the loop must turn for the rest of the process.
      if (run === null) await new Promise((resolve) => setImmediate(resolve));
      else this.accepted.push(run);
    }
  }
}

class Servers implements AsyncDisposable {
  readonly #servers: readonly TestServer[];
  engine: Engine | null = null;

  constructor(servers: readonly TestServer[]) {
    this.#servers = servers;
  }

  async kill(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.kill()));
  }

  async restart(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.restart()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine?.stop({ timeout: "5s" });
    await Promise.all(this.#servers.map((server) => server.stop()));
  }
}

function causeOf({ fields }: { readonly fields: object }): unknown {
  const error: unknown = "error" in fields ? fields.error : null;
  return typeof error === "object" && error !== null && "code" in error ? error.code : null;
}
