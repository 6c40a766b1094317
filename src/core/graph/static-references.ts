/**
 * What a text reads, where it is nothing but paths such as `nodes.charge.output.lines[0].id`. Nearly every text in a document is, and
 * to parse all of them as CEL would take most of the time of a validation.
 */
import type { Reference } from "../expression/expression.ts";

/**
 * A root, its members, and what follows the first index, which is no part of a reference. Words of CEL cannot be members. More than
 * 20 steps are left to the parser, which has limits.
 */
const PATH =
  / *(?:input|trigger|nodes|item|index|run|event)(?:\.(?!(?:false|in|null|true)\b)[A-Za-z_]\w*){0,20}(?:\[(?:0|[1-9]\d{0,8})\](?:\.(?!(?:false|in|null|true)\b)[A-Za-z_]\w*){0,10}){0,3} *(?=\}\}|$)/y;

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
  // Not `exec`: its answer is a large object, and a document has tens of thousands of paths.
  if (!PATH.test(text)) return null;
  const end = PATH.lastIndex;
  let first = start;
  while (text[first] === " ") first++;
  let last = first;
  while (last < end && text[last] !== "[" && text[last] !== " ") last++;
  const [root, ...path] = text.slice(first, last).split(".") as [Reference["root"], ...string[]];
  const column = first + 1;
  if (root !== "nodes") return { end, reference: { root, path, column } };
  const [node, member, ...rest] = path;
  if (node === undefined) return null;
  return { end, reference: { root, node, ...(member === undefined ? {} : { member }), path: rest, column } };
}
