/** Limits of workspaces, on both backends: what does not fit waits in PostgreSQL, begins when there is room, and nothing is lost. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { defineAction, defineWorkflow, type Engine, type RunHandle } from "../../../src/index.ts";
import { type Backend, type BackendName, onEachBackend, openBackend } from "./backends.ts";

const Input = z.object({ n: z.number() });

/** Records who is at work. `hold`: an action ends when all are let go. */
class Shop {
  begun = 0;
  /** What they were given, in the order in which they began. */
  readonly order: number[] = [];
  #atWork = 0;
  most = 0;
  hold = false;
  #held: (() => void)[] = [];
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  readonly action = defineAction({
    name: "serve",
    input: Input,
    effect: "idempotent",
    run: async ({ input: { n } }) => {
      this.begun++;
      this.order.push(n);
      this.most = Math.max(this.most, ++this.#atWork);
      for (const { count, resolve } of this.#waiting) if (this.begun >= count) resolve();
      if (this.hold) await new Promise<void>((resolve) => this.#held.push(resolve));
      else await new Promise(setImmediate);
      this.#atWork--;
      return n;
    },
  });

  /** So many have begun. */
  async until(count: number): Promise<void> {
    if (this.begun >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  letGo(): void {
    this.hold = false;
    for (const go of this.#held.splice(0)) go();
  }
}

const one = defineWorkflow({
  name: "one",
  input: Input,
  build: ({ action, input }) => action("a", "serve", { n: input.n }).output,
});

const chain = defineWorkflow({
  name: "chain",
  input: Input,
  build: ({ action, input }) => {
    const a = action("a", "serve", { n: input.n });
    const b = action("b", "serve", { n: input.n }, { after: [a] });
    return action("c", "serve", { n: input.n }, { after: [b] }).output;
  },
});

const wide = defineWorkflow({
  name: "wide",
  input: z.object({ items: z.array(z.number()) }),
  build: ({ action, input }) =>
    action("each", "serve", (item) => ({ n: item }), { forEach: input.items }).output,
});

const TIMEOUT = { timeout: "50s" } as const;
const POLL = { timeout: 45_000 } as const;
const results = (runs: readonly RunHandle[]): Promise<readonly unknown[]> =>
  Promise.all(runs.map((run) => run.result(TIMEOUT)));

onEachBackend("limits of a workspace", (name: BackendName) => {
  let backend: Backend;
  let shop: Shop;

  beforeEach(async () => {
    backend = await openBackend(name);
    shop = new Shop();
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  async function engine(options: { work?: boolean; maintain?: boolean } = {}, worker = {}): Promise<Engine> {
    // Nobody is declared dead on a busy machine: who is may still run what has its place elsewhere.
    const settings = { lease: "60s", ...worker };
    const made = backend.engine({ actions: [shop.action], workflows: [one, chain, wide], worker: settings });
    await made.start(options);
    return made;
  }

  const start = (on: Engine, count: number, workspace = "acme"): Promise<readonly RunHandle[]> =>
    Promise.all(
      Array.from({ length: count }, (_, n) => on.runs.start(one, { input: { n }, workspace })),
    ) as Promise<readonly RunHandle[]>;

  const rows = async (status: string): Promise<number> => {
    const [row] = await backend.database.query<{ n: string }>(
      `select count(*) as n from flowforge.node_runs where status = '${status}'`,
    );
    return Number(row!.n);
  };

  test("no more run at once than it may, over all workers, and all of them run", async () => {
    const first = await engine();
    const second = await engine();
    await first.workspaces.setLimits("acme", { concurrency: 2 });
    await second.workspaces.setLimits("acme", { concurrency: 2 });
    const runs = [...(await start(first, 15)), ...(await start(second, 15))];
    expect((await results(runs)).length).toBe(30);
    expect(shop.most).toBeLessThanOrEqual(2);
  }, 60_000);

  test("with one place one runs at a time, step by step", async () => {
    const on = await engine();
    await on.workspaces.setLimits("acme", { concurrency: 1 });
    const runs = await Promise.all(
      [1, 2, 3].map((n) => on.runs.start(chain, { input: { n }, workspace: "acme" })),
    );
    expect(await results(runs as never)).toEqual([1, 2, 3]);
    expect(shop.most).toBe(1);
    expect(shop.begun).toBe(9);
  }, 60_000);

  test("what is over the rate waits as ready, until the limit is another one", async () => {
    const on = await engine();
    // The only token of the day.
    await on.workspaces.setLimits("acme", { rate: { limit: 1, per: "1d" } });
    const runs = await start(on, 6);
    await expect.poll(() => rows("succeeded"), POLL).toBe(1);
    await expect.poll(() => rows("ready"), POLL).toBe(5);
    // Others do not wait.
    await results(await start(on, 3, "other"));
    expect(shop.begun).toBe(4);
    await on.workspaces.setLimits("acme", null);
    expect(await results(runs)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await rows("ready")).toBe(0);
  }, 60_000);

  test("the queue gets so many, the others wait in PostgreSQL, and workers take them from there", async () => {
    const api = await engine({ work: false, maintain: false });
    await api.workspaces.setLimits("acme", { queued: 5 });
    const runs = await start(api, 40);
    // What is on its way while the queue is counted may be more.
    const queued = await rows("queued");
    expect(queued).toBeGreaterThan(0);
    expect(queued).toBeLessThanOrEqual(15);
    expect(await rows("ready")).toBe(40 - queued);
    // Of another workspace nothing is held back.
    const others = await start(api, 5, "other");
    expect(await rows("queued")).toBe(queued + 5);
    const worker = await engine({}, { concurrency: 4 });
    expect((await results([...runs, ...others])).length).toBe(45);
    await worker.stop();
    expect(shop.most).toBeLessThanOrEqual(4);
  }, 60_000);

  test.each(["where they are started", "elsewhere"])(
    "workspaces that both have work share the worker by their weights: it runs %s",
    async (place) => {
      const [RUNS, HEAVY] = [600, 1_000];
      const work = { concurrency: 4 };
      const on = await engine(place === "elsewhere" ? { work: false, maintain: false } : {}, work);
      await on.workspaces.setLimits("light", { weight: 1 });
      await on.workspaces.setLimits("heavy", { weight: 3 });
      shop.hold = true;
      const starts = (workspace: string, from: number) =>
        Array.from({ length: RUNS }, (_, n) => ({ input: { n: from + n }, workspace }));
      // The light one comes first, with everything: no order of arrival may decide.
      const light = await on.runs.startMany(one, starts("light", 0));
      const heavy = await on.runs.startMany(one, starts("heavy", HEAVY));
      if (place === "elsewhere") await engine({}, work);
      await shop.until(4);
      shop.letGo();
      expect(await results([...light, ...heavy] as never)).toHaveLength(2 * RUNS);
      // Without the few that the queue had, as long as both have work.
      const part = shop.order.slice(100, 750);
      const ofHeavy = part.filter((n) => n >= HEAVY).length;
      // 3, and by order of arrival below 1. A very busy machine moved it to 2.35: what is exact is held by `shares.test.ts`, without servers.
      expect(ofHeavy / (part.length - ofHeavy)).toBeGreaterThan(2.1);
      expect(ofHeavy / (part.length - ofHeavy)).toBeLessThan(4);
    },
    60_000,
  );

  test("who comes begins at once, although another workspace has work for every place", async () => {
    const on = await engine({}, { concurrency: 20 });
    await results(await start(on, 1, "quiet"));
    shop.hold = true;
    await start(on, 60, "loud");
    await shop.until(1 + 19);
    const quiet = await on.runs.start(one, { input: { n: 1_000 }, workspace: "quiet" });
    await shop.until(1 + 19 + 1);
    expect([shop.order.at(-1), shop.most]).toEqual([1_000, 20]);
    shop.letGo();
    expect(await quiet.result(TIMEOUT)).toBe(1_000);
    await expect.poll(() => rows("succeeded"), POLL).toBe(62);
  }, 60_000);

  test("items of a map keep to it as well", async () => {
    const on = await engine();
    await on.workspaces.setLimits("acme", { concurrency: 3 });
    const items = Array.from({ length: 40 }, (_, n) => n);
    const runs = await Promise.all(
      [1, 2].map(() => on.runs.start(wide, { input: { items }, workspace: "acme" })),
    );
    expect(await results(runs as never)).toEqual([items, items]);
    expect(shop.most).toBeLessThanOrEqual(3);
    expect(shop.most).toBeGreaterThan(0);
  }, 60_000);

  test("runs that wait for room can be cancelled and paused, and begin where they are resumed", async () => {
    const on = await engine();
    await on.workspaces.setLimits("acme", { concurrency: 1 });
    shop.hold = true;
    const begin = (n: number) => on.runs.start(one, { input: { n }, workspace: "acme" });
    const first = await begin(0);
    await shop.until(1);
    const [second, third, fourth] = [await begin(1), await begin(2), await begin(3)];
    await second.cancel();
    await on.runs.pause(third.id, { workspace: "acme" });
    shop.letGo();
    expect(await results([first, fourth] as never)).toEqual([0, 3]);
    await expect(second.result(TIMEOUT)).rejects.toMatchObject({ code: "run_cancelled" });
    expect(shop.begun).toBe(2);
    await on.runs.resume(third.id, { workspace: "acme" });
    expect(await third.result(TIMEOUT)).toBe(2);
  }, 60_000);

  test("places of a worker that stops are there for the others", async () => {
    const first = await engine();
    await first.workspaces.setLimits("acme", { concurrency: 2 });
    shop.hold = true;
    await start(first, 6);
    await shop.until(2);
    await engine();
    const stopped = first.stop({ timeout: "0ms" });
    shop.letGo();
    await stopped;
    await expect.poll(() => rows("succeeded"), POLL).toBe(6);
    expect(await rows("ready")).toBe(0);
  }, 60_000);

  test("a start in a transaction of the host's keeps to the limits", async () => {
    const on = await engine();
    await on.workspaces.setLimits("acme", { concurrency: 1 });
    const runs = await on.transaction(async (tx) =>
      Promise.all([1, 2, 3].map((n) => on.runs.start(one, { input: { n }, workspace: "acme", tx }))),
    );
    expect(await results(runs as never)).toEqual([1, 2, 3]);
    expect(shop.most).toBe(1);
  }, 60_000);
});
