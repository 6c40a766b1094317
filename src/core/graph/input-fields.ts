/** What the JSON Schema of the run's input says about a field that an expression reads. */
import type { Json, JsonObject } from "../json.ts";
import { isObject, listOf, resolve } from "./json-schema.ts";

/**
 * `known` also where the schema says nothing. `undeclared`: the schema lists fields, this one is not among them, and others are
 * allowed. `unknown`: others are not allowed.
 */
export type FieldVerdict =
  | { readonly verdict: "known" }
  | {
      readonly verdict: "undeclared" | "unknown";
      readonly field: string;
      readonly fields: readonly string[];
    };

const KNOWN: FieldVerdict = { verdict: "known" };
const RANK = { known: 0, undeclared: 1, unknown: 2 } as const;

/** Forms that refer to each other without end know every field. */
const MAX_FORMS = 64;

/** `path` is the static part of a reference: `["customer", "address"]` for `input.customer.address`. */
export function fieldVerdict(schema: JsonObject, path: readonly string[]): FieldVerdict {
  let forms: readonly JsonObject[] = [schema];
  for (const field of path) {
    const open = formsOf(schema, forms);
    if (open === null) return KNOWN;
    const steps = open.map((form) => stepInto(form, field));
    const best = steps.reduce((a, b) => (RANK[a.verdict.verdict] <= RANK[b.verdict.verdict] ? a : b));
    if (best.verdict.verdict !== "known") return best.verdict;
    const next = steps.flatMap(({ below }) => (below === null ? [] : [below]));
    if (!next.every(isObject) || next.length === 0) return KNOWN;
    forms = next;
  }
  return KNOWN;
}

interface Step {
  readonly verdict: FieldVerdict;
  /** Schema of the field, `true` where there is none; `null` where this form does not have the field. */
  readonly below: Json | null;
}

function stepInto(form: JsonObject, field: string): Step {
  const { properties, additionalProperties: others, patternProperties: patterns } = form;
  if (isObject(properties) && Object.hasOwn(properties, field)) {
    return { verdict: KNOWN, below: properties[field] as Json };
  }
  const fields = isObject(properties) ? Object.keys(properties) : [];
  if (patterns !== undefined) return { verdict: KNOWN, below: true };
  if (others === false) return { verdict: { verdict: "unknown", field, fields }, below: null };
  if (others !== undefined) return { verdict: KNOWN, below: others };
  if (isObject(properties)) return { verdict: { verdict: "undeclared", field, fields }, below: null };
  return { verdict: KNOWN, below: true };
}

/** The forms that a value may have: references resolved, alternatives side by side. `null`: too many to say anything. */
function formsOf(root: JsonObject, forms: readonly JsonObject[]): readonly JsonObject[] | null {
  const open = [...forms];
  const result: JsonObject[] = [];
  for (let seen = 0; open.length > 0; seen++) {
    const form = open.pop() as JsonObject;
    // A form that is made of several others is not looked into.
    if (seen > MAX_FORMS || form.allOf !== undefined) return null;
    const parts = [...listOf(form.anyOf), ...listOf(form.oneOf)];
    if (typeof form.$ref === "string") parts.push(resolve(root, form.$ref) ?? true);
    if (parts.length === 0) result.push(form);
    else if (parts.every(isObject)) open.push(...parts);
    else return null;
  }
  // A form that can only be null (an optional object) has no fields, and reading one gives null.
  const objects = result.filter((form) => form.type !== "null");
  return objects.length === 0 ? null : objects;
}
