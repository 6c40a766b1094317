/** `concurrency` of a workflow in definitions: by the builder, in documents, and in the plan. */
import { expect, test } from "vitest";
import { z } from "zod";
import { defineWorkflow, validateWorkflow, type WorkflowDocument } from "../../../src/index.ts";
import { compilePlan } from "../../../src/core/graph/compile-plan.ts";
import { gateOf } from "../../../src/worker/gate.ts";

const input = z.object({ customer: z.string(), n: z.number(), tags: z.array(z.string()) });

function documentOf(concurrency: object): WorkflowDocument {
  const document = {
    format: 1,
    name: "w",
    concurrency,
    nodes: { a: { kind: "action", action: "x" } },
    edges: [],
  };
  return validateWorkflow(document).document!;
}

function codes(concurrency: unknown): readonly string[] {
  const nodes = { a: { kind: "action", action: "x" } };
  return validateWorkflow({ format: 1, name: "w", concurrency, nodes, edges: [] }).issues.map(
    ({ code, path }) => `${code} ${path.join(".")}`,
  );
}

const build = ({ action }: { readonly action: (id: string, name: string) => object }): void => {
  action("a", "x");
};

test("the builder writes the template of the key", () => {
  const of = (workflow: { readonly document: WorkflowDocument }): unknown => workflow.document.concurrency;
  const plain = defineWorkflow({
    name: "plain",
    input,
    concurrency: { limit: 3, key: (from) => from.input.customer },
    build,
  });
  expect(of(plain)).toEqual({ key: "{{ input.customer }}", limit: 3 });
  const joined = defineWorkflow({
    name: "joined",
    input,
    concurrency: { key: (from) => from.text`${from.fired.id}/${from.input.n}`, limit: 1, onLimit: "reject" },
    build,
  });
  expect(of(joined)).toEqual({ key: "{{ trigger.id }}/{{ input.n }}", limit: 1, onLimit: "reject" });
  expect(of(defineWorkflow({ name: "bare", concurrency: { limit: 1 }, build }))).toEqual({ limit: 1 });
});

test("types: a key is a text, a number or a boolean, made of what a start brings", () => {
  // @ts-expect-error -- a list is no key
  defineWorkflow({ name: "list", input, concurrency: { key: (from) => from.input.tags, limit: 1 }, build });
  const keyless = { name: "member", input, build } as const;
  // @ts-expect-error -- the input has no such member
  defineWorkflow({ ...keyless, concurrency: { key: (from) => from.input.id, limit: 1 } });
  const onLimit = "wait" as const;
  // @ts-expect-error -- there is no such way
  const wrong = (): unknown => defineWorkflow({ name: "way", concurrency: { limit: 1, onLimit }, build });
  expect(wrong).toThrow("concurrency.onLimit");
});

test("a key made of another workflow's references is refused", () => {
  let foreign: unknown;
  const key = (from: { readonly input: unknown }): never => (foreign = from.input) as never;
  defineWorkflow({ name: "a", concurrency: { key, limit: 1 }, build });
  const taking = (): unknown =>
    defineWorkflow({ name: "b", concurrency: { key: () => foreign as never, limit: 1 }, build });
  expect(taking).toThrow("reference of another workflow");
});

test("documents: the limit is a whole number from 1 to 1,000, and the key reads what the start brings", () => {
  for (const limit of [1, 1_000]) expect(codes({ limit })).toEqual([]);
  for (const limit of [0, -1, 1.5, 1_001])
    expect(codes({ limit })).toEqual(["field_invalid concurrency.limit"]);
  expect(codes({})).toEqual(["field_missing concurrency.limit"]);
  expect(codes({ limit: 1, key: "{{ input.a }}-{{ trigger.id }}", onLimit: "cancelOldest" })).toEqual([]);
  expect(codes({ limit: 1, key: "{{ nodes.a.output }}" })).toEqual([
    "reference_out_of_scope concurrency.key",
  ]);
  expect(codes({ limit: 1, key: "{{ run.id }}" })).toEqual(["reference_out_of_scope concurrency.key"]);
  expect(codes({ limit: 1, key: "" })).toEqual(["field_invalid concurrency.key"]);
  expect(codes({ limit: 1, key: "{{ input. }}" })).toEqual(["expression_invalid concurrency.key"]);
  expect(codes({ limit: 1, onLimit: "wait" })).toEqual(["field_invalid concurrency.onLimit"]);
  expect(codes({ limit: 1, keys: "a" })).toEqual(["field_unknown concurrency.keys"]);
});

test("its fields have one order, and the plan says what is left out", () => {
  const document = documentOf({ onLimit: "queue", limit: 2, key: "k" });
  expect(JSON.stringify(document.concurrency)).toBe('{"key":"k","limit":2,"onLimit":"queue"}');
  expect(compilePlan(documentOf({ limit: 2 })).concurrency).toEqual({
    key: null,
    limit: 2,
    onLimit: "queue",
  });
});

const start = { workspace: "acme", workflow: "w", trigger: { id: "start" } };

test.each([
  ["a", "a"],
  [7, "7"],
  [0.5, "0.5"],
  [false, "false"],
  ["é'\"", "é'\""],
  ["x".repeat(255), "x".repeat(255)],
])("%j is a key", (k, key) => {
  const { concurrency } = compilePlan(documentOf({ limit: 1, key: "{{ input.k }}" }));
  expect(gateOf(concurrency!, { ...start, input: { k } })).toEqual({ workspace: "acme", workflow: "w", key });
});

test.each([null, "", "x".repeat(256), [], ["a"], {}, "a\0b"])("%j is none", (k) => {
  const { concurrency } = compilePlan(documentOf({ limit: 1, key: "{{ input.k }}" }));
  expect(() => gateOf(concurrency!, { ...start, input: { k } })).toThrow(
    expect.objectContaining({ code: "concurrency_key_invalid" }),
  );
});

test("an expression that fails makes no key", () => {
  const { concurrency } = compilePlan(documentOf({ limit: 1, key: "{{ input.k / 0 }}" }));
  expect(() => gateOf(concurrency!, { ...start, input: { k: 1 } })).toThrow(
    expect.objectContaining({ code: "concurrency_key_invalid" }),
  );
});
