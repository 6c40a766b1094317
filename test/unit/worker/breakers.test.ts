/** Breakers of several processes that share a store: what one meets, all of them know, and what goes on is counted for all together. */
import { beforeEach, describe, expect, test } from "vitest";
import { ActionRegistry } from "../../../src/actions/registry.ts";
import { CLOSED } from "../../../src/core/breaker/breaker.ts";
import type { BreakerKey } from "../../../src/core/breaker/key.ts";
import { DEFAULT_BREAKER } from "../../../src/core/breaker/policy.ts";
import { defineAction } from "../../../src/core/definition/action.ts";
import { defineWorkflow } from "../../../src/core/definition/workflow.ts";
import { compilePlan } from "../../../src/core/graph/compile-plan.ts";
import type { PlanAction } from "../../../src/core/graph/plan.ts";
import type { ParkedNode } from "../../../src/core/ports/breakers.ts";
import type { Store } from "../../../src/core/ports/store.ts";
import { createMemoryStore } from "../../../src/testing/memory-store.ts";
import { newId } from "../../../src/testing/store-contract/entries.ts";
import type { Outcome } from "../../../src/worker/attempt.ts";
import type { BreakerRules, BreakerUse } from "../../../src/worker/breakers/breaker-uses.ts";
import { type BreakerChange, Breakers } from "../../../src/worker/breakers/breakers.ts";

const OK: Outcome = { type: "succeeded", output: null, bytes: 4 };
const error = { class: "http", message: "503" };
const failed = (type: "retry" | "permanent"): Outcome => ({
  type: "failed",
  error,
  verdict: { type },
  possiblyDuplicated: false,
});
const LATER: Outcome = {
  type: "failed",
  error,
  verdict: { type: "later", afterMs: 1_000 },
  possiblyDuplicated: false,
};

const call = defineAction({
  name: "call",
  target: (input) => String(Object(input)["host"]),
  run: () => null,
});
const plain = defineAction({ name: "plain", run: () => null });
const quiet = defineAction({ name: "quiet", target: null, run: () => null });
const registry = new ActionRegistry([call, plain, quiet]);
const node = compilePlan(
  defineWorkflow({
    format: 1,
    name: "w",
    nodes: { a: { kind: "action", action: "call", credentials: ["key"] } },
    edges: [],
  }).document,
).nodes.find(({ kind }) => kind === "action") as PlanAction;

function use(host: string, of: Partial<BreakerUse> = {}): BreakerUse {
  return { workspace: "acme", workflow: "w", node, action: registry.get("call")!, input: { host }, ...of };
}

const group = { policy: DEFAULT_BREAKER, overrides: new Map() };
const TARGETS: BreakerRules = { target: group, credential: null, workflow: null, workspace: null };

let now: number;
let store: Store;
let changes: BreakerChange[];

beforeEach(() => {
  now = 1_700_000_000_000;
  store = createMemoryStore({ clock: { now: () => now } });
  changes = [];
});

interface Process {
  readonly breakers: Breakers;
  readonly offered: ParkedNode[];
}

function process(rules: BreakerRules = TARGETS, room = 50): Process {
  const offered: ParkedNode[] = [];
  const silent = (): void => undefined;
  const breakers = new Breakers({
    store,
    rules,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => now,
    room: () => room,
    fits: { lanes: ["default"], actions: ["call"] },
    offer: async (each) => offered.push(each),
    wake: silent,
    onChange: (change) => void changes.push(change),
  });
  return { breakers, offered };
}

/** One attempt, if it may begin. */
function attempt({ breakers }: Process, of: BreakerUse, outcome: Outcome): "refused" | "parked" | "counted" {
  if (breakers.refuse(of)) return "refused";
  return breakers.ended(breakers.begin(of), outcome) ? "parked" : "counted";
}

function fail(by: Process, times: number, of = use("api")): void {
  for (let n = 0; n < times; n++) attempt(by, of, failed("retry"));
}

function parkedNode(): ParkedNode & { readonly by: BreakerKey } {
  const by = { workspace: "acme", scope: "target", name: "api" } as const;
  return { runId: newId(), node: "a", fence: 0, lane: "default", action: "call", by };
}

