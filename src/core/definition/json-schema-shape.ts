/** Small facts about JSON Schema that its checks share. */
import type { Json, JsonObject } from "../json.ts";

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A name as a part of a JSON pointer. */
export function escapeName(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** The name that a part of a JSON pointer stands for. */
export function unescapeName(name: string): string {
  return name.replaceAll("~1", "/").replaceAll("~0", "~");
}

const REFERENCE = /^#$|^#\/(\$defs|definitions)\/([^/]+)$/;

/** The schema that a reference leads to; `undefined` where it leads nowhere, or out of the schema. */
export function resolveReference(root: JsonObject, reference: string): Json | undefined {
  const parts = REFERENCE.exec(reference);
  if (parts === null) return undefined;
  if (reference === "#") return root;
  const definitions = root[parts[1] as string];
  const name = unescapeName(parts[2] as string);
  return isObject(definitions) && Object.hasOwn(definitions, name) ? definitions[name] : undefined;
}
