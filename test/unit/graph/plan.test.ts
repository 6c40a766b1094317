/** What a document is compiled to. */
import { expect, test } from "vitest";
import type { WorkflowDocument } from "../../../src/core/definition/document.ts";
import { compilePlan } from "../../../src/core/graph/compile-plan.ts";
import { DefinitionError } from "../../../src/core/graph/definition-error.ts";
import { OUTPUT_NODE, type Plan, type PlanNode } from "../../../src/core/graph/plan.ts";
import { condition, edges, type Parts, reads, step, trigger, workflow } from "./documents.ts";

function plan(parts: Parts): Plan {
  return compilePlan(workflow(parts) as WorkflowDocument);
}

function nodeOf({ nodes, indexOf }: Plan, id: string): PlanNode {
  return nodes[indexOf.get(id) as number] as PlanNode;
}

const wait = (waitFor: object, more: object = {}): object => ({ kind: "wait", for: waitFor, ...more });

test("nodes are numbered by depth, then by name; the output comes last", () => {
  const compiled = plan({
    nodes: { z: step, b: step, a: step, s: trigger },
    edges: edges("s -> z", "s -> b", "z -> a", "b -> a"),
  });
  expect(compiled.nodes.map(({ id, index }) => `${index} ${id}`)).toEqual([
    "0 s",
    "1 b",
    "2 z",
    "3 a",
    `4 ${OUTPUT_NODE}`,
  ]);
  expect(nodeOf(compiled, "a").inbound).toEqual([
    { from: 2, to: 3, on: null },
    { from: 1, to: 3, on: null },
  ]);
  expect(nodeOf(compiled, "s").outbound.map(({ to }) => to)).toEqual([2, 1]);
});

test("a join says whether it waits, and whom it calls off", () => {
  const race = { ...step, join: { first: true, cancelOthers: true } };
  const compiled = plan({
    nodes: { a: step, b: step, c: step, first: { ...step, join: "first" }, inner: race, outer: race },
    edges: edges("a -> inner", "b -> first", "first -> inner", "inner -> outer", "c -> outer", "c -> b"),
  });
  const told = ["a", "b", "c", "first", "inner", "outer"].map((id) => {
    const { join, callsOff, race: by } = nodeOf(compiled, id);
    return [id, join, callsOff, by === null ? null : compiled.nodes[by]?.id];
  });
  expect(told).toEqual([
    ["a", "settled", false, "inner"],
    ["b", "settled", false, "inner"],
    ["c", "settled", false, "outer"],
    ["first", "first", false, "inner"],
    ["inner", "first", true, "outer"],
    ["outer", "first", true, null],
  ]);
});

test("compensations come last but the output, in the reverse of the order of their nodes", () => {
  const undo = { action: "undo", input: "{{ nodes.b.output }}", timeout: "2s", retry: { immediate: 0 } };
  const compiled = plan({
    nodes: {
      s: trigger,
      a: { ...step, compensate: { action: "undo" } },
      c: { ...step, compensate: { action: "undo" } },
      b: { ...step, lane: "slow", credentials: ["k"], compensate: undo },
    },
    edges: edges("s -> a", "s -> c", "a -> b"),
  });
  expect(compiled.nodes.map(({ id }) => id)).toEqual([
    "s",
    "a",
    "c",
    "b",
    "b$compensate",
    "c$compensate",
    "a$compensate",
    OUTPUT_NODE,
  ]);
  expect(compiled.nodes.map(({ index }) => index)).toEqual([...compiled.nodes.keys()]);
  expect(nodeOf(compiled, "b$compensate")).toMatchObject({
    kind: "action",
    action: "undo",
    compensates: 3,
    lane: "slow",
    credentials: ["k"],
    timeoutMs: 2_000,
    retry: { immediate: 0 },
    inbound: [],
    outbound: [],
  });
  expect(nodeOf(compiled, "a$compensate")).toMatchObject({ compensates: 1, timeoutMs: null, retry: null });
  expect(nodeOf(compiled, "a")).toMatchObject({ compensates: null });
  expect(compiled.compensatesOnFailure).toBe(false);
  expect(plan({ nodes: { a: step }, onFailure: "compensate" }).compensatesOnFailure).toBe(true);
});

