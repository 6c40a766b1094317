/** A run that goes on with another version: what is kept, what is begun, what is refused, and how that reads. */
import { expect, test } from "vitest";
import { compilePlan } from "../../../src/core/graph/compile-plan.ts";
import type { WorkflowDocument } from "../../../src/core/definition/document.ts";
import type { Plan } from "../../../src/core/graph/plan.ts";
import { advance, newRun } from "../../../src/core/run/advance.ts";
import { describeMove } from "../../../src/core/run/describe-move.ts";
import type { RunEvent } from "../../../src/core/run/event.ts";
import { moveRun } from "../../../src/core/run/move-run.ts";
import type { RunState } from "../../../src/core/run/state.ts";
import { versionMove } from "../../../src/core/run/version-move.ts";

type Nodes = WorkflowDocument["nodes"];
type Version = Omit<WorkflowDocument, "format" | "name">;

const NOW = 1_000_000;
const a: Nodes = { a: { kind: "action", action: "act" } };
const b: Nodes = { b: { kind: "action", action: "act" } };
const c: Nodes = { c: { kind: "action", action: "act" } };
const joined = (node: Nodes, join: "all" | "first"): Nodes =>
  Object.fromEntries(Object.entries(node).map(([id, one]) => [id, { ...one, join }]));
const line = (...ids: readonly string[]): Version["edges"] =>
  ids.slice(1).map((to, index) => ({ from: ids[index]!, to }));

const planOf = (version: Version): Plan => compilePlan({ format: 1, name: "test", ...version });

/** A run, event by event, by the names of its nodes. */
class Run {
  readonly plan: Plan;
  state: RunState;

  constructor(version: Version, input: RunState["values"]["input"] = null) {
    this.plan = planOf(version);
    const values = { input, trigger: null, run: {}, outputs: new Map(), errors: new Map() };
    this.state = newRun(this.plan, values);
    const trigger = this.plan.nodes.findIndex(({ kind }) => kind === "trigger");
    this.send({ type: "started", trigger });
  }

  send(event: RunEvent): this {
    this.state = advance(this.plan, this.state, event, NOW).state;
    return this;
  }

  run(id: string, output: number = 1): this {
    const node = this.plan.indexOf.get(id)!;
    const { fence } = this.state.nodes[node]!;
    this.send({ type: "claimed", node, fence, worker: "w" });
    return this.send({ type: "succeeded", node, fence: fence + 1, output });
  }

  fail(id: string): this {
    const node = this.plan.indexOf.get(id)!;
    const { fence, status } = this.state.nodes[node]!;
    const claimed = status !== "running";
    if (claimed) this.send({ type: "claimed", node, fence, worker: "w" });
    return this.send({
      type: "failed",
      node,
      fence: claimed ? fence + 1 : fence,
      error: { class: "test", message: "it failed" },
      verdict: { type: "permanent" },
      retry: { immediate: 0, backoffMs: [] },
      random: 0,
    });
  }

  codes(version: Version): readonly string[] {
    return versionMove(this.plan, planOf(version), this.state).refusals.map(({ code }) => code);
  }

  /** The statuses of the nodes once the dead letter is redriven with the version. */
  redrive(id: string, version: Version): Readonly<Record<string, string>> {
    const to = planOf(version);
    expect(versionMove(this.plan, to, this.state).refusals).toEqual([]);
    const moved = moveRun(this.plan, to, this.state);
    const node = to.indexOf.get(id)!;
    const { state } = advance(to, moved, { type: "redriven", node, newKey: false, moved: true }, NOW);
    return Object.fromEntries(to.nodes.map((one) => [one.id, state.nodes[one.index]!.status]));
  }
}

const two: Version = { nodes: { ...a, ...b }, edges: line("a", "b") };

test("what has ended stays, what is new begins where it can, and what was skipped is decided anew", () => {
  const cond: Nodes = { k: { kind: "condition", cases: [{ outcome: "yes", if: "nodes.a.output > 1" }] } };
  const before: Version = {
    nodes: { ...a, ...b, ...c, ...cond },
    edges: [...line("a", "b"), ...line("a", "k"), { from: "k", to: "c", on: "yes" }],
  };
  const run = new Run(before).run("a").fail("b");
  expect(run.state.nodes[run.plan.indexOf.get("c")!]!.status).toBe("skipped");
  const same = { ...before, nodes: { ...before.nodes, d: { kind: "action", action: "act" } as const } };
  expect(run.redrive("b", { ...same, edges: [...before.edges, ...line("c", "d")] })).toMatchObject({
    a: "succeeded",
    b: "ready",
    c: "skipped",
    d: "skipped",
    k: "succeeded",
  });
  const other = [...line("a", "b"), ...line("a", "k"), { from: "k", to: "c", on: "else" }];
  expect(run.redrive("b", { ...same, edges: [...other, ...line("a", "d")] })).toMatchObject({
    c: "ready",
    d: "ready",
  });
});

