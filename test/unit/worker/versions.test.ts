/** Where versions of workflows come from: memory, Redis, PostgreSQL; and that no copy is believed that is not the one. */
import { beforeEach, describe, expect, test } from "vitest";
import type { WorkflowDocument } from "../../../src/core/definition/document.ts";
import type { DefinitionCache } from "../../../src/core/ports/definition-cache.ts";
import type { Store } from "../../../src/core/ports/store.ts";
import { silentLogger } from "../../../src/engine/silent-logger.ts";
import { createMemoryStore } from "../../../src/testing/memory-store.ts";
import { Plans } from "../../../src/worker/plans.ts";
import { checksumOf, Versions } from "../../../src/worker/versions.ts";

const workspace = "acme";
const observed: string[] = [];
const observer = { definition: (from: string) => void observed.push(from) };

function document(name: string, description = ""): WorkflowDocument {
  const nodes = { t: { kind: "trigger" }, a: { kind: "action", action: "x" } } as const;
  return { format: 1, name, description, nodes, edges: [{ from: "t", to: "a" }] };
}

class SharedMemory implements DefinitionCache {
  readonly texts = new Map<string, string>();
  isAway = false;
  calls = 0;

  async read(of: string, checksum: string): Promise<string | null> {
    this.#call();
    return this.texts.get(`${of} ${checksum}`) ?? null;
  }

  async write(of: string, checksum: string, text: string): Promise<void> {
    this.#call();
    this.texts.set(`${of} ${checksum}`, text);
  }

  async forget(of: string): Promise<void> {
    this.#call();
    for (const key of this.texts.keys()) if (key.startsWith(`${of} `)) this.texts.delete(key);
  }

  #call(): void {
    this.calls++;
    if (this.isAway) throw new Error("the server is away");
  }
}

let store: Store;
let cache: SharedMemory;
let now = 0;
beforeEach(() => {
  store = createMemoryStore();
  cache = new SharedMemory();
  observed.length = 0;
  now = 0;
});

/** As one process has them. */
function process(shared: DefinitionCache | null = cache): { versions: Versions; plans: Plans } {
  const versions = new Versions({ store, cache: shared, observer, logger: silentLogger, now: () => now });
  return { versions, plans: new Plans({ versions, observer }) };
}

async function saved(name: string, description = ""): Promise<{ workflow: string; version: number }> {
  const written = document(name, description);
  const { version } = await store.saveWorkflow(workspace, written, checksumOf(written));
  return { workflow: name, version };
}

