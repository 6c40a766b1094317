/** Worker processes that are killed, stopped, frozen or lack something: every run ends, and nothing is done twice without a reason. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { defineWorkflow, type Engine, type RunHandle, type WorkflowDocument } from "../../../src/index.ts";
import { type TestDatabase, testDatabase } from "../../support/servers.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";
import { chain, fan } from "../engine/documents.ts";
import { Effects, LEASE_MS, Processes } from "./processes.ts";

/** s0 .. s4, of which s2 is the gate. */
function gated(): WorkflowDocument {
  const document = chain(5, "gated", "step");
  return {
    ...document,
    nodes: { ...document.nodes, s2: { ...document.nodes["s2"]!, action: "gate" } as never },
  };
}

/** A fan whose actions leave a trace. */
function traced(width: number): WorkflowDocument {
  const document = fan(width, `traced-${width}`);
  const nodes = Object.entries(document.nodes).map(([id, node]) => [id, { ...node, action: "step" }]);
  return { ...document, nodes: Object.fromEntries(nodes), output: "{{ nodes.last.status }}" };
}

const inputs = (amount: number) => Array.from({ length: amount }, (_, n) => ({ input: { n } }));
const ends = (runs: readonly RunHandle[]): Promise<unknown[]> =>
  Promise.all(runs.map((run) => run.result({ timeout: "60s" })));

