/** What nodes name outside of the document, and the inputs that actions want. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { JsonObject } from "../../../src/core/json.ts";
import { withLanes } from "../../../src/core/graph/lanes.ts";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import { brief, catalogue, catalogueOf, check, step, workflow } from "./documents.ts";

type Schema = Exclude<Parameters<typeof catalogueOf>[0][string]["input"], undefined>;

/** What is wrong with an input, as `path: message`. */
function complaints(schema: Schema, input: unknown): readonly string[] {
  const node = { kind: "action", action: "act", ...(input === undefined ? {} : { input }) };
  const { issues } = validateWorkflow(
    workflow({ nodes: { a: node } }),
    catalogueOf({ act: { input: schema } }),
  );
  return issues.map(({ code, path, message }) => {
    expect(code).toBe("action_input_invalid");
    return `${path.slice(2).join(".")}: ${message.replace('The input of "act" does not fit: ', "")}`;
  });
}

describe("the catalogue", () => {
  test("none: nothing is said of actions", () => {
    const nodes = { a: { kind: "action", action: "nobody/knows", input: 5 } };
    expect(validateWorkflow(workflow({ nodes })).issues).toEqual([]);
  });

  test("an unknown action gets the nearest name, if one is near", () => {
    const next = (action: string): string | undefined =>
      check({ nodes: { a: { ...step, action } } }).issues[0]?.next;
    expect(next("mails")).toBe('Register it, or name another one. Did you mean "mail"?');
    expect(next("completely.different")).toBe("Register it, or name another one.");
    const nameless = validateWorkflow(workflow({ nodes: { a: step } }), { get: () => undefined });
    expect(nameless.issues[0]?.next).toBe("Register it, or name another one.");
  });

  test("an action without a schema takes anything; without an input it gets {}", () => {
    expect(check({ nodes: { a: { ...step, input: [1] }, b: step } }).issues).toEqual([]);
    const { issues } = check({ nodes: { a: { kind: "action", action: "charge" } } });
    expect(issues).toMatchObject([{ code: "action_input_invalid", path: ["nodes", "a"] }]);
  });
});

describe("a field that is written as it is", () => {
  const complaintsAbout = (input: unknown): readonly string[] => {
    const nodes = { a: { kind: "action", action: "act", input, compensate: { action: "act", input } } };
    const { issues } = validateWorkflow(
      workflow({ nodes }),
      catalogueOf({ act: { constants: ["text", "other"] } as never }),
    );
    return issues.map(({ code, path, message }) => `${code} ${path.join(".")}: ${message}`);
  };
  const told = (path: string, field: string): string =>
    `action_input_invalid ${path}: The input of "act" does not fit: ${field} must be written as it is, without {{ }}.`;

  test.each([
    [{ text: "select 1", values: ["{{ input.a }}"] }],
    [{ text: "select '\\{{'" }],
    [{ values: [] }],
    [{ text: 5 }],
    ["text"],
    [["{{ input.a }}"]],
  ])("fits: %j", (input) => {
    expect(complaintsAbout(input)).toEqual([]);
  });

  test.each([
    [{ text: "{{ input.text }}" }],
    [{ text: "select '{{ input.a }}'" }],
    [{ text: "\\{{ {{ input.a }}" }],
    [{ text: ["{{ input.a }}"] }],
    [{ text: { a: { b: "{{ input.a }}" } } }],
  ])("does not: %j", (input) => {
    const path = "nodes.a";
    expect(complaintsAbout(input)).toEqual([
      told(`${path}.input.text`, "text"),
      told(`${path}.compensate.input.text`, "text"),
    ]);
  });

  test("nor an input that is a template as a whole", () => {
    expect(complaintsAbout("{{ input }}").slice(0, 2)).toEqual([
      told("nodes.a.input", "text"),
      told("nodes.a.input", "other"),
    ]);
  });
});