test("a first join begins with the first edge that was taken", () => {
  const run = new Run(two).run("a").fail("b");
  const first = {
    nodes: { ...a, ...b, ...joined(c, "first") },
    edges: [...line("a", "b", "c"), ...line("a", "c")],
  };
  expect(run.redrive("b", first)).toMatchObject({ b: "ready", c: "ready" });
});

test("the values that the other version reads go with the run", () => {
  const cond: Nodes = { k: { kind: "condition", cases: [{ outcome: "yes", if: "nodes.a.output > 1" }] } };
  const before: Version = {
    nodes: { ...a, ...b, ...c, ...cond },
    edges: [...line("a", "b"), ...line("a", "k"), { from: "k", to: "c", on: "yes" }],
  };
  const run = new Run(before).run("a", 5).fail("b").run("c");
  const { c: _c, ...rest } = before.nodes;
  // Without its target, a taken edge is lost.
  expect(run.codes({ nodes: rest, edges: before.edges.slice(0, 2) })).toEqual([
    "edge_removed",
    "node_removed",
  ]);
  expect(moveRun(run.plan, planOf({ nodes: b, edges: [] }), run.state).values.outputs.size).toBe(0);
  const to = planOf({ ...before, nodes: { x: { kind: "action", action: "act" }, ...before.nodes } });
  const moved = moveRun(run.plan, to, run.state);
  expect(moved.values.outputs.get(to.indexOf.get("a")!)).toBe(5);
});

test("a run that has not begun moves as it is", () => {
  const from = planOf(two);
  const values = { input: null, trigger: null, run: {}, outputs: new Map(), errors: new Map() };
  const to = planOf({ nodes: { ...a, ...c }, edges: line("a", "c") });
  expect(moveRun(from, to, newRun(from, values))).toEqual(newRun(to, values));
});

test("a trigger that the other version does not have, or has with another source, is in the way", () => {
  const triggered = (id: string, source?: object): Version => ({
    nodes: { [id]: { kind: "trigger", ...(source ? { source: source as never } : {}) }, ...a },
    edges: line(id, "a"),
  });
  const run = new Run(triggered("t")).fail("a");
  expect(run.codes(triggered("t"))).toEqual([]);
  expect(run.codes(triggered("u"))).toEqual(["node_removed"]);
  expect(moveRun(run.plan, planOf(triggered("u")), run.state).trigger).toBeNull();
  expect(run.codes(triggered("t", { type: "event", name: "e" }))).toEqual(["node_changed"]);
});

test.each([
  ["its kind", { a: { kind: "wait", for: { duration: "1s" } } }, ["node_changed"]],
  ["its action", { a: { kind: "action", action: "other" } }, ["node_changed"]],
  ["that it runs per item", { a: { kind: "action", action: "act", forEach: "[1]" } }, ["node_changed"]],
  ["its input", { a: { kind: "action", action: "act", input: { n: 1 } } }, []],
] as const)("of a node that has ended, another version may not change %s", (_what, changed, codes) => {
  const run = new Run(two).run("a").fail("b");
  expect(run.codes({ ...two, nodes: { ...changed, ...b } as Nodes })).toEqual(codes);
});

test("a node that was discarded has no result, and may be anything", () => {
  const split: Version = { nodes: { ...a, ...b }, edges: [] };
  const run = new Run(split).fail("a").fail("b");
  run.send({ type: "discarded", node: run.plan.indexOf.get("a")! });
  const other: Version = { nodes: { a: { kind: "wait", for: { duration: "1s" } }, ...b }, edges: [] };
  expect(run.redrive("b", other)).toMatchObject({ a: "failed", b: "ready" });
});

test("of a map that has ended it may not change its form", () => {
  const mapped = (node: object): Version => ({
    ...two,
    nodes: { a: { kind: "action", action: "act", ...node }, ...b },
  });
  const map = mapped({ forEach: "[1]" });
  const run = new Run(map);
  const node = run.plan.indexOf.get("a")!;
  const error = { class: "items_failed", message: "some" };
  const ended = { failed: 0, unfinished: 0, error, output: [1] };
  run.send({ type: "claimed", node, fence: 0, worker: "w" }).send({ type: "mapStarted", node, fence: 1 });
  const parked = new Run(map);
  parked.state = run.state;
  run.send({ type: "mapEnded", node, fence: 2, open: 0, ...ended }).fail("b");
  expect(run.codes(map)).toEqual([]);
  expect(run.codes(mapped({ forEach: "[1]", onItemError: "collect" }))).toEqual(["node_changed"]);
  expect(run.codes(two)).toEqual(["node_changed"]);
  expect(parked.codes(map)).toEqual(["node_active"]);
  expect(parked.send({ type: "mapEnded", node, fence: 2, open: 1, ...ended }).codes(map)).toEqual([
    "items_open",
  ]);
});