describe("opening", () => {
  test("at the failure that makes it too many, at once in its own process, and one round later in the others", async () => {
    const [first, second] = [process(), process()];
    fail(first, 9);
    expect(first.breakers.refuse(use("api"))).toBeNull();
    expect(attempt(first, use("api"), failed("retry"))).toBe("parked");
    expect(attempt(first, use("api"), OK)).toBe("refused");
    expect(attempt(second, use("api"), OK)).toBe("counted");
    await first.breakers.round();
    await second.breakers.round();
    expect(attempt(second, use("api"), OK)).toBe("refused");
    expect(changes).toMatchObject([
      { change: "opened", scope: "target", name: "api", failed: 10, attempts: 10 },
    ]);
  });

  test("by failures that no process has enough of alone, told once", async () => {
    const all = [process(), process(), process()];
    for (const each of all) {
      fail(each, 4);
      await each.breakers.round();
    }
    await Promise.all(all.map(({ breakers }) => breakers.round()));
    expect(all.map((each) => attempt(each, use("api"), OK))).toEqual(["refused", "refused", "refused"]);
    expect(changes).toHaveLength(1);
  });

  test("not where enough of the others' calls succeed", async () => {
    const [good, bad] = [process(), process()];
    fail(good, 1);
    for (let n = 0; n < 30; n++) attempt(good, use("api"), OK);
    await good.breakers.round();
    await bad.breakers.round();
    fail(bad, 9);
    await bad.breakers.round();
    fail(bad, 5);
    await bad.breakers.round();
    expect(attempt(bad, use("api"), OK)).toBe("counted");
    expect(changes).toEqual([]);
  });

  test("of one host, one workspace, and not of others", () => {
    const one = process();
    fail(one, 10);
    expect(attempt(one, use("api"), OK)).toBe("refused");
    expect(attempt(one, use("another"), OK)).toBe("counted");
    expect(attempt(one, use("api", { workspace: "umbrella" }), OK)).toBe("counted");
  });

  test("answers that say no are answers, unless the host says otherwise", () => {
    const one = process();
    for (let n = 0; n < 20; n++) attempt(one, use("api"), failed("permanent"));
    expect(attempt(one, use("api"), OK)).toBe("counted");
    const policy = { ...DEFAULT_BREAKER, countsPermanent: true };
    const strict = process({ ...TARGETS, target: { ...group, policy } });
    for (let n = 0; n < 10; n++) expect(attempt(strict, use("api"), failed("permanent"))).toBe("counted");
    expect(attempt(strict, use("api"), OK)).toBe("refused");
  });

  test("who is told when to come back keeps that time, and it counts as a failure", () => {
    const one = process();
    for (let n = 0; n < 10; n++) expect(attempt(one, use("api"), LATER)).toBe("counted");
    expect(attempt(one, use("api"), OK)).toBe("refused");
  });

  test("by target, credential, workflow and workspace, each where it is wanted", () => {
    const off = { target: null, credential: null, workflow: null, workspace: null };
    for (const [scope, name] of [
      ["target", "api"],
      ["credential", "key"],
      ["workflow", "w"],
      ["workspace", "acme"],
    ] as const) {
      const one = process({ ...off, [scope]: group });
      fail(one, 10);
      expect(one.breakers.refuse(use("api"))).toEqual({ workspace: "acme", scope, name });
    }
    const excepted = process({ ...off, target: { ...group, overrides: new Map([["api", null]]) } });
    fail(excepted, 20);
    expect(excepted.breakers.refuse(use("api"))).toBeNull();
  });

  test("an action that says nothing is its own target; one that says null has none", () => {
    const one = process();
    const of = (action: string): BreakerUse => use("api", { action: registry.get(action)! });
    fail(one, 10, of("plain"));
    fail(one, 10, of("quiet"));
    expect(one.breakers.refuse(of("plain"))).toMatchObject({ name: "plain" });
    expect(one.breakers.refuse(of("quiet"))).toBeNull();
    expect(one.breakers.refuse(use("api", { input: undefined }))).toBeNull();
  });
});

describe("what is kept in memory", () => {
  async function seconds(one: Process, count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      now += 1_000;
      await one.breakers.round();
    }
  }

  test("calls that hang for longer than the window open the breaker when they fail", async () => {
    const [one, other] = [process(), process()];
    const hanging = Array.from({ length: 10 }, () => one.breakers.begin(use("api")));
    await seconds(one, 95);
    for (const begun of hanging) one.breakers.ended(begun, failed("retry"));
    expect(attempt(one, use("api"), OK)).toBe("refused");
    await one.breakers.round();
    await other.breakers.round();
    expect(attempt(other, use("api"), OK)).toBe("refused");
    expect(changes).toMatchObject([{ change: "opened", failed: 10, attempts: 10 }]);
  });

  test("a second outage on the same day opens it with as few failures as the first", async () => {
    const key = { workspace: "acme", scope: "target", name: "api" } as const;
    // It was open once.
    const state = { ...CLOSED, generation: 1, since: now };
    await store.breakers.write([{ key, version: 0, state }]);
    const one = process();
    await seconds(one, 3_600);
    fail(one, 10);
    await one.breakers.round();
    expect(attempt(one, use("api"), OK)).toBe("refused");
    expect(changes).toHaveLength(1);
  });

  test("what the store has forgotten, the process has forgotten before", async () => {
    const one = process();
    fail(one, 10);
    await one.breakers.round();
    for (let n = 0; n < 60 && changes.length < 2; n++) {
      attempt(one, use("api"), OK);
      await seconds(one, 5);
    }
    expect(changes.map(({ change }) => change)).toEqual(["opened", "closed"]);
    now += 90_000_000;
    await seconds(one, 700);
    expect((await store.breakers.changed({ since: 0, limit: 10 })).breakers).toEqual([]);
    fail(one, 10);
    await one.breakers.round();
    expect(attempt(one, use("api"), OK)).toBe("refused");
  });
});