describe("a zod schema", () => {
  const charge = z.strictObject({
    cents: z.number().int().min(1).max(100),
    to: z.string().min(2),
    lines: z.array(z.object({ sku: z.string() })).optional(),
  });

  test("checks a constant input with all its rules, and lists everything", () => {
    expect(complaints(charge, { cents: 5, to: "ab" })).toEqual([]);
    expect(complaints(charge, { cents: 0.5, to: "a", lines: [{ sku: 1 }], more: 1 })).toEqual([
      expect.stringMatching(/^input\.cents: cents \(.+\)\.$/),
      expect.stringMatching(/^input\.to: to \(.+\)\.$/),
      expect.stringMatching(/^input\.lines\.0\.sku: lines\.0\.sku \(.+\)\.$/),
      "input.more: more is not a field of this object.",
    ]);
  });

  test("checks the constant parts of a template", () => {
    expect(complaints(charge, { cents: "{{ input.cents }}", to: "x {{ input.to }}" })).toEqual([]);
    expect(complaints(charge, { cents: "{{ input.cents }} cents", to: "{{ input.to }}" })).toEqual([
      "input.cents: cents must be integer, and is string.",
    ]);
    expect(complaints(charge, { cents: 500, to: "{{ input.to }}", lines: [{}] })).toEqual([
      "input.cents: cents must be at most 100.",
      "input.lines.0.sku: lines.0.sku is required, and missing.",
    ]);
    expect(complaints(charge, "{{ input }}")).toEqual([]);
  });

  test("reads an escaped template as the text that it is", () => {
    const short = z.object({ text: z.string().max(4) });
    expect(complaints(short, { text: "\\{{ab" })).toEqual([]);
    expect(complaints(short, { text: "\\{{abc" })).toHaveLength(1);
    expect(complaints(z.array(z.object({ text: z.literal("{{") })), [{ text: "\\{{" }])).toEqual([]);
    expect(
      complaints(z.object({ text: z.literal("{{"), n: z.number() }), { text: "\\{{", n: "{{ 1 }}" }),
    ).toEqual([]);
    expect(
      complaints(z.object({ text: z.literal("{{"), n: z.number() }), { text: "\\{", n: "{{ 1 }}" }),
    ).toHaveLength(1);
    expect(complaints(z.object({ text: z.number() }), { text: "\\{{ {{ 1 }}" })).toHaveLength(1);
  });

  test("that transforms is asked for what goes in", () => {
    const schema = z.object({ at: z.string().transform((text) => text.length), n: z.coerce.number() });
    expect(complaints(schema, { at: "x", n: "5" })).toEqual([]);
    expect(complaints(schema, { at: "{{ input.at }}", n: 5 })).toEqual([]);
    expect(complaints(schema, { at: 5, n: "{{ input.n }}" })).toEqual([
      "input.at: at must be string, and is number.",
    ]);
  });

  test("that waits for something, throws, or has no JSON Schema is no way to refuse or to throw", () => {
    const waits = z.object({ id: z.string().refine(async () => false) });
    const throws = z.object({
      id: z.string().refine(() => {
        throw new Error("no");
      }),
    });
    for (const schema of [waits, throws]) {
      expect(complaints(schema, { id: "x" })).toEqual([]);
      expect(complaints(schema, { id: 5 }).length).toBeGreaterThan(0);
    }
    expect(complaints(z.object({ at: z.date() }), { at: "{{ input.at }}" })).toEqual([]);
    const endless: z.ZodType = z.lazy(() => {
      throw new Error("no");
    });
    expect(complaints(z.object({ a: endless }), { a: "{{ 1 }}" })).toEqual([]);
  });

  test("of another copy of zod is recognised by its mark", () => {
    const foreign = { _zod: {}, safeParse: () => ({ success: true, data: 1 }) } as object as z.ZodType;
    expect(complaints(foreign, { anything: 1 })).toEqual([]);
  });
});

