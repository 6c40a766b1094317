/**
 * What a text reads, where it is nothing but paths such as `nodes.charge.output.id`. Nearly every text in a document is, and to
 * parse all of them as CEL would take most of the time of a validation.
 */
import type { Reference } from "../expression/expression.ts";

/** Where `{{` or the text ends is checked by the caller; more than 20 members are left to the parser, which has limits. */
const PATH =
  / *((input|trigger|nodes|item|index|run|event)((?:\.[A-Za-z_][A-Za-z0-9_]*){0,20})) *(?=\}\}|$)/y;

/** Words of CEL that cannot be members. */
const WORDS: ReadonlySet<string> = new Set(["false", "in", "null", "true"]);

/** `null`: the text is more than that, or wrong, and must be parsed. */
export function staticReferences(text: string, form: "expression" | "template"): readonly Reference[] | null {
  if (form === "expression") {
    const found = pathAt(text, 0);
    return found === null || found.end !== text.length ? null : [found.reference];
  }
  const references: Reference[] = [];
  let at = text.indexOf("{{");
  while (at !== -1) {
    const found = text[at - 1] === "\\" ? null : pathAt(text, at + 2);
    if (found === null || !text.startsWith("}}", found.end)) return null;
    references.push(found.reference);
    at = text.indexOf("{{", found.end + 2);
  }
  return references;
}

interface Found {
  readonly reference: Reference;
  readonly end: number;
}

function pathAt(text: string, start: number): Found | null {
  PATH.lastIndex = start;
  const match = PATH.exec(text);
  if (match === null) return null;
  const end = PATH.lastIndex;
  const [, whole = "", root = "", members = ""] = match;
  const path = members === "" ? [] : members.slice(1).split(".");
  if (path.some((member) => WORDS.has(member))) return null;
  const column = text.indexOf(whole, start) + 1;
  if (root !== "nodes") return { end, reference: { root: root as Reference["root"], path, column } };
  const [node, member, ...rest] = path;
  if (node === undefined) return null;
  return { end, reference: { root, node, ...(member === undefined ? {} : { member }), path: rest, column } };
}
