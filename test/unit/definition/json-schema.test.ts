/** Which JSON Schemas a document may have, and what they say about values. */
import { describe, expect, test } from "vitest";
import { schemaProblems } from "../../../src/core/definition/json-schema.ts";
import { valueProblems } from "../../../src/core/definition/json-schema-check.ts";
import { withDefaults } from "../../../src/core/definition/json-schema-defaults.ts";
import { escapeName, unescapeName } from "../../../src/core/definition/json-schema-shape.ts";
import type { Json, JsonObject } from "../../../src/core/json.ts";

const badPaths = (schema: JsonObject): readonly string[] =>
  schemaProblems(schema, []).map(({ path }) => path.join("."));
const says = (schema: JsonObject, value: Json): readonly string[] => {
  expect(schemaProblems(schema, [])).toEqual([]);
  return valueProblems(schema, value).map(({ path, message }) => `${path.join(".")} ${message}`.trim());
};

describe("schemas that documents may have", () => {
  test.each<[JsonObject]>([
    [{}],
    [{ $schema: "https://json-schema.org/draft/2020-12/schema", $id: "x", title: "t", "x-note": { any: 1 } }],
    [{ $schema: "http://json-schema.org/draft-07/schema#" }],
    [{ type: ["string", "null"], enum: ["a", null], const: "a", default: "a", examples: [] }],
    [{ properties: { a: true, b: false }, additionalProperties: { $ref: "#" }, required: ["a"] }],
    [{ $defs: { "a/b~c": { type: "string" } }, items: { $ref: "#/$defs/a~1b~0c" } }],
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    [{ anyOf: [{ minimum: 1 }, { not: {} }], if: {}, then: {}, else: {}, dependentRequired: { a: ["b"] } }],
    [
      {
        dependentSchemas: { a: {} },
        patternProperties: { "^x": {} },
        propertyNames: { pattern: "^[a-z]+$" },
      },
    ],
    [{ $defs: { a: { allOf: [{ $ref: "#/$defs/b" }, { $ref: "#/$defs/c" }] }, b: {}, c: {} } }],
    [{ definitions: { node: { properties: { next: { $ref: "#/definitions/node" } } } } }],
  ])("%j", (schema) => {
    expect(schemaProblems(schema, [])).toEqual([]);
  });

  test.each<[string, JsonObject, readonly string[]]>([
    ["an unknown keyword", { minLenght: 1 }, ["minLenght"]],
    [
      "a keyword that is not checked",
      { unevaluatedProperties: false, contentSchema: {} },
      ["unevaluatedProperties", "contentSchema"],
    ],
    [
      "a bad schema inside",
      { properties: { a: 5 }, items: "x", anyOf: [null] },
      ["properties.a", "items", "anyOf.0"],
    ],
    ["no list of schemas", { anyOf: [], allOf: {} }, ["anyOf", "allOf"]],
    ["no object of schemas", { properties: [], patternProperties: 1 }, ["properties", "patternProperties"]],
    [
      "patterns that RE2 does not know",
      { pattern: "(?=a)", patternProperties: { "(?!b)": {} } },
      ["pattern", "patternProperties.(?!b)"],
    ],
    ["a pattern that is a number", { pattern: 5 }, ["pattern"]],
    ["a dialect that is not known", { $schema: "http://example.com" }, ["$schema"]],
    ["an id further down", { items: { $id: "x", $schema: "y" } }, ["items.$id", "items.$schema"]],
    [
      "references to nowhere",
      { items: { $ref: "#/$defs/none" }, not: { $ref: "http://x" }, contains: { $ref: 5 } },
      ["items.$ref", "not.$ref", "contains.$ref"],
    ],
    ["references that are deeper than definitions", { items: { $ref: "#/properties/a" } }, ["items.$ref"]],
    [
      "wrong forms",
      {
        minLength: -1,
        maxItems: 0.5,
        minimum: "1",
        multipleOf: 0,
        uniqueItems: 1,
        title: 1,
        enum: {},
        required: [1],
        dependentRequired: { a: "b" },
        type: "strin",
        format: "phone",
      },
      [
        "minLength",
        "maxItems",
        "minimum",
        "multipleOf",
        "uniqueItems",
        "title",
        "enum",
        "required",
        "dependentRequired",
        "type",
        "format",
      ],
    ],
    ["no types", { type: [] }, ["type"]],
    [
      "an endless round",
      {
        $defs: {
          a: { anyOf: [{ $ref: "#/$defs/b" }] },
          b: { dependentSchemas: { x: { $ref: "#/$defs/a" } } },
          c: {},
        },
        items: { $ref: "#/$defs/a" },
      },
      ["$defs.a", "$defs.b"],
    ],
    ["itself", { $ref: "#" }, [""]],
  ])("%s is refused", (_, schema, paths) => {
    expect(badPaths(schema)).toEqual(paths);
    for (const { code, next } of schemaProblems(schema, [])) {
      expect(code).toBe("schema_invalid");
      expect(next).not.toBe("");
    }
  });

  test("hints for what is meant", () => {
    expect(schemaProblems({ nullable: true }, [])[0]?.next).toContain('["string", "null"]');
    expect(schemaProblems({ requird: [] }, [])[0]?.next).toContain('Did you mean "required"?');
  });

  test("names in references are escaped and back", () => {
    expect(unescapeName(escapeName("a/b~1~0"))).toBe("a/b~1~0");
  });
});