describe("a JSON Schema", () => {
  const all = (schema: object): JsonObject => ({ type: "object", properties: { v: schema } as JsonObject });
  const order = {
    type: "object",
    properties: { id: { type: "string" } },
    required: ["id"],
    additionalProperties: false,
  };
  const pair = { prefixItems: [{ type: "string" }, { type: "number" }], items: { type: "boolean" } };

  test.each<[string, object, unknown, string | null]>([
    ["a text for a number", { type: "number" }, "5", "must be number, and is string"],
    ["null for a text", { type: "string" }, null, "must be string, and is null"],
    ["a list for an object", { type: "object" }, [], "must be object, and is array"],
    ["an object for a list", { type: "array" }, {}, "must be array, and is object"],
    ["a fraction for a whole number", { type: "integer" }, 1.5, "must be integer, and is number"],
    ["one of several types", { type: ["string", "null"] }, null, null],
    ["none of several types", { type: ["string", "null"] }, true, "must be string or null, and is boolean"],
    ["a type that nobody knows", { type: "date" }, 5, null],
    ["no type", {}, 5, null],
    ["a schema of true", true as never, 5, null],
    ["a schema of false", false as never, 5, "is not allowed here"],
    ["a constant", { const: "a" }, "b", 'must be "a"'],
    ["the constant", { const: "a" }, "a", null],
    ["a list is not compared", { const: [1], enum: [[1]] }, [2], null],
    ["one of a list", { enum: ["a", 1, null] }, null, null],
    ["none of a list", { enum: ["a", 1] }, "b", 'must be one of "a", 1'],
    ["too little", { minimum: 3 }, 2, "must be at least 3"],
    ["too much", { maximum: 3 }, 4, "must be at most 3"],
    ["not more", { exclusiveMinimum: 3 }, 3, "must be more than 3"],
    ["not less", { exclusiveMaximum: 3 }, 3, "must be less than 3"],
    [
      "within bounds",
      { minimum: 1, maximum: 3, exclusiveMinimum: 0, exclusiveMaximum: 4, multipleOf: 2 },
      2,
      null,
    ],
    ["no multiple", { multipleOf: 5 }, 7, "must be a multiple of 5"],
    ["a multiple of a fraction is not calculated", { multipleOf: 0.1 }, 7, null],
    ["too short", { minLength: 3 }, "ab", "must have at least 3 characters"],
    ["too long", { maxLength: 1 }, "ab", "must have at most 1 characters"],
    ["too few", { minItems: 1 }, [], "must have at least 1 items"],
    ["too many", { maxItems: 1 }, [1, 2], "must have at most 1 items"],
    ["any of", { anyOf: [{ type: "string" }, { type: "number" }] }, 5, null],
    ["none of", { anyOf: [{ type: "string" }, order] }, 5, "fits none of the 2 forms that are possible here"],
    ["one of", { oneOf: [{ type: "string" }, order] }, { id: "x" }, null],
    [
      "not one of",
      { oneOf: [{ type: "string" }, order] },
      {},
      "fits none of the 2 forms that are possible here",
    ],
    ["a template fits any form", { oneOf: [{ type: "number" }, order] }, "{{ input.x }}", null],
    [
      "a text with a template fits a text",
      { anyOf: [{ type: "string", maxLength: 1 }] },
      "abc {{ input.x }}",
      null,
    ],
    [
      "a text with a template is no number",
      { anyOf: [{ type: "number" }] },
      "{{ 1 }} 2",
      "fits none of the 1 forms that are possible here",
    ],
  ])("%s", (...[, schema, value, expected]) => {
    expect(complaints(all(schema), { v: value })).toEqual(
      expected === null ? [] : [`input.v: v ${expected}.`],
    );
  });

  test("all of several, references, and deep places", () => {
    const schema = {
      $defs: { order, "a/b~c": { type: "number" } },
      allOf: [{ type: "object", required: ["list"] }],
      properties: {
        list: { type: "array", items: { $ref: "#/$defs/order" } },
        odd: { $ref: "#/$defs/a~1b~0c" },
        other: { $ref: "other.json" },
        none: { $ref: "#/$defs/none" },
        pair,
      },
    } as JsonObject;
    expect(complaints(schema, {})).toEqual(["input.list: list is required, and missing."]);
    expect(complaints(schema, { list: [{ id: "a" }, { id: 1, x: 1 }], odd: "x", other: 1, none: 1 })).toEqual(
      [
        "input.list.1.id: list.1.id must be string, and is number.",
        "input.list.1.x: list.1.x is not a field of this object.",
        "input.odd: odd must be number, and is string.",
      ],
    );
    expect(complaints(schema, { list: [], pair: ["a", 1, true] })).toEqual([]);
    expect(complaints(schema, { list: [], pair: [1, "a", 1] })).toEqual([
      "input.pair.0: pair.0 must be string, and is number.",
      "input.pair.1: pair.1 must be number, and is string.",
      "input.pair.2: pair.2 must be boolean, and is number.",
    ]);
  });

  test("other fields: forbidden, of a form, or by pattern", () => {
    const form = (additionalProperties: unknown, more: object = {}): JsonObject =>
      ({ properties: { a: {} }, additionalProperties, ...more }) as JsonObject;
    expect(complaints(form(false), { b: 1 })).toEqual(["input.b: b is not a field of this object."]);
    expect(complaints(form({ type: "string" }), { b: 1 })).toEqual([
      "input.b: b must be string, and is number.",
    ]);
    expect(complaints(form(false, { patternProperties: { "^b": {} } }), { b: 1 })).toEqual([]);
    expect(complaints({ required: ["toString", 5] }, {})).toEqual([
      "input.toString: toString is required, and missing.",
    ]);
  });

  test("the input as a whole", () => {
    expect(complaints({ type: "array" }, {})).toEqual(["input: the input must be array, and is object."]);
    expect(complaints({ type: "object" }, null)).toEqual(["input: the input must be object, and is null."]);
    expect(complaints({ type: "array" }, undefined)).toEqual([": the input must be array, and is object."]);
  });

  test("that refers to itself without end accepts what is deeper", () => {
    const endless = { $ref: "#" };
    expect(complaints(endless, { a: 1 })).toEqual([]);
    const bushy = { anyOf: [{ $ref: "#" }, { $ref: "#" }] } as JsonObject;
    expect(complaints(bushy, { a: 1 })).toEqual([]);
  });
});

