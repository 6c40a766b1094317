/** `idempotencyKey` in definitions: by the builder, in documents, and where it does not fit. */
import { expect, test } from "vitest";
import { z } from "zod";
import { defineAction, defineWorkflow, validateWorkflow } from "../../../src/index.ts";

const load = defineAction({
  name: "load",
  output: z.object({ order: z.string(), n: z.number() }),
  run: () => ({ order: "o", n: 1 }),
});
const charge = defineAction({ name: "charge", run: () => null });

test("the builder writes the template, and an edge from what it reads", () => {
  const { document } = defineWorkflow({
    name: "paying",
    build({ action, text }) {
      const { output } = action("loaded", load);
      action("pay", charge, {}, { idempotencyKey: text`charge-${output.order}` });
      action("again", charge, {}, { idempotencyKey: output.order });
      // @ts-expect-error -- a key is a text
      action("wrong", charge, {}, { idempotencyKey: output.n });
      return null;
    },
  });
  expect(document.nodes["pay"]).toEqual({
    kind: "action",
    action: "charge",
    input: {},
    idempotencyKey: "charge-{{ nodes.loaded.output.order }}",
  });
  expect(document.nodes["again"]).toMatchObject({ idempotencyKey: "{{ nodes.loaded.output.order }}" });
  expect(document.edges).toEqual(
    expect.arrayContaining([
      { from: "loaded", to: "pay" },
      { from: "loaded", to: "again" },
    ]),
  );
});

test("items have no such keys", () => {
  const build = (): unknown =>
    defineWorkflow({
      name: "paying",
      build({ action, fired }) {
        // @ts-expect-error -- it is no option of a map
        action("a", "x", () => ({}), { forEach: fired.payload, idempotencyKey: "k" });
      },
    });
  expect(build).toThrow("`idempotencyKey` is not possible for a node with `forEach`");
});

function codes(node: object): readonly string[] {
  return validateWorkflow({
    format: 1,
    name: "w",
    nodes: { a: { kind: "action", action: "x", ...node } },
    edges: [],
    output: null,
  }).issues.map(({ code, path }) => `${code} ${path.join(".")}`);
}

test("it reads what the input may read, and is no key of items", () => {
  expect(codes({ idempotencyKey: "{{ input.order }}-{{ run.workspace }}" })).toEqual([]);
  expect(codes({ idempotencyKey: "{{ nodes.b.output }}" })).toEqual([
    "reference_unknown nodes.a.idempotencyKey",
  ]);
  expect(codes({ idempotencyKey: "{{ item }}" })).toEqual(["reference_out_of_scope nodes.a.idempotencyKey"]);
  expect(codes({ idempotencyKey: "" })).toEqual(["field_invalid nodes.a.idempotencyKey"]);
  expect(codes({ forEach: "input", idempotencyKey: "k" })).toEqual(["map_invalid nodes.a.idempotencyKey"]);
});
