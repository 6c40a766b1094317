/** Fields of an action's input that a node writes as they are, and that no expression may fill. */
import type { Json } from "../json.ts";

/** Those of `fields` that this input computes: a template in the field, or the whole input is one. */
export function computedFields(input: Json, fields: readonly string[]): readonly string[] {
  if (typeof input === "string") return isComputed(input) ? fields : [];
  if (typeof input !== "object" || input === null || Array.isArray(input)) return [];
  const members = input as { readonly [field: string]: Json };
  return fields.filter((field) => Object.hasOwn(members, field) && isComputed(members[field] as Json));
}

/** `\{{` is text. */
function isComputed(template: Json): boolean {
  if (typeof template === "string") return template.replaceAll("\\{{", "").includes("{{");
  if (typeof template !== "object" || template === null) return false;
  return Object.values(template).some((member) => isComputed(member as Json));
}