describe("values", () => {
  test.each<[JsonObject, Json, readonly string[]]>([
    [{ type: "string" }, 5, ["must be of type string, and is number"]],
    [{ type: ["integer", "null"] }, 1.5, ["must be of type integer or null, and is number"]],
    [{ type: "array" }, null, ["must be of type array, and is null"]],
    [{ type: "object" }, [], ["must be of type object, and is array"]],
    [{ type: "integer" }, 5, []],
    [{ type: ["boolean", "null"] }, true, []],
    [{ type: ["boolean", "null"] }, null, []],
    [{ const: { a: [1] } }, { a: [1] }, []],
    [{ const: 5 }, 6, ["must be 5"]],
    [{ enum: ["a", 1] }, "b", ['must be one of "a", 1']],
    [{ enum: ["x".repeat(300)] }, "b", [`must be one of "${"x".repeat(199)}...`]],
    [{ minimum: 2, exclusiveMaximum: 5 }, 1, ["must be at least 2"]],
    [{ maximum: 2, exclusiveMinimum: 5 }, 4, ["must be at most 2", "must be more than 5"]],
    [{ exclusiveMaximum: 5, multipleOf: 0.1 }, 5.05, ["must be less than 5", "must be a multiple of 0.1"]],
    [{ multipleOf: 0.1 }, 0.3, []],
    [{ minLength: 2, maxLength: 3 }, "x", ["must have at least 2 characters"]],
    [{ maxLength: 2 }, "\u{1F600}\u{1F600}", []],
    [{ maxLength: 1 }, "ab", ["must have at most 1 characters"]],
    [{ pattern: "^a+$" }, "b", ["must match the pattern ^a+$"]],
    [{ pattern: "^a+$" }, "aa", []],
    [{ format: "email" }, "x", ["must have the format email"]],
    [{ format: "date-time" }, "2027-01-31T09:00:00+01:00", []],
    [{ format: "uri" }, "x".repeat(5_000), ["must have the format uri"]],
    [
      { items: { type: "number" }, prefixItems: [{ type: "string" }] },
      ["a", "b"],
      ["1 must be of type number, and is string"],
    ],
    [{ minItems: 1, maxItems: 0 }, [], ["must have at least 1 items"]],
    [
      { uniqueItems: true },
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      ["must not have the same item twice"],
    ],
    [{ uniqueItems: true }, [1, "1"], []],
    [{ contains: { type: "string" } }, [1], ["must have at least 1 items of the form that is asked for"]],
    [
      { contains: { type: "string" }, minContains: 0, maxContains: 1 },
      ["a", "b"],
      ["must have at most 1 items of the form that is asked for"],
    ],
    [{ required: ["a"] }, {}, ["a is required, and missing"]],
    [{ required: ["toString"] }, {}, ["toString is required, and missing"]],
    [{ minProperties: 1, maxProperties: 1 }, { a: 1, b: 2 }, ["must have at most 1 fields"]],
    [
      { properties: { a: { type: "string" } }, additionalProperties: false },
      { a: 1, b: 2 },
      ["a must be of type string, and is number", "b is not a field of this object"],
    ],
    [{ additionalProperties: { type: "string" } }, { b: 2 }, ["b must be of type string, and is number"]],
    [
      { patternProperties: { "^x": { type: "string" } }, additionalProperties: false },
      { x1: 1, y: 1 },
      ["x1 must be of type string, and is number", "y is not a field of this object"],
    ],
    [{ propertyNames: { maxLength: 1 } }, { ab: 1 }, ["ab has a name that is not allowed"]],
    [{ dependentRequired: { a: ["b"] } }, { a: 1 }, ["b is required, and missing"]],
    [{ dependentRequired: { a: ["b"] } }, { c: 1 }, []],
    [{ dependentSchemas: { a: { required: ["c"] }, z: false } }, { a: 1 }, ["c is required, and missing"]],
    [{ allOf: [{ minimum: 2 }, { maximum: 0 }] }, 1, ["must be at least 2", "must be at most 0"]],
    [
      { anyOf: [{ type: "string" }, { type: "null" }] },
      1,
      ["does not fit any of the forms that are allowed here"],
    ],
    [
      { oneOf: [{ type: "number" }, { minimum: 0 }] },
      1,
      ["must fit exactly one of the forms allowed here, and fits 2"],
    ],
    [{ oneOf: [{ type: "string" }, true] }, 1, []],
    [{ not: { type: "number" } }, 1, ["has a form that is not allowed here"]],
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    [{ if: { type: "number" }, then: { minimum: 2 }, else: false }, 1, ["must be at least 2"]],
    [{ if: { type: "number" }, else: false }, "x", ["is not allowed here"]],
    [{ properties: { a: false } }, { a: 1 }, ["a is not allowed here"]],
    [
      { $defs: { n: { properties: { next: { $ref: "#/$defs/n" } }, required: ["v"] } }, $ref: "#/$defs/n" },
      { v: 1, next: { v: 2, next: {} } },
      ["next.next.v is required, and missing"],
    ],
  ])("%j for %j", (schema, value, problems) => {
    expect(says(schema, value)).toEqual(problems);
  });

  test("at most 20 problems are listed", () => {
    expect(says({ items: { type: "string" } }, Array<number>(100).fill(1))).toHaveLength(20);
    const required = Array.from({ length: 30 }, (_, n) => `field${n}`);
    expect(says({ required }, {})).toHaveLength(20);
  });

  test("a pattern that cannot be read fits nothing, although such a schema is refused before", () => {
    expect(valueProblems({ pattern: "(?=a)" }, "a")).toHaveLength(1);
  });

  test("a value that is too much work is refused, not waved through", () => {
    const refused = ["is too much work to check against the schema"];
    // Every level looks at the next one twice.
    const twice = (name: string): Json => ({ anyOf: [{ not: { $ref: name } }, { $ref: name }] });
    const levels = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [`l${n}`, twice(`#/$defs/l${n + 1}`)]),
    );
    expect(says({ $defs: { ...levels, l40: { type: "string" } }, $ref: "#/$defs/l0" }, 1)).toEqual(refused);
    let deep: Json = 1;
    for (let level = 0; level < 300; level++) deep = [deep];
    expect(
      says(
        {
          $defs: { a: { allOf: [{ $ref: "#/$defs/b" }] }, b: { items: { $ref: "#/$defs/a" } } },
          $ref: "#/$defs/a",
        },
        deep,
      ),
    ).toEqual(refused);
    const big = Array.from({ length: 3_000 }, () => ({ a: 1 }));
    expect(says({ enum: Array.from({ length: 3_000 }, (_, n) => ({ n })) }, big)).toEqual(refused);
    expect(says({ pattern: "(a|b){1,1000}c" }, "a".repeat(1_000_000))).toEqual(refused);
  });

  test("what a value itself throws is not taken for too much work", () => {
    const value = Object.defineProperty({}, "a", {
      enumerable: true,
      get: () => {
        throw new RangeError("no value");
      },
    });
    expect(() => says({ properties: { a: {} } }, value as Json)).toThrow("no value");
  });
});

