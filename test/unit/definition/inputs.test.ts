/** The input of runs: the schema that stands in the document, and the check. */
import { describe, expect, test } from "vitest";
import { z, type ZodType } from "zod";
import { inputSchemaOf } from "../../../src/core/definition/input-schema.ts";
import { inputValidator } from "../../../src/core/definition/input-validator.ts";
import { schemaProblems } from "../../../src/core/definition/json-schema.ts";
import { defineWorkflow } from "../../../src/core/definition/workflow.ts";

describe("inputSchemaOf", () => {
  test("plain schemas become what somebody would write", () => {
    expect(
      inputSchemaOf(
        z.object({
          a: z.string().min(1).describe("Who"),
          n: z.number().default(3),
          o: z.boolean().optional(),
          k: z.enum(["x", "y"]).nullable(),
          l: z.array(z.strictObject({ s: z.string() })),
        }),
      ),
    ).toEqual({
      type: "object",
      properties: {
        a: { type: "string", minLength: 1, description: "Who" },
        n: { type: "number", default: 3 },
        o: { type: "boolean" },
        k: { anyOf: [{ type: "string", enum: ["x", "y"] }, { type: "null" }] },
        l: {
          type: "array",
          items: {
            type: "object",
            properties: { s: { type: "string" } },
            required: ["s"],
            additionalProperties: false,
          },
        },
      },
      required: ["a", "k", "l"],
    });
  });

  test.each<[string, ZodType]>([
    ["a date", z.object({ at: z.date() })],
    ["a transformation", z.object({ n: z.string().transform(Number) })],
    ["a transformation that ends in a known type", z.string().transform(Number).pipe(z.number())],
    ["a big integer", z.bigint()],
    ["a check in code alone", z.custom<string>(() => true)],
    ["a keyword below not, which would mean more", z.string().meta({ not: { pattern: "(?=a)" } })],
    ["a schema of nothing but itself", z.any().meta({ $ref: "#" })],
  ])("there is none for %s", (_, schema) => {
    expect(inputSchemaOf(schema)).toBeNull();
  });

  test("keywords that are not checked are left to zod", () => {
    const schema = inputSchemaOf(
      z.object({
        p: z.string().regex(/^(?=a)b/),
        list: z.union([z.string().regex(/(?!x)/), z.number()]),
        m: z.string().meta({ unevaluatedProperties: false }),
        both: z.string().meta({ patternProperties: { "(?!b)": { pattern: "(?=a)" } } }),
      }),
    );
    expect(schema).toMatchObject({ properties: { p: { type: "string" }, m: { type: "string" } } });
    expect(JSON.stringify(schema)).not.toMatch(/\?=|\?!|unevaluated/);
    expect(schemaProblems(schema ?? {}, [])).toEqual([]);
  });

  test("recursive schemas keep their references", () => {
    interface Tree {
      readonly children: readonly Tree[];
    }
    const tree: ZodType<Tree> = z.object({
      get children() {
        return z.array(tree);
      },
    });
    const schema = inputSchemaOf(tree);
    expect(JSON.stringify(schema)).toContain('"$ref":"#"');
    expect(schemaProblems(schema ?? {}, [])).toEqual([]);
  });

  test("a field that the schema rules out is found in references", () => {
    const write = (schema: ZodType): unknown =>
      defineWorkflow({ name: "w", input: schema, build: ({ expr }) => expr`input.nmae` });
    const wrong = z.strictObject({ name: z.string() });
    expect(() =>
      defineWorkflow({
        name: "w",
        input: wrong,
        build: ({ action, expr }) => void action("a", "x", expr`input.nmae`),
      }),
    ).toThrow(/input_field_unknown/);
    expect(() => write(z.string().transform((name) => ({ nmae: name })))).toThrow(/trigger_missing/);
  });
});

describe("inputValidator", () => {
  test("by zod: transformations and defaults are stored", () => {
    const check = inputValidator({}, z.object({ n: z.string().transform(Number), d: z.number().default(2) }));
    expect(check({ n: "5" })).toEqual({ value: { n: 5, d: 2 } });
    expect(check({ n: 5 })).toEqual({
      problems: [{ path: ["n"], message: "Invalid input: expected string, received number" }],
    });
    const odd = z.array(z.custom((value) => value === 1, { error: "odd", path: [Symbol("s")] as never }));
    expect(inputValidator({}, odd)([2])).toMatchObject({ problems: [{ message: "odd" }] });
  });

  test("by zod: what it makes must be JSON", () => {
    expect(inputValidator({}, z.date())(new Date(0))).toEqual({
      problems: [{ path: [], message: "is a Date; only plain objects, lists and scalars are JSON" }],
    });
  });

  test("by JSON Schema: defaults are filled in before the check", () => {
    const check = inputValidator({
      input: { type: "object", properties: { n: { type: "number", default: 1 } }, required: ["n"] },
    });
    expect(check({})).toEqual({ value: { n: 1 } });
    expect(check({ n: "x" })).toEqual({
      problems: [{ path: ["n"], message: "must be of type number, and is string" }],
    });
    expect(check(undefined)).toMatchObject({ problems: [{ path: [] }] });
    expect(check(new Map())).toMatchObject({ problems: [{ path: [] }] });
  });

  test("without a schema: any JSON within the limits", () => {
    expect(inputValidator({})(undefined)).toEqual({ value: null });
    expect(inputValidator({})({ a: [1] })).toEqual({ value: { a: [1] } });
    expect(inputValidator({}, undefined, { maxBytes: 10, maxDepth: 5 })("x".repeat(20))).toMatchObject({
      problems: [{ message: "is larger than 10 bytes" }],
    });
  });
});
