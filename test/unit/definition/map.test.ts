/** `forEach` in definitions: by the builder, in documents, and where it does not fit. */
import { describe, expect, test } from "vitest";
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

  test("options that do not go together are refused, each in its place", () => {
    const forEach = "input.lines";
    expect(codes({ forEach, deadline: "1h" })).toEqual([]);
    expect(codes({ forEach, compensate: { action: "y" } })).toEqual(["map_invalid nodes.a.compensate"]);
    expect(codes({ concurrency: 2, onItemError: "fail" })).toEqual([
      "map_invalid nodes.a.concurrency",
      "map_invalid nodes.a.onItemError",
    ]);
  });
});
