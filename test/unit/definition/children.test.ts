import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { ActionNode } from "../../../src/core/definition/builder-types.ts";
import { defineWorkflow } from "../../../src/core/definition/workflow.ts";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import type { Json } from "../../../src/core/json.ts";

const shipping = defineWorkflow({
  name: "shipping",
  input: z.object({ order: z.string(), express: z.boolean().default(false) }),
  build: ({ action, input }) => ({
    parcel: action("pack", { output: z.object({ id: z.number() }), run: () => ({ id: 1 }) }, input.order)
      .output.id,
  }),
});

function codes(node: object): readonly string[] {
  const document = {
    format: 1,
    name: "w",
    nodes: { a: { kind: "action", action: "workflow.run", ...node } },
    edges: [],
  };
  return validateWorkflow(document).issues.map(({ code, path }) => `${code} ${path.join(".")}`);
}

const input = { workflow: "shipping" };

describe("a node that runs another workflow", () => {
  test("names it", () => {
    expect(codes({ input })).toEqual([]);
    expect(
      codes({
        input: {
          workflow: "{{ input.name }}",
          input: { any: 1 },
          version: 2,
          trigger: "t",
          labels: {},
          deadline: "1h",
        },
      }),
    ).toEqual([]);
    for (const wrong of [undefined, null, "shipping", [], {}, { input: 1 }])
      expect(codes(wrong === undefined ? {} : { input: wrong })).toEqual(["child_invalid nodes.a.input"]);
  });

  test("passes on what the child is started with as its `input`", () => {
    expect(codes({ input: { ...input, order: "o1" } })).toEqual(["child_invalid nodes.a.input.order"]);
  });

  test.each([
    ["retry", { immediate: 1 }],
    ["timeout", "1m"],
    ["deadline", "1m"],
    ["idempotencyKey", "k"],
  ])("has no %s", (field, value) => {
    expect(codes({ input, [field]: value })).toEqual([`child_invalid nodes.a.${field}`]);
  });

  test("may be undone, and undoes nothing", () => {
    expect(codes({ input, compensate: { action: "call-back" } })).toEqual([]);
    expect(codes({ action: "pack", compensate: { action: "workflow.run", input } })).toEqual([
      "child_invalid nodes.a.compensate.action",
    ]);
  });
});

describe("child() of the builder", () => {
  test("writes the node down, and the workflow brings its child along", () => {
    const above = defineWorkflow({
      name: "above",
      input: z.object({ order: z.string() }),
      build: ({ child, input: given }) => {
        const shipped = child(
          "ship",
          shipping,
          { order: given.order },
          { version: 3, labels: { of: given.order }, deadline: "2h" },
        );
        expectTypeOf(shipped).toExtend<ActionNode<{ readonly parcel: number }, "above">>();
        // @ts-expect-error -- the child needs an order
        child("wrong", shipping, { express: true }, { after: shipped });
        const named = child("named", "elsewhere", { any: [shipped.output.parcel] });
        expectTypeOf(named).toExtend<ActionNode<Json, "above">>();
        return shipped.output.parcel;
      },
    });
    expect(above.children).toEqual([shipping]);
    expect(above.document.nodes["ship"]).toEqual({
      kind: "action",
      action: "workflow.run",
      input: {
        workflow: "shipping",
        version: 3,
        input: { order: "{{ input.order }}" },
        labels: { of: "{{ input.order }}" },
        deadline: "2h",
      },
    });
    expect(above.document.edges).toContainEqual({ from: "ship", to: "named" });
  });

  test("with forEach reads the item and its place", () => {
    const above = defineWorkflow({
      name: "above",
      input: z.object({ orders: z.array(z.string()) }),
      build: ({ child, input: given, expr }) => {
        child("ship", shipping, (item, index) => ({ order: expr`${item} + string(${index})` }), {
          forEach: given.orders,
        });
      },
    });
    expect(above.document.nodes["ship"]).toMatchObject({
      forEach: "input.orders",
      input: { workflow: "shipping", input: { order: "{{ item + string(index) }}" } },
    });
  });

  test("needs no input where the child takes any", () => {
    const any = defineWorkflow({ name: "any", build: ({ wait }) => void wait("w", { duration: 1 }) });
    const above = defineWorkflow({ name: "above", build: ({ child }) => void child("a", any) });
    expect(above.document.nodes["a"]).toMatchObject({ input: { workflow: "any" } });
  });
});
