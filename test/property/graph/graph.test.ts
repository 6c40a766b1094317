/** Order, cycles, ancestors and certainty against plain definitions of the same. */
import { expect, test } from "vitest";
import type { EdgeDocument, WorkflowDocument } from "../../../src/core/definition/document.ts";
import { areAncestors } from "../../../src/core/graph/ancestors.ts";
import { areCertain } from "../../../src/core/graph/certainty.ts";
import { compilePlan } from "../../../src/core/graph/compile-plan.ts";
import { buildGraph, type Graph } from "../../../src/core/graph/graph.ts";
import type { Issue } from "../../../src/core/graph/issues.ts";
import type { Plan } from "../../../src/core/graph/plan.ts";
import { topologicalOrder } from "../../../src/core/graph/order.ts";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import fc from "fast-check";
import { acyclic, ancestorsOf, documentOf, flows, graphs, type PairGraph } from "./graphs.ts";
import { allRuns, mayBeCalledOff, succeeded } from "./runs.ts";
import { holds } from "../../support/properties.ts";

function graphOf({ nodes, edges }: WorkflowDocument): Graph {
  return buildGraph(Object.keys(nodes), edges);
}

/** A real cycle: each edge exists, no node comes twice, and the edge at the path closes it. */
function expectCycle({ cycle = [], path }: Issue, edges: readonly EdgeDocument[]): void {
  expect(cycle.length).toBeGreaterThan(1);
  expect(new Set(cycle).size).toBe(cycle.length);
  cycle.forEach((from, at) => {
    const to = cycle[(at + 1) % cycle.length];
    expect(
      edges.some((edge) => edge.from === from && edge.to === to),
      `${from} -> ${to}`,
    ).toBe(true);
  });
  expect(path[0]).toBe("edges");
  expect(edges[path[1] as number]).toMatchObject({ from: cycle.at(-1), to: cycle[0] });
}

test("a graph without cycles has no issue, and every edge of its plan leads forward", () => {
  holds(acyclic(30), (graph) => {
    const document = documentOf(graph);
    expect(validateWorkflow(document)).toMatchObject({ ok: true, issues: [] });
    const plan = compilePlan(document);
    expect(plan.nodes.map(({ index }) => index)).toEqual([...plan.nodes.keys()]);
    for (const { from, to } of document.edges) {
      expect(plan.indexOf.get(from) as number).toBeLessThan(plan.indexOf.get(to) as number);
    }
    expect(new Set(plan.nodes.map(({ id }) => id))).toEqual(
      new Set([...Object.keys(document.nodes), "start", "$output"]),
    );
  });
});

test("a node is called off by the joins that all its ways lead through", () => {
  holds(fc.tuple(acyclic(12), fc.nat()), ([graph, mask]) => {
    const { nodes, edges, ...rest } = documentOf(graph);
    const joined = Object.entries(nodes).map(([id, node], at) => {
      const callsOff = ((mask >> at) & 1) === 1;
      return [id, callsOff ? { ...node, join: { first: true, cancelOthers: true } as const } : node] as const;
    });
    const plan = compilePlan({ ...rest, nodes: Object.fromEntries(joined), edges });
    for (const node of plan.nodes) {
      const chain: number[] = [];
      for (let { race } = node; race !== null; { race } = plan.nodes[race]!) chain.push(race);
      const expected = plan.nodes.filter(
        (join) => join.callsOff && leadsOnlyTo(plan, node.index, join.index),
      );
      expect(chain).toEqual(expected.map(({ index }) => index));
    }
  });
});

/** Nothing that can be reached around the join is an end. */
function leadsOnlyTo({ nodes }: Plan, from: number, join: number): boolean {
  const seen = new Set([from]);
  for (const at of seen) {
    if (from === join || nodes[at]!.outbound.length === 0) return false;
    for (const { to } of nodes[at]!.outbound) if (to !== join) seen.add(to);
  }
  return true;
}

test("the order of keys and edges in the document does not matter for the plan", () => {
  holds(fc.tuple(acyclic(12), fc.nat()), ([graph, turn]) => {
    const { nodes, edges, ...rest } = documentOf(graph);
    const turned = Object.entries(nodes).map(
      (_, at, all) => all[(at + turn) % all.length] as (typeof all)[0],
    );
    const other = { ...rest, nodes: Object.fromEntries(turned), edges: edges.toReversed() };
    const ids = (document: WorkflowDocument): readonly string[] =>
      compilePlan(document).nodes.map(({ id }) => id);
    expect(ids(other)).toEqual(ids({ ...rest, nodes, edges }));
  });
});