test("of a dead letter it may change everything but the kind, and the key that it holds", () => {
  const failing = (node: object, kind = "action"): Version => ({
    nodes: { a: { kind, ...node } as Nodes[string] },
    edges: [],
  });
  const run = new Run(failing({ action: "act" })).fail("a");
  expect(run.codes(failing({ action: "other", forEach: "[1]" }))).toEqual([]);
  expect(run.codes(failing({ for: { duration: "1s" } }, "wait"))).toEqual(["node_changed"]);
  const key = { action: "act", idempotencyKey: "{{ run.id }}" };
  const keyed = new Run(failing(key)).fail("a");
  expect(keyed.codes(failing({ ...key, timeout: "1m" }))).toEqual([]);
  expect(keyed.codes(failing({ ...key, action: "other" }))).toEqual(["key_changed"]);
  expect(keyed.codes(failing({ action: "act" }))).toEqual(["key_changed"]);
});

test("what has begun could have begun there too", () => {
  const run = new Run(two).run("a").fail("b");
  const edges = [...line("a", "b"), ...line("c", "b")];
  expect(run.codes({ nodes: { ...a, ...b, ...c }, edges: [...edges, ...line("a", "c")] })).toEqual([
    "order_changed",
  ]);
  // An edge that will never be taken does not hold it up, but for a join that wants all of them.
  const never = { from: "a", to: "c", on: "error" };
  expect(run.codes({ nodes: { ...a, ...b, ...c }, edges: [...edges, never] })).toEqual([]);
  const wantsAll = { nodes: { ...a, ...joined(b, "all"), ...c }, edges: [...edges, never] };
  expect(run.codes(wantsAll)).toEqual(["order_changed"]);
  const wantsOne = { nodes: { ...a, ...joined(b, "first"), ...c }, edges: [...edges, ...line("a", "c")] };
  expect(run.codes(wantsOne)).toEqual([]);
});

test("the output is rendered after everything else, there too", () => {
  const one: Version = { nodes: a, edges: [], output: "{{ 1 / 0 }}" };
  const run = new Run(one).run("a").fail("$output");
  expect(run.codes({ ...one, output: "{{ 1 }}" })).toEqual([]);
  expect(run.codes({ ...two, output: "{{ 1 }}" })).toEqual(["order_changed"]);
  const undone: Nodes = { a: { kind: "action", action: "act", compensate: { action: "undo" } } };
  expect(run.codes({ nodes: undone, edges: [] })).toEqual([]);
});

test("a run that was cancelled, is undone or paused does not move", () => {
  const split: Version = { nodes: { ...a, ...b }, edges: [] };
  const paused = new Run(split).fail("a").send({ type: "paused" }).run("b");
  expect(paused.codes(split)).toEqual(["run_paused", "node_active"]);
  expect(paused.send({ type: "resumed" }).run("b").codes(split)).toEqual([]);
  const failed = new Run(two).run("a").fail("b");
  expect(failed.send({ type: "cancelled", compensate: false }).codes(two)).toEqual(["run_cancelled"]);
  const undo = { ...two, onFailure: "compensate" } as const;
  expect(new Run(undo).run("a").fail("b").codes(undo)).toEqual(["run_compensating"]);
});

test("the input must fit the schema of the other version, where that is another", () => {
  const wants = (type: string): Version => ({
    ...two,
    input: { type: "object", properties: { n: { type } } },
  });
  const run = new Run(wants("string"), { n: 5 }).run("a").fail("b");
  expect(run.codes(wants("string"))).toEqual([]);
  expect(run.codes(wants("number"))).toEqual([]);
  expect(run.codes(wants("boolean"))).toEqual(["input_invalid"]);
  const { refusals } = versionMove(run.plan, planOf({ ...two, input: { type: "array" } }), run.state);
  expect(refusals[0]!.message).toContain("(whole input)");
});

test("the difference, for people", () => {
  const run = new Run({
    ...two,
    nodes: { ...two.nodes, gone: { kind: "action", action: "act" } },
    edges: line("a", "b", "gone"),
  });
  run.run("a").fail("b");
  const to = planOf({
    nodes: { a: { ...a["a"]!, description: "new words" }, b: { kind: "action", action: "other" }, ...c },
    edges: [...line("a", "b"), ...line("a", "c")],
    output: "{{ 1 }}",
  });
  const move = versionMove(run.plan, to, run.state);
  expect(describeMove(move)).toEqual([
    "= a        its result is kept",
    "! b        failed; differs in action",
    "+ c        new",
    "~ $output  not begun; differs in output",
    "- gone     removed",
  ]);
  expect(describeMove({ nodes: [{ node: "a", fate: "open", changed: [] }], refusals: [] })).toEqual([
    "  a  not begun",
  ]);
  expect(
    describeMove({ nodes: [], refusals: [{ code: "run_cancelled", node: null, message: "No." }] }),
  ).toEqual(["refused, run_cancelled: No."]);
});
