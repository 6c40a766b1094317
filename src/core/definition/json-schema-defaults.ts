/** Fills in the `default` of missing fields, so that what is stored is what the schema means. */
import type { Json, JsonObject } from "../json.ts";
import { isObject, resolveReference } from "./json-schema-shape.ts";

/**
 * A copy with the defaults of missing fields, below `properties`, `items`, `prefixItems` and `$ref`. Defaults beside a `$ref` and
 * inside of `anyOf`, `if` and their like are notes only (which of the forms holds is not known before), and a default itself is taken
 * as it stands. So every part of the value is looked at once, whatever the schema says.
 */
export function withDefaults(root: JsonObject, value: Json): Json {
  return fill({ root, schema: root }, value);
}

interface Place {
  readonly root: JsonObject;
  readonly schema: Json | undefined;
}

function fill(place: Place, value: Json): Json {
  const { root } = place;
  const schema = target(place);
  if (schema === null) return value;
  if (Array.isArray(value)) {
    const first = Array.isArray(schema.prefixItems) ? (schema.prefixItems as readonly Json[]) : [];
    return value.map((item: Json, index) =>
      fill({ root, schema: index < first.length ? first[index] : schema.items }, item),
    );
  }
  if (!isObject(value) || !isObject(schema.properties)) return value;
  const result = new Map(Object.entries(value));
  for (const [name, part] of Object.entries(schema.properties)) {
    const member = result.get(name);
    const filled =
      member === undefined ? defaultOf({ root, schema: part }) : fill({ root, schema: part }, member);
    if (filled !== undefined) result.set(name, filled);
  }
  // Makes own members, whatever their names are.
  return Object.fromEntries(result);
}

function defaultOf(place: Place): Json | undefined {
  if (isObject(place.schema) && place.schema.default !== undefined) return place.schema.default;
  return target(place)?.default;
}

/** The schema at the end of a chain of references. `schemaProblems` accepts no chain without an end. */
function target({ root, schema }: Place): JsonObject | null {
  let here = schema;
  while (isObject(here) && typeof here.$ref === "string") here = resolveReference(root, here.$ref);
  return isObject(here) ? here : null;
}