onEachBackend("worker processes", (name) => {
  let backend: Backend;
  let traces: TestDatabase;
  let effects: Effects;
  let processes: Processes;
  /** Starts runs and waits for them; works on none. */
  let client: Engine;

  beforeEach(async () => {
    backend = await openBackend(name);
    traces = await testDatabase();
    effects = await Effects.in(traces);
    processes = new Processes(backend.connection, effects);
    client = backend.engine();
    await client.start({ work: false, maintain: false });
  });

  afterEach(async () => {
    await processes[Symbol.asyncDispose]();
    await backend[Symbol.asyncDispose]();
    await traces.drop();
  });

  test("kill -9 in the middle of a chain: another worker finishes it, and what was done is not done again", async () => {
    const first = await processes.start({ closed: true });
    const run = await client.runs.start(defineWorkflow(gated()), { input: { n: 0 } });
    await effects.reach(3);
    const second = await processes.start();
    await first.kill();
    expect(await run.result({ timeout: "30s" })).toBe(5);
    const done = (await effects.all()).map(({ node, pid, attempt }) => [node, pid, attempt]);
    expect(done).toEqual([
      ["s0", first.pid, 1],
      ["s1", first.pid, 1],
      ["s2", first.pid, 1],
      // A lost worker is no failed attempt.
      ["s2", second.pid, 1],
      ["s3", second.pid, 1],
      ["s4", second.pid, 1],
    ]);
  });

  test("kill -9 in the third part of an action: the first two do not run again", async () => {
    const first = await processes.start({ closed: true });
    const document: WorkflowDocument = {
      format: 1,
      name: "long",
      nodes: { long: { kind: "action", action: "parts" } },
      edges: [],
      output: "{{ nodes.long.output.before }}",
    };
    const run = await client.runs.start(defineWorkflow(document));
    await effects.reach(3);
    const second = await processes.start();
    await first.kill();
    expect(await run.result({ timeout: "30s" })).toBe(2);
    expect((await effects.all()).map(({ node, pid }) => [node, pid])).toEqual([
      ["part 1", first.pid],
      ["part 2", first.pid],
      ["part 3", first.pid],
      ["part 3", second.pid],
    ]);
  });

  test("a zombie is fenced, and its id is dead for good", async () => {
    const zombie = await processes.start({ closed: true });
    const run = await client.runs.start(defineWorkflow(gated()), { input: { n: 0 } });
    await effects.reach(3);
    zombie.signal("SIGSTOP");
    const second = await processes.start();
    expect(await run.result({ timeout: "30s" })).toBe(5);
    const before = await run.detail();
    zombie.signal("SIGCONT");
    zombie.send("open");
    await zombie.heard("worker.declaredDead");
    // What it found out after its sleep changed nothing.
    expect(await run.detail()).toEqual(before);
    expect((await effects.all()).filter(({ node }) => node > "s2").map(({ pid }) => pid)).toEqual([
      second.pid,
      second.pid,
    ]);
    const dead = await backend.database.query(
      "select 1 from flowforge.workers where id = $1 and dead_at is not null",
      [((await zombie.heard("ready")) as { workerId: string }).workerId],
    );
    expect(dead).toHaveLength(1);
    // The process itself goes on, under another id.
    await second.kill();
    const later = await client.runs.start(defineWorkflow(chain(2, "later", "step")), { input: { n: 0 } });
    expect(await later.result({ timeout: "30s" })).toBe(2);
  });

  test("an orderly stop in the middle of 50 runs: the others go on at once, and no attempt is lost or counted twice", async () => {
    const lease = { lease: "30s" } as const;
    const first = await processes.start({ stepMs: 20, worker: lease });
    const runs = await client.runs.startMany(defineWorkflow(chain(6, "six", "step")), inputs(50));
    await effects.reach(60);
    await processes.start({ stepMs: 20, worker: lease });
    first.send("stop");
    expect(await first.ended()).toBe(0);
    const stoppedAt = performance.now();
    expect(await ends(runs)).toEqual(runs.map((_, n) => n + 6));
    // Long before the lease could have run out.
    expect(performance.now() - stoppedAt).toBeLessThan(20_000);
    expect(await effects.repeated()).toEqual([]);
    expect(await effects.count()).toBe(300);
  });

  /** Workers learn of each other with their heartbeats. */
  const acquainted = async (): Promise<void> => {
    const query =
      "select bool_and(heartbeat_at > (select max(started_at) from flowforge.workers)) as met from flowforge.workers";
    await expect.poll(() => backend.database.query(query), { timeout: 10_000 }).toEqual([{ met: true }]);
  };

  test("two workers share 200 runs with fan-outs of 20; every join starts once", async () => {
    const both = [await processes.start({ stepMs: 1 }), await processes.start({ stepMs: 1 })];
    await acquainted();
    const runs = await client.runs.startMany(defineWorkflow(traced(20)), inputs(200));
    expect(new Set(await ends(runs))).toEqual(new Set(["succeeded"]));
    expect(await effects.repeated()).toEqual([]);
    expect(await effects.count()).toBe(200 * 22);
    const counts = await effects.byProcess();
    for (const { pid } of both) expect(counts.get(pid)).toBeGreaterThan(200 * 22 * 0.15);
  });

  test("two workers share one run of 200 parallel nodes", async () => {
    const both = [await processes.start({ stepMs: 20 }), await processes.start({ stepMs: 20 })];
    await acquainted();
    const run = await client.runs.start(defineWorkflow(traced(200)), { input: { n: 0 } });
    expect(await run.result({ timeout: "60s" })).toBe("succeeded");
    expect(await effects.repeated()).toEqual([]);
    expect(await effects.count()).toBe(202);
    const counts = await effects.byProcess();
    for (const { pid } of both) expect(counts.get(pid)).toBeGreaterThan(30);
  });

  describe.each([true, false])("processes that lack actions, inline: %s", (inline) => {
    // Which process gets a task is chance, and how long it takes to come to the right one on a busy machine is not what is shown.
    test("each run needs both; an action that nobody has waits for somebody who has it", async () => {
      const worker = { inline, lease: LEASE_MS };
      await processes.start({ actions: ["step", "left"], worker });
      const document = chain(4, "both", "left");
      const nodes = Object.entries(document.nodes).map(([id, node], n) => [
        id,
        n % 2 ? { ...node, action: "right" } : node,
      ]);
      const runs = await client.runs.startMany(
        defineWorkflow({ ...document, nodes: Object.fromEntries(nodes) }),
        inputs(10),
      );
      // The first step of each is done; the second has nobody.
      await effects.reach(10);
      const statuses = await Promise.all(runs.map((run) => run.status()));
      expect(statuses.filter((status) => status === "failed" || status === "succeeded")).toEqual([]);
      await processes.start({ actions: ["right"], worker });
      expect(await ends(runs)).toEqual(runs.map((_, n) => n + 4));
      expect(await effects.repeated()).toEqual([]);
      expect(await effects.count()).toBe(40);
    }, 120_000);
  });
});