test("an action, as it is and with everything", () => {
  const compiled = plan({
    nodes: {
      s: trigger,
      a: step,
      b: {
        ...step,
        join: "all",
        input: "{{ input.x }}",
        lane: "slow",
        timeout: "2s",
        retry: { immediate: 0, backoff: ["1s"] },
        credentials: ["c"],
      },
    },
    edges: edges("s -> a", "s -> b", "b -error-> a"),
    retry: { immediate: 1 },
    timeout: "3s",
  });
  expect(nodeOf(compiled, "a")).toMatchObject({
    kind: "action",
    action: "any",
    join: "settled",
    lane: "default",
    timeoutMs: null,
    deadlineMs: null,
    retry: null,
    credentials: [],
    hasErrorEdge: false,
  });
  expect(nodeOf(compiled, "b")).toMatchObject({
    join: "all",
    lane: "slow",
    timeoutMs: 2_000,
    retry: { immediate: 0, backoffMs: [1_000] },
    credentials: ["c"],
    hasErrorEdge: true,
  });
  expect(compiled).toMatchObject({ retry: { immediate: 1 }, timeoutMs: 3_000 });
  const bounded = plan({ nodes: { a: { ...step, deadline: "1h" } } });
  expect(bounded.timeoutMs).toBeNull();
  expect(nodeOf(bounded, "a")).toMatchObject({ deadlineMs: 3_600_000 });
  const mapped = (more: object) =>
    nodeOf(plan({ nodes: { a: { ...step, forEach: "input.lines", ...more } } }), "a");
  expect(mapped({})).toMatchObject({ map: { concurrency: 20, collect: false } });
  expect(mapped({ concurrency: 3, onItemError: "collect" })).toMatchObject({
    map: { concurrency: 3, collect: true },
  });
  const [a, b] = [nodeOf(compiled, "a"), nodeOf(compiled, "b")];
  expect(a.kind === "action" && a.input.render({})).toEqual({});
  expect(b.kind === "action" && b.input.render({ input: { x: 5 } })).toBe(5);
  expect(plan({ nodes: { a: step } }).retry).toBeNull();
  const none = nodeOf(plan({ nodes: { a: { ...step, input: null } } }), "a");
  expect(none.kind === "action" && none.input.render({})).toBeNull();
});

test("triggers of every source", () => {
  const source = { type: "event", name: "e", filter: "true" };
  const compiled = plan({ nodes: { s: trigger, t: { ...trigger, source, input: "{{ trigger.payload }}" } } });
  const [s, t] = [nodeOf(compiled, "s"), nodeOf(compiled, "t")];
  expect(s).toMatchObject({ kind: "trigger", source: { type: "manual" }, input: null });
  expect(t).toMatchObject({ kind: "trigger", source });
  expect(t.kind === "trigger" && t.input?.render({ trigger: { payload: 7 } })).toBe(7);
});

test("conditions try their cases in order", () => {
  const compiled = plan({ nodes: { c: condition({ big: "input > 5", small: "true" }) } });
  const c = nodeOf(compiled, "c");
  expect(
    c.kind === "condition" && c.cases.map(({ outcome, when }) => [outcome, when.evaluate({ input: 6 })]),
  ).toEqual([
    ["big", true],
    ["small", true],
  ]);
});

test("waits for everything that there is", () => {
  const compiled = plan({
    nodes: {
      a: wait({ duration: "1m" }),
      b: wait({ until: "2027-01-31" }, { onTimeout: "skip" }),
      c: wait({ signal: "go" }),
      d: wait({ signal: "go", timeout: "1s" }),
      e: wait({ event: "paid" }),
      f: wait({ event: "paid", match: "event.payload == 1", timeout: 5 }),
      g: step,
    },
    edges: edges("f -timeout-> g", "d -> g"),
  });
  const waits = (id: string): object => nodeOf(compiled, id);
  expect(waits("a")).toMatchObject({
    for: { type: "duration", ms: 60_000 },
    onTimeout: "fail",
    hasTimeoutEdge: false,
  });
  expect(waits("b")).toMatchObject({
    for: { type: "until", at: { source: "2027-01-31" } },
    onTimeout: "skip",
  });
  expect(waits("c")).toMatchObject({ for: { type: "signal", name: "go", timeoutMs: null } });
  expect(waits("d")).toMatchObject({ for: { type: "signal", timeoutMs: 1_000 }, hasTimeoutEdge: false });
  expect(waits("e")).toMatchObject({ for: { type: "event", name: "paid", match: null, timeoutMs: null } });
  expect(waits("f")).toMatchObject({
    for: { match: { source: "event.payload == 1" }, timeoutMs: 5 },
    hasTimeoutEdge: true,
  });
});