describe("defaults", () => {
  const schema: JsonObject = {
    $defs: {
      address: { properties: { country: { default: "DE" } } },
      colour: { default: "red" },
      alias: { $ref: "#/$defs/colour" },
    },
    properties: {
      n: { default: 1 },
      deep: { default: {}, properties: { never: { default: "as it stands" } } },
      address: { $ref: "#/$defs/address" },
      colour: { $ref: "#/$defs/alias" },
      other: { $ref: "#/$defs/alias", default: "blue" },
      list: {
        prefixItems: [{ properties: { first: { default: true } } }],
        items: { properties: { rest: { default: true } } },
      },
      odd: true,
      __proto__x: { default: 1 },
    },
    anyOf: [{ properties: { note: { default: "only a note" } } }],
  };

  test("fill what is missing, wherever it is certain", () => {
    expect(withDefaults(schema, { address: {}, list: [{}, {}, 5], odd: 1, n: null })).toEqual({
      n: null,
      deep: {},
      address: { country: "DE" },
      colour: "red",
      other: "blue",
      list: [{ first: true }, { rest: true }, 5],
      odd: 1,
      __proto__x: 1,
    });
  });

  test("leave everything else alone", () => {
    expect(withDefaults(schema, "text")).toBe("text");
    expect(withDefaults({ properties: { none: { type: "string" } } }, {})).toEqual({});
    expect(withDefaults(schema, [1])).toEqual([1]);
    expect(withDefaults({ type: "object" }, { a: 1 })).toEqual({ a: 1 });
    expect(withDefaults({ properties: { list: { items: true } } }, { list: [1] })).toEqual({ list: [1] });
    const named = JSON.parse('{"properties":{"__proto__":{"default":1}}}') as JsonObject;
    expect(Object.entries(withDefaults(named, {}) as JsonObject)).toEqual([["__proto__", 1]]);
  });
});