test("one edge back makes a cycle, and it is shown as it is", () => {
  const withPath = acyclic(20).filter(({ pairs }) => pairs.length > 0);
  holds(fc.tuple(withPath, fc.nat(), fc.nat()), ([graph, which, before]) => {
    const [, to] = graph.pairs[which % graph.pairs.length] as readonly [number, number];
    const ancestors = [...ancestorsOf(to, graph)];
    const back = ancestors[before % ancestors.length] as number;
    const document = documentOf({ ...graph, pairs: [...graph.pairs, [to, back]] });
    const { ok, issues } = validateWorkflow(document);
    const cycles = issues.filter(({ code }) => code === "cycle");
    expect(ok).toBe(false);
    expect(cycles).toHaveLength(1);
    for (const cycle of cycles) expectCycle(cycle, document.edges);
    expect(() => compilePlan(document)).toThrow(/definition_invalid/);
  });
});

test("any graph: a cycle per knot of nodes that lead to each other, and none where there is no knot", () => {
  holds(graphs(12), (graph) => {
    const document = documentOf(graph);
    const cycles = validateWorkflow(document).issues.filter(({ code }) => code === "cycle");
    const before = [...Array(graph.count).keys()].map((node) => ancestorsOf(node, graph));
    const knots = new Set(
      before.flatMap((ancestors, node) =>
        ancestors.has(node) ? [Math.min(...[...ancestors].filter((other) => before[other]?.has(node)))] : [],
      ),
    );
    expect(cycles).toHaveLength(knots.size);
    for (const cycle of cycles) expectCycle(cycle, document.edges);
  });
});

test("the cycle that is shown is a shortest one of its knot", () => {
  holds(graphs(8), (graph) => {
    const document = documentOf(graph);
    for (const { code, cycle = [] } of validateWorkflow(document).issues) {
      if (code !== "cycle") continue;
      const [first] = cycle.map((id) => Number(id.slice(1)));
      const knot = [...ancestorsOf(first as number, graph)].filter((node) =>
        ancestorsOf(node, graph).has(first as number),
      );
      expect(cycle.length).toBe(Math.min(...knot.map((node) => shortestThrough(node, graph))));
    }
  });
});

function shortestThrough(start: number, { pairs }: PairGraph): number {
  let wave = new Set([start]);
  for (let length = 1; ; length++) {
    wave = new Set(pairs.flatMap(([from, to]) => (wave.has(from) ? [to] : [])));
    if (wave.has(start)) return length;
  }
}

test.each([
  ["without cycles", acyclic(40)],
  ["any", graphs(25)],
] as const)("ancestors, asked for at once, are those of a plain search (%s)", (_name, arbitrary) => {
  holds(arbitrary, (pairs) => {
    const graph = graphOf(documentOf(pairs));
    const queries = [...Array(pairs.count ** 2).keys()].map((at) => ({
      reader: Math.floor(at / pairs.count),
      node: at % pairs.count,
    }));
    const answers = areAncestors(graph, topologicalOrder(graph), queries);
    const expected = queries.map(({ reader, node }) => Number(ancestorsOf(reader, pairs).has(node)));
    expect([...answers]).toEqual(expected);
  });
});

test("what is called certain has succeeded in every run in which it is read", () => {
  let [certainly, doubted] = [0, 0];
  holds(flows(5), (document) => {
    expect(validateWorkflow(document).issues.filter(({ severity }) => severity === "error")).toEqual([]);
    const graph = graphOf(document);
    const order = topologicalOrder(graph);
    const runs = allRuns(
      document,
      order.order.map((node) => graph.ids[node] as string),
    );
    const pairs = { count: graph.ids.length, pairs: graph.edges.map(({ from, to }) => [from, to] as const) };
    const output = graph.ids.length;
    const queries = [...Array(output).keys()].flatMap((reader) =>
      [...ancestorsOf(reader, pairs)].map((node) => ({ reader, node })),
    );
    for (let node = 0; node < output; node++) queries.push({ reader: output, node });
    const answers = areCertain({ document, graph, order }, queries);
    queries.forEach(({ reader, node }, at) => {
      const id = graph.ids[node] as string;
      const reading = runs.filter((run) =>
        reader === output ? run.complete : run.started.has(graph.ids[reader] as string),
      );
      const really = reading.every(
        (run) =>
          succeeded(run, id) &&
          (reader === output
            ? !mayBeCalledOff(document, run, id)
            : run.before.get(graph.ids[reader] as string)?.has(id) === true),
      );
      if (answers[at] === 1) expect(really, `${id} read by ${graph.ids[reader] ?? "the output"}`).toBe(true);
      if (!really || reading.length === 0) return;
      if (answers[at] === 1) certainly++;
      else doubted++;
    });
  });
  // Doubt is allowed, and must stay rare: a hint that is wrong teaches people to overlook hints.
  expect(doubted).toBeLessThan(certainly / 10);
});
