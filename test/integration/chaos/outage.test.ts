/**
 * A provider that is down for a while, with and without a breaker in front of it. Runs have a short ladder, which does not outlast the outage:
 * without a breaker they become dead letters.
 *
 * `FLOWFORGE_OUTAGE_SECONDS` makes it as long as is asked for (default: until enough has been parked), `FLOWFORGE_OUTAGE_RUNS` the runs (default 100); what was
 * measured is printed then.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Action,
  defineAction,
  defineWorkflow,
  type Engine,
  type RunHandle,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";

const SECONDS = Number(process.env["FLOWFORGE_OUTAGE_SECONDS"] ?? 0);
const RUNS = Number(process.env["FLOWFORGE_OUTAGE_RUNS"] ?? 100);
const WAIT = { timeout: 60_000 + SECONDS * 1_000 };
const BREAKERS = { targets: { probeEvery: "1s", waveEvery: "1s", window: "5m", minimum: 10 } };

const flow = defineWorkflow({
  format: 1,
  name: "calling",
  nodes: { call: { kind: "action", action: "call", retry: { immediate: 2, backoff: [] } } },
  edges: [],
  output: "{{ nodes.call.output }}",
});
const wide = defineWorkflow({
  format: 1,
  name: "wide",
  nodes: {
    call: {
      kind: "action",
      action: "call",
      forEach: "input",
      concurrency: 20,
      retry: { immediate: 2, backoff: [] },
    },
  },
  edges: [],
});

/** Answers its first callers only when there are so many of them, so that they fail together. */
const TOGETHER = 12;

class Provider {
  isUp = false;
  /** While it was down, and since. */
  failed = 0;
  answered = 0;
  /** Seconds since it came up, of each call. */
  readonly since: number[] = [];
  #upAt = 0;
  #haveMet = false;
  #waiting: (() => void)[] = [];
  readonly action: Action = defineAction({
    name: "call",
    target: "provider",
    effect: "idempotent",
    run: () => this.#call(),
  });

  comeUp(): void {
    this.isUp = true;
    this.#upAt = performance.now();
    this.#release();
  }

