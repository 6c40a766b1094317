/** The JSON Schema of a zod schema, as far as documents may hold it. */
import { z, type ZodType } from "zod";
import type { Json, JsonObject } from "../json.ts";
import { schemaProblems } from "./json-schema.ts";
import { isObject } from "./json-schema-shape.ts";
import { canonicalJson } from "./normalise.ts";

/** A keyword that is taken away may leave another that makes no sense without it. */
const MAX_ROUNDS = 10;

/**
 * `null` where there is none: the schema transforms, or has something that JSON has no word for (a date, a check in code that
 * stands alone). Single keywords that are not checked here, such as a pattern with look-ahead, are left out: the zod schema checks them.
 */
export function inputSchemaOf(schema: ZodType): JsonObject | null {
  const taken = jsonSchema(schema, "input");
  const stored = jsonSchema(schema, "output");
  // What is stored differs from what is passed: then references would be checked against the wrong form.
  if (taken === null || stored === null || form(taken) !== form(stored)) return null;
  const { $schema: _, ...rest } = taken;
  return checkable(rest);
}

function jsonSchema(schema: ZodType, io: "input" | "output"): JsonObject | null {
  try {
    // Through text, because zod adds members that are no part of the schema, and shares parts.
    return JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io }))) as JsonObject;
  } catch {
    // Zod throws for what cannot be represented. The host then has no JSON Schema, which is no fault of anybody.
    return null;
  }
}

const DIFFERENCES: ReadonlySet<string> = new Set(["required", "additionalProperties", "default"]);

/** The schema without what differs between input and output of a plain zod schema. */
function form(schema: Json): string {
  const strip = (part: Json, isMap: boolean): Json => {
    if (Array.isArray(part)) return part.map((item: Json) => strip(item, false));
    if (!isObject(part)) return part;
    const kept = Object.entries(part).filter(([key]) => isMap || !DIFFERENCES.has(key));
    return Object.fromEntries(kept.map(([key, value]) => [key, strip(value, !isMap && MAPS.has(key))]));
  };
  return canonicalJson(strip(schema, false));
}

/** Keywords whose members are named by the user. */
const MAPS: ReadonlySet<string> = new Set(["properties", "$defs"]);

/** The schema without the keywords that documents may not have. */
function checkable(schema: JsonObject): JsonObject | null {
  let left = schema;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const problems = schemaProblems(left, []);
    if (problems.length === 0) return left;
    // Below `not` less means more.
    if (problems.some(({ path }) => path.length === 0 || path.includes("not"))) return null;
    left = problems.reduce((before, { path }) => without(before, path), left);
  }
  return null;
}

function without(schema: JsonObject, path: readonly (string | number)[]): JsonObject {
  const [key, ...rest] = path as readonly string[];
  const copy = (Array.isArray(schema) ? [...(schema as readonly Json[])] : { ...schema }) as Record<
    string,
    Json
  >;
  const member = copy[key as string];
  if (member === undefined) return schema;
  if (rest.length === 0) delete copy[key as string];
  else copy[key as string] = without(member as JsonObject, rest);
  return copy;
}
