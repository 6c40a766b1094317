/** A run that should move and does not is reported, once, with its state; one that waits for something is not. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Engine, EngineEventMap, EngineOptions, WorkflowDocument } from "../../../src/index.ts";
import { type Backend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

type Found = EngineEventMap["run.stuck"];

const ship = action("ship", ({ input }) => input);
const note = action("note", ({ input }) => input);
const SOON = { stuck: { after: "1s" } } as const;

function document(name: string, does: string, more: object = {}): WorkflowDocument {
  return {
    format: 1,
    name,
    nodes: { start: { kind: "trigger" }, a: { kind: "action", action: does, ...more } },
    edges: [{ from: "start", to: "a" }],
  };
}

const WATCH: WorkflowDocument = {
  format: 1,
  name: "watch",
  nodes: {
    told: { kind: "trigger", source: { type: "event", name: "flowforge.run.stuck" } },
    note: { kind: "action", action: "note", input: "{{ trigger.payload.reason }}" },
  },
  edges: [{ from: "told", to: "note" }],
};

describe("stuck runs", () => {
  let backend: Backend;

  beforeEach(async () => {
    backend = await openBackend("postgres");
  }, 60_000);
  afterEach(() => backend[Symbol.asyncDispose]());

  const started = async (
    options: EngineOptions,
    does: Parameters<Engine["start"]>[0] = {},
  ): Promise<{ engine: Engine; told: Found[] }> => {
    const engine = backend.engine(options);
    const told: Found[] = [];
    engine.on("run.stuck", (run) => void told.push(run));
    await engine.start(does);
    return { engine, told };
  };
  const listed = (engine: Engine, runId: string) =>
    expect.poll(
      async () => {
        const { items } = await engine.stuck.list({ limit: 1_000 });
        return items.filter((run) => run.runId === runId).map(({ reason, node }) => `${reason} ${node}`);
      },
      { timeout: 50_000 },
    );

  test("no worker has the action: told once, starts a workflow, and is over when one has it", async () => {
    const { engine: api } = await started({ actions: [ship, note] }, { work: false, maintain: false });
    const { engine, told } = await started({ ...SOON, actions: [note] });
    await api.workflows.register(WATCH);
    await api.workflows.register(document("shipping", "ship"));
    const { id } = await api.runs.start("shipping");
    await listed(engine, id).toEqual(["no_worker_for_action a"]);
    expect(told).toMatchObject([{ runId: id, workflow: "shipping", action: "ship", lane: "default" }]);
    const watched = async () => (await engine.runs.list({ workflow: "watch" })).items;
    await expect.poll(watched, { timeout: 20_000 }).toMatchObject([{ status: "succeeded" }]);
    const [run] = await watched();
    const detail = await engine.runs.get(run!.id);
    expect(detail!.input).toMatchObject({ runId: id, reason: "no_worker_for_action", action: "ship" });
    // What is found later says that these were looked at again meanwhile, and not told again.
    const other = await api.runs.start("shipping");
    await listed(engine, other.id).toEqual(["no_worker_for_action a"]);
    expect(told.map(({ runId }) => runId)).toEqual([id, other.id]);
    await started({ ...SOON, actions: [ship] });
    await listed(engine, id).toEqual([]);
    await listed(engine, other.id).toEqual([]);
  }, 90_000);

  test("nobody takes from the lane: within a minute, as an engine comes", async () => {
    const { engine, told } = await started({ actions: [ship] });
    await engine.workflows.register(document("slow", "ship", { lane: "slow" }));
    const at = performance.now();
    const { id } = await engine.runs.start("slow");
    await listed(engine, id).toEqual(["no_worker_for_lane a"]);
    expect(performance.now() - at).toBeLessThan(60_000);
    expect(told).toMatchObject([{ runId: id, lane: "slow", node: "a" }]);
    await engine.runs.cancel(id);
    await listed(engine, id).toEqual([]);
  }, 90_000);

  test("nothing is alive in a run that is under way; what waits, sleeps or is paused is well", async () => {
    const { engine, told } = await started({ ...SOON, actions: [ship] });
    const wait = (name: string, on: object): WorkflowDocument =>
      ({
        ...document(name, "ship"),
        nodes: { start: { kind: "trigger" }, a: { kind: "wait", for: on } },
      }) as never;
    await engine.workflows.register(wait("sleeper", { duration: "1h" }));
    await engine.workflows.register(wait("asker", { signal: "go", timeout: "1h" }));
    await engine.workflows.register(document("resting", "ship", { lane: "slow" }));
    const sleeper = await engine.runs.start("sleeper");
    const asker = await engine.runs.start("asker");
    const paused = await engine.runs.start("resting");
    await engine.runs.pause(paused.id);
    const broken = await engine.runs.start("sleeper");
    const moved = async () => (await engine.runs.get(broken.id))!.header.status;
    await expect.poll(moved).toBe("waiting");
    await backend.database.query(
      `update flowforge.node_runs set status = 'succeeded', due_at = null where run_id = '${broken.id}' and node = 'a'`,
    );
    await backend.database.query(`update flowforge.runs set status = 'running' where id = '${broken.id}'`);
    await listed(engine, broken.id).toEqual(["nothing_moves null"]);
    expect(told.map(({ runId }) => runId)).toEqual([broken.id]);
    const { items } = await engine.stuck.list({ allWorkspaces: true });
    expect(items.map(({ runId }) => runId)).toEqual([broken.id]);
    for (const { id } of [sleeper, asker, paused, broken]) await engine.runs.cancel(id);
  }, 90_000);

  test("bad options are refused", async () => {
    const { engine } = await started({ stuck: { after: null } });
    await expect(engine.stuck.list({ cursor: "x" })).rejects.toMatchObject({ code: "option_invalid" });
    const both = { workspace: "a", allWorkspaces: true };
    await expect(engine.stuck.list(both)).rejects.toMatchObject({ code: "option_invalid" });
    expect(() => backend.engine({ stuck: { after: "10ms" } })).toThrow(/stuck.after/);
  });
});