  async #call(): Promise<string> {
    if (!this.isUp && !this.#haveMet) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        if (this.#waiting.length === TOGETHER) this.#release();
      });
    }
    if (this.isUp) {
      this.answered++;
      this.since.push(Math.floor((performance.now() - this.#upAt) / 1_000));
      return "done";
    }
    this.failed++;
    throw Object.assign(new Error("The provider is down."), { status: 503 });
  }

  #release(): void {
    this.#haveMet = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

onEachBackend("a provider that is down", (name) => {
  let backend: Backend;
  let provider: Provider;

  beforeEach(async () => {
    backend = await openBackend(name);
    provider = new Provider();
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  async function started(breakers: boolean): Promise<{ engine: Engine; told: string[] }> {
    const engine = backend.engine({
      actions: [provider.action],
      ...(breakers ? { breakers: BREAKERS } : {}),
    });
    const told: string[] = [];
    engine.on("breaker.opened", ({ scope, name: of }) => void told.push(`opened ${scope} ${of}`));
    engine.on("breaker.closed", ({ scope, name: of }) => void told.push(`closed ${scope} ${of}`));
    await engine.start();
    return { engine, told };
  }

  async function start(engine: Engine, count: number): Promise<readonly RunHandle[]> {
    return engine.runs.startMany(
      flow,
      Array.from({ length: count }, () => ({})),
    );
  }

  const parked = async (engine: Engine): Promise<number> =>
    (await engine.breakers.list()).items.reduce((sum, each) => sum + each.parked, 0);

  /** How many attempts the runs have used up beyond the one that succeeded. */
  async function burnt(runs: readonly RunHandle[]): Promise<number> {
    const details = await Promise.all(runs.map((run) => run.detail()));
    return details
      .flatMap(({ nodes }) => nodes.filter(({ node }) => node === "call"))
      .reduce((sum, { attempt, status }) => sum + attempt - (status === "succeeded" ? 1 : 0), 0);
  }

  describe("with a breaker", () => {
    test(
      "parks what it keeps from beginning, tells once, and lets it go on: nothing is lost",
      async () => {
        const { engine, told } = await started(true);
        const runs = [...(await start(engine, RUNS))];
        await expect.poll(() => told, WAIT).toEqual(["opened target provider"]);
        runs.push(...(await start(engine, RUNS)));
        // Of those that were under way some burnt an attempt before it opened, and are parked now like the others.
        await expect.poll(() => parked(engine), WAIT).toBeGreaterThan(RUNS);
        if (SECONDS > 0) await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000));
        provider.comeUp();
        expect(await Promise.all(runs.map((run) => run.result(WAIT)))).toEqual(runs.map(() => "done"));
        expect((await engine.deadLetters.list()).items).toEqual([]);
        await expect.poll(() => told, WAIT).toEqual(["opened target provider", "closed target provider"]);
        expect(await parked(engine)).toBe(0);
        expect(provider.answered).toBe(runs.length);
        // Only what failed before it opened counts: fewer than it takes.
        const attempts = await burnt(runs);
        expect(attempts).toBeLessThan(BREAKERS.targets.minimum);
        if (SECONDS > 0) report("with", { runs: runs.length, attempts });
      },
      WAIT.timeout * 3,
    );

    test(
      "items of a map wait as well, and none is a dead letter",
      async () => {
        const { engine, told } = await started(true);
        await engine.workflows.register(wide);
        const run = await engine.runs.start("wide", { input: Array.from({ length: 40 }, (_, n) => n) });
        await expect.poll(() => told, WAIT).toEqual(["opened target provider"]);
        provider.comeUp();
        await run.result(WAIT);
        expect(provider.answered).toBe(40);
        expect((await engine.deadLetters.list()).items).toEqual([]);
      },
      WAIT.timeout * 3,
    );

    test(
      "opened by hand it holds for every process, until it is closed by hand",
      async () => {
        provider.comeUp();
        const { engine } = await started(true);
        const { engine: other } = await started(true);
        const of = { scope: "target", name: "provider" } as const;
        await engine.breakers.open(of);
        const runs: RunHandle[] = [];
        const startMore = async (): Promise<number> => {
          runs.push(...(await start(other, 3)), ...(await start(engine, 3)));
          return parked(engine);
        };
        await expect.poll(startMore, WAIT).toBeGreaterThan(6);
        expect((await engine.breakers.list()).items).toMatchObject([{ ...of, phase: "open", byHand: true }]);
        expect((await engine.breakers.list({ workspace: "other" })).items).toEqual([]);
        await other.breakers.close(of);
        await Promise.all(runs.map((run) => run.result(WAIT)));
        await expect.poll(async () => (await engine.breakers.list()).items, WAIT).toEqual([]);
      },
      WAIT.timeout * 3,
    );
  });

  test(
    "without a breaker the same runs use up their attempts and are dead letters",
    async () => {
      const { engine } = await started(false);
      const count = SECONDS > 0 ? RUNS * 2 : TOGETHER;
      const runs = await start(engine, count);
      await Promise.all(runs.map((run) => run.result(WAIT).catch(() => null)));
      expect((await engine.deadLetters.list({ limit: 1_000 })).items).toHaveLength(Math.min(1_000, count));
      const attempts = await burnt(runs);
      expect(attempts).toBe(count * 3);
      expect((await engine.breakers.list()).items).toEqual([]);
      await expect(engine.breakers.open({ scope: "target", name: "provider" })).rejects.toThrow(/`breakers`/);
      if (SECONDS > 0) report("without", { runs: count, attempts });
    },
    WAIT.timeout * 3,
  );

  function report(how: string, { runs, attempts }: { runs: number; attempts: number }): void {
    const perSecond = Object.entries(Object.groupBy(provider.since, (second) => String(second))).map(
      ([second, calls]) => `${second}s: ${calls?.length ?? 0}`,
    );
    // oxlint-disable-next-line no-console -- asked for by the variable
    console.log(
      `${name}, ${how} a breaker, ${SECONDS} s down: ${runs} runs, ${attempts} attempts burnt, ${provider.failed} calls while it was down; calls after it came up ${perSecond.join(", ")}`,
    );
  }
});