describe("going on", () => {
  async function opened(processes: readonly Process[], waiting: number): Promise<void> {
    fail(processes[0]!, 10);
    await processes[0]!.breakers.round();
    for (let n = 0; n < waiting; n++) processes[0]!.breakers.park(parkedNode());
    for (const { breakers } of processes) await breakers.round();
  }

  /** Everything that was offered since the last call, and what became of it. */
  function work(processes: readonly Process[], outcome: Outcome): number {
    let begun = 0;
    for (const each of processes)
      for (const _ of each.offered.splice(0)) if (attempt(each, use("api"), outcome) !== "refused") begun++;
    return begun;
  }

  async function rounds(processes: readonly Process[]): Promise<void> {
    for (const { breakers } of processes) await breakers.round();
  }

  test("by a few probes of all processes together, then in waves that double, until nothing is left", async () => {
    const processes = [process(), process(), process()];
    await opened(processes, 60);
    expect(work(processes, OK)).toBe(0);
    now += DEFAULT_BREAKER.probeEveryMs;
    await rounds(processes);
    expect(work(processes, OK)).toBe(3);
    const waves: number[] = [];
    for (let n = 0; n < 12 && changes.length < 2; n++) {
      now += DEFAULT_BREAKER.waveMs;
      await rounds(processes);
      waves.push(work(processes, OK));
    }
    expect(waves.reduce((sum, begun) => sum + begun, 0)).toBe(57);
    expect(waves.filter((begun) => begun > 0).slice(0, 2)).toEqual([10, 20]);
    expect(changes.map(({ change }) => change)).toEqual(["opened", "closed"]);
    await rounds(processes);
    for (const each of processes) expect(each.breakers.refuse(use("api"))).toBeNull();
  });

  test("not while the probes fail, which costs them nothing", async () => {
    const processes = [process(), process()];
    await opened(processes, 20);
    for (let n = 0; n < 5; n++) {
      now += DEFAULT_BREAKER.probeEveryMs;
      await rounds(processes);
      const all = processes.flatMap((each) => each.offered.splice(0).map(() => each));
      expect(all.length).toBeLessThanOrEqual(3);
      for (const each of all) expect(attempt(each, use("api"), failed("retry"))).not.toBe("counted");
      await rounds(processes);
    }
    expect(changes).toHaveLength(1);
  });

  test("a probe that dies with its process is followed by another one", async () => {
    const [dead, alive] = [process(), process()];
    await opened([dead, alive], 20);
    now += DEFAULT_BREAKER.probeEveryMs;
    await rounds([dead]);
    expect(dead.offered).toHaveLength(3);
    await rounds([alive]);
    expect(alive.offered).toHaveLength(0);
    now += DEFAULT_BREAKER.probeEveryMs;
    await rounds([alive]);
    expect(work([alive], OK)).toBe(3);
  });

  test("whoever has no room takes nothing from those who have", async () => {
    const [full, free] = [process(TARGETS, 0), process(TARGETS, 50)];
    await opened([full, free], 20);
    now += DEFAULT_BREAKER.probeEveryMs;
    await rounds([full, free]);
    expect(full.offered.length + free.offered.length).toBe(3);
    expect(free.offered.length).toBeGreaterThanOrEqual(2);
  });

  test("what began before the breaker opened says nothing of the probes", async () => {
    const one = process();
    const old = one.breakers.begin(use("api"));
    await opened([one], 20);
    now += DEFAULT_BREAKER.probeEveryMs;
    await rounds([one]);
    one.breakers.ended(old, failed("retry"));
    expect(work([one], OK)).toBe(3);
    await rounds([one]);
    expect(work([one], OK)).toBe(10);
  });

  test("what is parked behind a breaker that is closed by now is found", async () => {
    const one = process();
    one.breakers.park(parkedNode());
    for (let n = 0; n < 6; n++) await one.breakers.round();
    expect(one.offered).toHaveLength(1);
  });
});

test("what the store refuses is tried again with all that was counted", async () => {
  const one = process();
  fail(one, 5);
  const { breakers } = store;
  const write = breakers.write.bind(breakers);
  breakers.write = () => Promise.reject(new Error("away"));
  await expect(one.breakers.round()).rejects.toThrow("away");
  breakers.write = write;
  await one.breakers.round();
  const [stored] = await breakers.read([{ workspace: "acme", scope: "target", name: "api" }]);
  expect(stored!.state.window).toMatchObject([{ ok: 0, failed: 5 }]);
});

test("where all goes well nothing is written", async () => {
  const one = process();
  for (let n = 0; n < 100; n++) attempt(one, use("api"), OK);
  await one.breakers.round();
  expect((await store.breakers.changed({ since: 0, limit: 10 })).breakers).toEqual([]);
});
