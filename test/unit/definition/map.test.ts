/** `forEach` in definitions: by the builder, in documents, and where it does not fit. */
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { defineAction, defineWorkflow, validateWorkflow } from "../../../src/index.ts";

const load = defineAction({
  name: "load",
  output: z.object({ lines: z.array(z.object({ sku: z.string(), amount: z.number() })) }),
  run: () => ({ lines: [] }),
});
const ship = defineAction({
  name: "ship",
  input: z.object({ sku: z.string(), position: z.number() }),
  output: z.string(),
  run: ({ input }) => input.sku,
});

describe("the builder", () => {
  test("writes the list, what each item passes on, and an edge from what the list is read from", () => {
    const { document } = defineWorkflow({
      name: "shipping",
      build({ action, expr }) {
        const loaded = action("loaded", load);
        const shipped = action(
          "shipped",
          ship,
          (item, index) => ({ sku: item.sku, position: expr`${index} + 1` }),
          { forEach: loaded.output.lines, concurrency: 5, onItemError: "collect" },
        );
        action("named", "other.process", (item) => ({ of: item }), { forEach: shipped.output });
        return shipped.output;
      },
    });
    expect(document.nodes["shipped"]).toEqual({
      kind: "action",
      action: "ship",
      forEach: "nodes.loaded.output.lines",
      concurrency: 5,
      onItemError: "collect",
      input: { sku: "{{ item.sku }}", position: "{{ index + 1 }}" },
    });
    expect(document.nodes["named"]).toMatchObject({
      forEach: "nodes.shipped.output",
      input: { of: "{{ item }}" },
    });
    expect(document.edges).toEqual(
      expect.arrayContaining([
        { from: "loaded", to: "shipped" },
        { from: "shipped", to: "named" },
      ]),
    );
  });
});

test("the builder writes down what undoes an item, which knows what the action gave", () => {
  const undo = defineAction({ name: "undo", input: z.object({ parcel: z.string() }), run: () => null });
  const { document } = defineWorkflow({
    name: "shipping",
    input: z.object({ lines: z.array(z.string()) }),
    build({ action, input, text }) {
      const shipped = action("shipped", ship, (sku, position) => ({ sku, position }), {
        forEach: input.lines,
      });
      shipped.compensate(undo, (sku, position, parcel) => ({ parcel: text`${sku} ${position} ${parcel}` }));
      const untyped = (): void => {
        // @ts-expect-error -- the output of an item is a text, which has no `id`
        shipped.compensate(undo, (_sku, _index, parcel) => ({ parcel: parcel.id }));
      };
      expectTypeOf(untyped).toBeFunction();
      return null;
    },
  });
  expect(document.nodes["shipped"]).toMatchObject({
    compensate: { action: "undo", input: { parcel: "{{ item }} {{ index }} {{ nodes.shipped.output }}" } },
  });
});

describe("validation", () => {
  const codes = (node: object): readonly string[] =>
    validateWorkflow({
      format: 1,
      name: "w",
      nodes: { a: { kind: "action", action: "x", ...node } },
      edges: [],
      output: null,
    }).issues.map(({ code, path }) => `${code} ${path.join(".")}`);

  test("`item` and `index` are there where the action runs per item, and nowhere else", () => {
    const input = { of: "{{ item.sku }}", at: "{{ index }}" };
    expect(codes({ forEach: "input.lines", input })).toEqual([]);
    expect(codes({ input })).toEqual([
      "reference_out_of_scope nodes.a.input.of",
      "reference_out_of_scope nodes.a.input.at",
    ]);
    expect(codes({ forEach: "item.lines" })).toEqual(["reference_out_of_scope nodes.a.forEach"]);
    expect(codes({ forEach: "input.lines[" })).toEqual(["expression_invalid nodes.a.forEach"]);
  });

  test("what undoes an item may read the item, its place, and what it gave", () => {
    const compensate = {
      action: "y",
      input: { of: "{{ nodes.a.output }}", at: "{{ index }}", to: "{{ item }}" },
    };
    expect(codes({ forEach: "input.lines", compensate })).toEqual([]);
    expect(codes({ compensate })).toEqual([
      "reference_out_of_scope nodes.a.compensate.input.at",
      "reference_out_of_scope nodes.a.compensate.input.to",
    ]);
  });

  test("options that do not go together are refused, each in its place", () => {
    const forEach = "input.lines";
    expect(codes({ forEach, deadline: "1h" })).toEqual([]);
    expect(codes({ forEach, idempotencyKey: "k" })).toEqual(["map_invalid nodes.a.idempotencyKey"]);
    expect(codes({ concurrency: 2, onItemError: "fail" })).toEqual([
      "map_invalid nodes.a.concurrency",
      "map_invalid nodes.a.onItemError",
    ]);
  });
});
