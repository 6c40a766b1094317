/** How runs end, and that they gave up, are events of their workspace: they start other workflows, and never their own. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Engine, type Json, PermanentError, type WorkflowDocument } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const actions = [
  action("pass", ({ input }) => input),
  action("fail", () => {
    throw new PermanentError("it cannot be done");
  }),
];

/** A run of one action, by hand or by an event. */
function document(
  name: string,
  does: string,
  heard: { event: string; filter?: string }[] = [],
): WorkflowDocument {
  const triggers = heard.map(({ event, filter }, n) => {
    const source = { type: "event", name: event, ...(filter === undefined ? {} : { filter }) } as const;
    return [`heard${n}`, { kind: "trigger", source }] as const;
  });
  const input: Json = does === "workflow.run" ? { workflow: "part", input: null } : "{{ trigger }}";
  return {
    format: 1,
    name,
    nodes: {
      start: { kind: "trigger" },
      ...Object.fromEntries(triggers),
      a: { kind: "action", action: does, input },
    },
    edges: ["start", ...triggers.map(([id]) => id)].map((from) => ({ from, to: "a" })),
    output: "{{ nodes.a.output }}",
  };
}

onEachBackend("events of runs", (name) => {
  let backend: Backend;
  let engine: Engine;

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ actions });
    await engine.start();
  }, 60_000);
  afterAll(() => backend[Symbol.asyncDispose]());

  const register = async (...documents: WorkflowDocument[]): Promise<void> => {
    for (const each of documents) await engine.workflows.register(each);
  };
  /** Events of this name about runs of these workflows, as `workflow started`, once all of them are done. */
  const handedOn = (event: string, chain: readonly string[], count = 1) =>
    expect.poll(
      async () => {
        const { items } = await engine.events.list({ name: event });
        const found = items.filter((each) => each.done && String(each.chain) === String(chain));
        return found.length === count ? found.map(({ started }) => started) : `${found.length} events`;
      },
      { timeout: 20_000 },
    );
  const triggersOf = async (workflow: string): Promise<readonly Json[]> => {
    const { items } = await engine.runs.list({ workflow });
    const details = await Promise.all(items.map(({ id }) => engine.runs.get(id)));
    return details.map((detail) => detail!.nodes.find(({ node }) => node === "a")?.input ?? null);
  };

  test("nothing is stored where nobody listens", async () => {
    await register(document("quiet", "pass"), document("quiet-broken", "fail"));
    await (await engine.runs.start("quiet")).result({ timeout: "10s" });
    await (await engine.runs.start("quiet-broken")).result({ timeout: "10s" }).catch(() => null);
    expect((await engine.events.list()).items).toEqual([]);
  });

  test("a dead letter starts the workflow that watches for them, and that one's own failure does not", async () => {
    const filter = 'event.payload.workflow in ["broken", "alarm"]';
    await register(
      document("broken", "fail"),
      document("alarm", "fail", [
        { event: "flowforge.dead_letter", filter },
        { event: "flowforge.run.failed", filter: `${filter} && event.payload.error.class != ""` },
      ]),
      document("elsewhere", "pass", [{ event: "flowforge.dead_letter", filter: "false" }]),
    );
    const labels = { customer: "acme" };
    const run = await engine.runs.start("broken", { labels });
    await run.result({ timeout: "10s" }).catch(() => null);
    await handedOn("flowforge.dead_letter", ["broken"]).toEqual([1]);
    await handedOn("flowforge.run.failed", ["broken"]).toEqual([1]);
    // Both runs of the alarm failed, and said so; nobody was started by that.
    await handedOn("flowforge.dead_letter", ["broken", "alarm"], 2).toEqual([0, 0]);
    await handedOn("flowforge.run.failed", ["broken", "alarm"], 2).toEqual([0, 0]);
    const about = { runId: run.id, workflow: "broken", version: 1, labels };
    const error = { class: "Error", message: "it cannot be done" };
    const triggers = (await triggersOf("alarm")) as { event: { id: string; name: string } }[];
    triggers.sort((a, b) => (a.event.name < b.event.name ? -1 : 1));
    expect(triggers).toMatchObject([
      {
        type: "event",
        chain: ["broken"],
        event: { name: "flowforge.dead_letter", id: `flowforge.dead_letter/${run.id}/a/${1}` },
        payload: { ...about, node: "a", error: { message: error.message } },
      },
      {
        chain: ["broken"],
        event: { name: "flowforge.run.failed" },
        payload: { ...about, status: "failed", error: { node: "a", message: error.message } },
      },
    ]);
  });

  test("two workflows that start each other stop after one round; a cancel is told, too", async () => {
    const done = (workflow: string) => `event.payload.workflow == "${workflow}"`;
    await register(
      document("ping", "pass", [{ event: "flowforge.run.succeeded", filter: done("pong") }]),
      document("pong", "pass", [{ event: "flowforge.run.succeeded", filter: done("ping") }]),
      document("mourner", "pass", [{ event: "flowforge.run.cancelled", filter: done("ping") }]),
    );
    await (await engine.runs.start("ping")).result({ timeout: "10s" });
    await handedOn("flowforge.run.succeeded", ["ping"]).toEqual([1]);
    await handedOn("flowforge.run.succeeded", ["ping", "pong"]).toEqual([0]);
    expect(await triggersOf("ping")).toHaveLength(1);

    const later = await engine.runs.start("ping", { at: new Date(Date.now() + 3_600_000) });
    await later.cancel();
    await handedOn("flowforge.run.cancelled", ["ping"]).toEqual([1]);
    expect(await triggersOf("mourner")).toMatchObject([
      { payload: { runId: later.id, status: "cancelled", error: null } },
    ]);
  });

  test("a child's chain is that of the run that started it", async () => {
    await register(
      document("part", "fail"),
      document("repair", "workflow.run", [
        { event: "flowforge.run.failed", filter: 'event.payload.workflow == "part"' },
      ]),
    );
    await (await engine.runs.start("part")).result({ timeout: "10s" }).catch(() => null);
    await handedOn("flowforge.run.failed", ["part"]).toEqual([1]);
    // The child that the repair starts fails as well, and so does the repair.
    await handedOn("flowforge.run.failed", ["part", "repair"], 2).toEqual([0, 0]);
    expect((await engine.runs.list({ workflow: "repair" })).items).toHaveLength(1);
  });

  test("a run may wait for the end of another one", async () => {
    await register(document("first", "pass"));
    await engine.workflows.register({
      format: 1,
      name: "second",
      nodes: {
        wait: {
          kind: "wait",
          for: { event: "flowforge.run.succeeded", match: 'event.payload.workflow == "first"' },
        },
      },
      edges: [],
    });
    const second = await engine.runs.start("second");
    const first = await engine.runs.start("first");
    await first.result({ timeout: "10s" });
    expect(await second.result({ timeout: "10s" })).toMatchObject({ wait: { runId: first.id } });
  });
});