describe("a version", () => {
  test("is read from PostgreSQL by the first process, from Redis by the others, and from memory from then on", async () => {
    const key = { workspace, ...(await saved("w")) };
    const [first, second] = [process(), process()];
    const plan = await first.plans.get(key);
    expect(plan?.document).toEqual(document("w"));
    expect((await second.plans.get(key))?.document).toEqual(document("w"));
    expect(first.plans.peek(key)).toBe(plan);
    expect(await first.plans.get(key)).toBe(plan);
    expect(await second.plans.version(key)).toEqual(await store.workflow(workspace, "w", 1));
    expect(observed).toEqual(["postgres", "redis", "memory", "memory", "memory"]);
  });

  test("that many ask for at once is read once", async () => {
    const key = { workspace, ...(await saved("w")) };
    const { plans } = process();
    const all = await Promise.all(Array.from({ length: 20 }, () => plans.get(key)));
    expect(new Set(all).size).toBe(1);
    expect(observed.filter((from) => from === "postgres")).toEqual(["postgres"]);
    expect(observed.filter((from) => from === "memory")).toHaveLength(19);
  });

  test("that is not there is asked for again, as it may come", async () => {
    const { plans } = process();
    const key = { workspace, workflow: "w", version: 1 };
    expect(await plans.get(key)).toBeNull();
    await saved("w");
    expect((await plans.get(key))?.document.name).toBe("w");
    expect(await process(null).plans.get({ ...key, version: 2 })).toBeNull();
  });

  test.each([
    ["another definition", () => JSON.stringify(document("w", "not the one"))],
    ["a damaged one", () => JSON.stringify(document("w")).slice(1)],
    ["another kind of JSON", () => "null"],
  ])("is not taken from Redis where that has %s under its checksum", async (_, forged) => {
    const key = { workspace, ...(await saved("w")) };
    cache.texts.set(`${workspace} ${checksumOf(document("w"))}`, forged());
    expect((await process().plans.get(key))?.document).toEqual(document("w"));
    expect(observed).toEqual(["postgres"]);
    // And the right one is in its place.
    expect((await process().plans.get(key))?.document).toEqual(document("w"));
    expect(observed).toEqual(["postgres", "redis"]);
  });

  test("of a database that was restored is not the one that Redis remembers", async () => {
    const key = { workspace, ...(await saved("w", "before")) };
    await process().plans.get(key);
    store = createMemoryStore();
    await saved("w", "after");
    expect((await process().plans.get(key))?.document.description).toBe("after");
  });

  test("comes from PostgreSQL while Redis is away, and Redis is asked every five seconds", async () => {
    cache.isAway = true;
    const { versions } = process();
    const keys = await Promise.all(
      ["a", "b", "c"].map(async (name) => ({ workspace, ...(await saved(name)) })),
    );
    for (const key of keys) expect((await versions.load(key))?.name).toBe(key.workflow);
    expect(cache.calls).toBe(1);
    now += 5_000;
    cache.isAway = false;
    await versions.load(keys[0]!);
    await versions.load(keys[0]!);
    expect(observed).toEqual(["postgres", "postgres", "postgres", "postgres", "redis"]);
  });

  test("is forgotten with its workspace, also where Redis cannot be told", async () => {
    const { versions } = process();
    const { workflow, version } = await saved("w");
    await versions.load({ workspace, workflow, version });
    expect(cache.texts.size).toBe(1);
    await versions.forget("other");
    expect(cache.texts.size).toBe(1);
    await versions.forget(workspace);
    expect(cache.texts.size).toBe(0);
    cache.isAway = true;
    await versions.forget(workspace);
  });
});

describe("the memory of a process", () => {
  async function keys(count: number): Promise<{ workspace: string; workflow: string; version: number }[]> {
    const names = Array.from({ length: count }, (_, at) => `w${at}`);
    return Promise.all(names.map(async (name) => ({ workspace, ...(await saved(name)) })));
  }

  test("keeps those that were used last, as many as it may", async () => {
    const { versions } = process(null);
    const plans = new Plans({ versions, observer, bounds: { plans: 3, size: 1_000_000 } });
    const [a, b, c, d] = (await keys(4)) as [PlanKeyOf, PlanKeyOf, PlanKeyOf, PlanKeyOf];
    for (const key of [a, b, c]) await plans.get(key);
    plans.peek(a);
    await plans.get(d);
    expect([a, b, c, d].map((key) => plans.peek(key) !== undefined)).toEqual([true, false, true, true]);
  });

  test("is bounded by the size of the definitions, and one that is larger than that is kept alone", async () => {
    const size = JSON.stringify(document("w0")).length;
    const { versions } = process(null);
    const plans = new Plans({ versions, observer, bounds: { plans: 100, size: size * 2 } });
    const all = await keys(5);
    for (const key of all) await plans.get(key);
    expect(all.map((key) => plans.peek(key) !== undefined)).toEqual([false, false, false, true, true]);
    const large = { workspace, ...(await saved("large", "x".repeat(size * 3))) };
    expect((await plans.get(large))?.document.name).toBe("large");
    expect(plans.peek(large)).toBeDefined();
    expect(all.some((key) => plans.peek(key) !== undefined)).toBe(false);
    await plans.get(all[0]!);
    expect(plans.peek(large)).toBeUndefined();
  });
});

type PlanKeyOf = { readonly workspace: string; readonly workflow: string; readonly version: number };