describe("credentials", () => {
  test.each<[readonly string[], readonly string[]]>([
    [["stripe", "mail/eu-1"], []],
    [["a b"], ["credential_invalid nodes.a.credentials.0"]],
    [
      ["ok", "ok", "constructor"],
      ["credential_invalid nodes.a.credentials.1", "credential_invalid nodes.a.credentials.2"],
    ],
  ])("%j", (credentials, expected) => {
    expect(brief(check({ nodes: { a: { ...step, credentials } } }))).toEqual(expected);
  });

  test("a name that is no name says which names are", () => {
    const { issues } = check({ nodes: { a: { ...step, credentials: ["x".repeat(200)] } } });
    expect(issues).toMatchObject([
      {
        message: `"${"x".repeat(80)}" cannot be the name of a credential.`,
        next: expect.stringMatching(/^Use letters/),
      },
    ]);
  });
});

describe("what an action declares", () => {
  const pay = { kind: "action", action: "pay" };

  test("its credentials must be granted, also for a compensation", () => {
    const granted = { ...pay, credentials: ["stripe", "other"] };
    expect(brief(check({ nodes: { a: { ...granted, compensate: { action: "pay" } } } }))).toEqual([]);
    const missing = { ...step, compensate: { action: "pay" } };
    expect(brief(check({ nodes: { a: pay, b: missing } }))).toEqual([
      "credential_missing nodes.a.action",
      "credential_missing nodes.b.compensate.action",
    ]);
  });

  test("its lane is that of nodes which name none", () => {
    const nodes = {
      a: pay,
      b: { ...pay, lane: "own" },
      c: step,
      d: { kind: "wait", for: { duration: "1s" } },
    };
    const document = workflow({ nodes }) as never;
    expect(withLanes(document, catalogue)).toMatchObject({
      nodes: { a: { lane: "slow" }, b: { lane: "own" }, c: step },
    });
    const plain = workflow({ nodes: { c: step, e: { kind: "action", action: "unknown" } } }) as never;
    expect(withLanes(plain, catalogue)).toBe(plain);
  });
});

describe("fixed times", () => {
  test.each<[unknown, boolean]>([
    ["2027-01-31T09:00:00Z", true],
    ["2027-01-31T09:00Z", true],
    ["2027-01-31T09:00:00.123456789+14:00", true],
    ["2027-01-31", true],
    ["2028-02-29", true],
    [0, true],
    [8.64e15, true],
    ["{{ input.at }}", true],
    ["2027-02-29", false],
    ["2027-02-30T09:00:00Z", false],
    ["2027-13-01", false],
    ["2027-01-31T09:00:00", false],
    ["2027-01-31T25:00:00Z", false],
    ["tomorrow", false],
    [9e15, false],
  ])("%j: %s", (until, fine) => {
    const { issues } = validateWorkflow(
      workflow({ nodes: { a: { kind: "wait", for: { until } } } }),
      catalogue,
    );
    expect(brief({ issues })).toEqual(fine ? [] : ["until_invalid nodes.a.for.until"]);
  });
});
