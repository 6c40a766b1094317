import { expect, test } from "vitest";
import { compilePlan } from "../../../src/core/graph/compile-plan.ts";
import { newRun } from "../../../src/core/run/advance.ts";
import type { NodeStatus, RunState } from "../../../src/core/run/state.ts";
import { LargeOutputs } from "../../../src/worker/large-outputs.ts";

const take = (from: string): object => ({ kind: "action", action: "take", input: `{{ ${from} }}` });

const plan = compilePlan({
  format: 1,
  name: "reading",
  nodes: {
    a: { kind: "action", action: "give", compensate: { action: "undo", input: "{{ nodes.a.output }}" } },
    b: take("nodes.a.output") as never,
    c: { ...take("item"), forEach: "[nodes.a.output]" } as never,
    d: { ...take("item + nodes.b.output"), forEach: "[1]" } as never,
    e: { kind: "action", action: "give", idempotencyKey: "{{ nodes.c.output }}" },
  },
  edges: [
    { from: "a", to: "b" },
    { from: "a", to: "c" },
    { from: "b", to: "d" },
    { from: "c", to: "e" },
  ],
  output: "{{ nodes.d.output }}",
});

function state(statuses: { readonly [id: string]: NodeStatus }): Pick<RunState, "nodes"> {
  const values = { input: null, trigger: null, run: {}, outputs: new Map(), errors: new Map() };
  const { nodes } = newRun(plan, values);
  return {
    nodes: nodes.map((node, index) => ({ ...node, status: statuses[plan.nodes[index]!.id] ?? "pending" })),
  };
}

test("an output is forgotten once all who read it have ended, however they did", () => {
  const large = new LargeOutputs();
  for (const id of ["a", "b", "c", "d", "e"]) large.add(id);
  // Nobody reads that of e.
  expect(large.takeUnread(plan, state({ b: "running", c: "ready" }))).toEqual(["e"]);
  expect(large.takeUnread(plan, state({ b: "failed", c: "waiting" }))).toEqual([]);
  expect(large.takeUnread(plan, state({ b: "failed", c: "cancelled" }))).toEqual(["a"]);
  expect(large.takeUnread(plan, state({ b: "failed", c: "cancelled", d: "running" }))).toEqual([]);
  expect(large.takeUnread(plan, state({ d: "skipped", e: "succeeded" }))).toEqual(["b", "c"]);
  expect(large.takeUnread(plan, state({ $output: "succeeded" }))).toEqual(["d"]);
  large.add("a");
  expect(large.takeUnread(plan, state({ b: "succeeded", c: "succeeded" }))).toEqual(["a"]);
});