test("the output is the template, or the outputs of the nodes without successors", () => {
  const output = (compiled: Plan): unknown => {
    const last = compiled.nodes.at(-1);
    const node = (value: number): object => ({ status: "succeeded", output: value, error: null });
    const nodes = { a: node(1), b: node(2), c: node(3) } as never;
    return last?.kind === "output" && last.template.render({ nodes });
  };
  const parts = { nodes: { a: step, b: step, c: step }, edges: edges("a -> b", "a -> c") };
  expect(output(plan(parts))).toEqual({ b: 2, c: 3 });
  expect(output(plan({ ...parts, output: "{{ nodes.a.output }}" }))).toBe(1);
  expect(output(plan({ ...parts, output: null }))).toBeNull();
});

test("what conditions and waits read is kept in the state, and nothing else", () => {
  const nodes = { a: step, b: step, c: step, d: reads("nodes.c.output", "trigger.id") };
  const written = edges("a -> b", "b -> c", "c -> d", "d -> x");
  const readsOf = (x: object): object => {
    const compiled = plan({ nodes: { ...nodes, x }, edges: written });
    const { input, trigger: read, nodes: read_ } = compiled.reads;
    return { input, trigger: read, nodes: [...read_].map((index) => compiled.nodes[index]?.id) };
  };
  const none = { input: false, trigger: false, nodes: [] };
  expect(readsOf(step)).toEqual(none);
  expect(readsOf(condition({ yes: "nodes.a.output == 1 && nodes.b.status == 'x'", no: "input" }))).toEqual({
    input: true,
    trigger: false,
    nodes: ["a"],
  });
  expect(readsOf(wait({ until: "{{ nodes.b.output }}" }))).toEqual({ ...none, nodes: ["b"] });
  expect(readsOf(wait({ event: "e", match: "trigger.id == nodes.none.error" }))).toEqual({
    ...none,
    trigger: true,
  });
  expect(readsOf(wait({ event: "e" }))).toEqual(none);
  expect(readsOf(wait({ signal: "s" }))).toEqual(none);
});

test("a broken graph is refused with all its errors and no hints", () => {
  const parts = {
    nodes: { s: trigger, a: step, b: condition({ yes: "true" }), c: step },
    edges: edges("s -> a", "a -> b", "b -yes-> a", "a -> a", "a -> none"),
  };
  try {
    plan(parts);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(DefinitionError);
    const { issues, code, message } = error as DefinitionError;
    expect(code).toBe("definition_invalid");
    expect(issues.map((issue) => issue.code)).toEqual([
      "edge_self",
      "node_unknown",
      "cycle",
      "node_unreachable",
    ]);
    expect(message).toContain('workflow "w"');
    expect(message).toContain('4 problems: edges.3: The node "a" leads to itself. [edge_self]; ');
    expect(message).toContain("; and 1 more");
  }
});

test("one problem is one problem", () => {
  expect(() => plan({ nodes: { a: step }, edges: edges("a -> a") })).toThrow("Received 1 problem: edges.0: ");
});

test("texts that do not compile are refused", () => {
  expect(() => plan({ nodes: { a: reads("1 +") } })).toThrow(/expression_invalid/);
  expect(() => plan({ nodes: { a: wait({ duration: "soon" }) } })).toThrow(
    /node "a" duration.*duration_invalid/s,
  );
  expect(() => plan({ nodes: { a: { ...step, timeout: "soon" } } })).toThrow(
    /node "a" timeout.*duration_invalid/s,
  );
});

test("what undoes a map is a map of its items, as many at once", () => {
  const compiled = plan({
    nodes: {
      a: {
        ...step,
        forEach: "input",
        concurrency: 3,
        onItemError: "collect",
        compensate: { action: "undo" },
      },
    },
  });
  expect(nodeOf(compiled, "a$compensate")).toMatchObject({
    map: { list: null, concurrency: 3, collect: false },
  });
});
