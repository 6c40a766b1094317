/** From what the store kept to a state. That a restored run goes on as it was is a property: `test/property/run`. */
import { describe, expect, test } from "vitest";
import type { Json } from "../../../src/core/json.ts";
import { newRun, patchRun, restoreRun, type StoredState } from "../../../src/core/run/advance.ts";
import { chainOf, type NodeSpec, planOf, VALUES } from "../../support/run/plans.ts";
import { TestRun } from "../../support/run/runs.ts";
import { rowsOf, saveRun } from "../../support/run/save.ts";

const action: NodeSpec = { kind: "action" };
const plan = planOf({
  nodes: { t0: { kind: "trigger" }, t1: { kind: "trigger" }, a: action, b: action, c: action },
  edges: [
    ["t0", "a"],
    ["t1", "b"],
    ["a", "c"],
    ["a", "c", "error"],
  ],
});
const nothing: StoredState = {
  status: "queued",
  paused: false,
  cancelled: false,
  compensate: false,
  trigger: null,
  values: VALUES,
  kept: [],
  nodes: [],
};

test("a run before its start has nothing but open edges", () => {
  expect(restoreRun(plan, nothing)).toEqual(newRun(plan, VALUES));
  expect(newRun(plan, VALUES)).toMatchObject({
    status: "queued",
    trigger: null,
    counts: { startable: 0, running: 0, waiting: 0, deadLetters: 0, begun: false },
  });
  expect(newRun(plan, VALUES).nodes.map(({ open }) => open)).toEqual([0, 0, 1, 1, 2, 0]);
});

test("triggers follow from the one that fired", () => {
  const { nodes } = restoreRun(plan, { ...nothing, trigger: 1 });
  expect(nodes.slice(0, 2)).toMatchObject([
    { status: "skipped", outcome: null },
    { status: "succeeded", outcome: "fired" },
  ]);
  expect(nodes[3]).toMatchObject({ open: 0, taken: 1 });
});

test("rows of items and of nodes that the plan does not have are ignored", () => {
  const run = new TestRun(plan).claim("a");
  const saved = saveRun(plan, run.state);
  const row = saved.nodes[0]!;
  const strange = [
    { ...row, item: 0, status: "failed" as const },
    { ...row, item: -2, status: "failed" as const },
    { ...row, node: "gone" },
  ];
  expect(restoreRun(plan, { ...saved, nodes: [...saved.nodes, ...strange] })).toEqual(run.state);
});

test("a row needs no item", () => {
  const run = new TestRun(plan).claim("a");
  const saved = saveRun(plan, run.state);
  const nodes = saved.nodes.map(({ item: _item, ...row }) => row);
  expect(restoreRun(plan, { ...saved, nodes })).toEqual(run.state);
});

describe("`$output`", () => {
  const only = chainOf({ a: action });
  const done = () => new TestRun(only).run("a");

  test.each([
    ["is being rendered", () => done(), "running"],
    ["is not rendered in a pause", () => done().pause(), "pending"],
    ["is pending while something is left", () => new TestRun(only), "pending"],
    ["succeeded with the run", () => done().succeed("$output", 1), "succeeded"],
    ["was cancelled with the run", () => new TestRun(only).cancel(), "cancelled"],
    ["failed", () => done().fail("$output"), "failed"],
    ["failed and was completed", () => done().fail("$output").complete("$output", 1), "succeeded"],
    [
      "failed and was completed after a cancel",
      () => done().fail("$output").cancel().complete("$output"),
      "succeeded",
    ],
    ["failed and was redriven", () => done().fail("$output").redrive("$output"), "running"],
  ] as const)("%s", (_what, make, status) => {
    const { state } = make();
    const restored = restoreRun(only, saveRun(only, state));
    expect(restored.nodes.at(-1)!.status).toBe(status);
    expect(restored).toEqual(state);
  });
});

describe("values", () => {
  test("are kept of nodes that succeeded, errors of those that failed", () => {
    const run = new TestRun(plan).claim("a").fail("a").run("c", 3);
    const saved = saveRun(plan, run.state);
    const outputs = new Map<number, Json>([
      [2, "of an attempt before"],
      [4, 3],
      [99, "of no node"],
    ]);
    const errors = new Map([
      [2, { class: "http" }],
      [4, { class: "of an attempt before" }],
    ]);
    const restored = restoreRun(plan, { ...saved, values: { ...saved.values, outputs, errors } });
    expect([...restored.values.outputs]).toEqual([[4, 3]]);
    expect([...restored.values.errors]).toEqual([[2, { class: "http" }]]);
  });
});

describe("an incremental reload", () => {
  test("takes newer rows and leaves the others", () => {
    const run = new TestRun(plan).claim("a");
    const known = run.state;
    run.succeed("a", 1).claim("c");
    const newer = { ...saveRun(plan, run.state), nodes: rowsOf(plan, run.state.nodes, known.nodes) };
    expect(newer.nodes.map(({ node }) => node)).toEqual(["a", "c"]);
    expect(patchRun(plan, known, newer)).toEqual(run.state);
  });

  test("needs values only once", () => {
    const run = new TestRun(plan).run("a", { id: 7 });
    const known = run.state;
    run.claim("c");
    const newer = {
      ...saveRun(plan, run.state),
      nodes: rowsOf(plan, run.state.nodes, known.nodes),
      values: { ...VALUES, outputs: new Map(), errors: new Map() },
    };
    expect(patchRun(plan, known, newer).values.outputs).toEqual(new Map([[2, { id: 7 }]]));
  });

  test("forgets nothing of an output that was completed by hand", () => {
    const only = chainOf({ a: action });
    const run = new TestRun(only).run("a").fail("$output").cancel().complete("$output", 1);
    const saved = { ...saveRun(only, run.state), nodes: [] };
    expect(patchRun(only, run.state, saved)).toEqual(run.state);
  });

  test("of a run that nothing happened to is the run", () => {
    const run = new TestRun(plan).run("a");
    expect(patchRun(plan, run.state, { ...saveRun(plan, run.state), nodes: [] })).toEqual(run.state);
  });
});
