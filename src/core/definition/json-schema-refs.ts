/** References of a JSON Schema that come back to themselves without looking at a smaller value: checking would never end. */
import type { Json, JsonObject } from "../json.ts";
import { escapeName, isObject, unescapeName } from "./json-schema-shape.ts";

const IN_PLACE = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"] as const;
const DEFINITIONS = ["$defs", "definitions"] as const;

/**
 * Where the schemas stand that take part in, or lead to, an endless round; empty where there is none. Works off the schemas that refer
 * to nothing until none is left (Kahn), so it is linear.
 */
export function endlessReferences(root: JsonObject): readonly (readonly string[])[] {
  const refsOf = new Map<string, Set<string>>([["#", inPlaceRefs(root)]]);
  for (const key of DEFINITIONS) {
    const definitions = root[key];
    if (!isObject(definitions)) continue;
    for (const [name, schema] of Object.entries(definitions)) {
      refsOf.set(`#/${key}/${escapeName(name)}`, inPlaceRefs(schema));
    }
  }
  const users = new Map<string, string[]>();
  for (const [name, refs] of refsOf)
    for (const ref of refs) users.set(ref, [...(users.get(ref) ?? []), name]);
  const settled = [...refsOf].filter(([, refs]) => refs.size === 0).map(([name]) => name);
  for (let name = settled.pop(); name !== undefined; name = settled.pop()) {
    for (const user of users.get(name) ?? []) {
      const left = refsOf.get(user) as Set<string>;
      left.delete(name);
      if (left.size === 0) settled.push(user);
    }
  }
  return [...refsOf]
    .filter(([, refs]) => refs.size > 0)
    .map(([name]) => name.split("/").slice(1).map(unescapeName));
}

/** The references that look at the same value as the schema itself. */
function inPlaceRefs(schema: Json): Set<string> {
  const refs = new Set<string>();
  const open: Json[] = [schema];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (!isObject(one)) continue;
    if (typeof one.$ref === "string") refs.add(one.$ref);
    for (const key of IN_PLACE) {
      const part = one[key];
      if (Array.isArray(part)) open.push(...part);
      else if (part !== undefined) open.push(part);
    }
    if (isObject(one.dependentSchemas)) open.push(...Object.values(one.dependentSchemas));
  }
  return refs;
}
