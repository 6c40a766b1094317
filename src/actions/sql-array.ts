/** Arrays as PostgreSQL writes them: `{1,NULL,"a \"b\"",{2,3}}`. */
import type { Json } from "../core/json.ts";

/** Every element in quotes, which all types take, so that none is mistaken for `NULL` or for a part of the array. */
export function arrayText(list: readonly Json[], elementText: (element: Json) => string | null): string {
  const parts = list.map((element) => {
    if (Array.isArray(element)) return arrayText(element, elementText);
    const text = elementText(element);
    return text === null ? "NULL" : `"${text.replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${parts.join(",")}}`;
}

/** An element with quotes, one without, or what holds elements together. */
const TOKEN = /"([^"\\]*(?:\\.[^"\\]*)*)"|([{},])|([^{},"]+)/gsy;

/** The lists of a text that PostgreSQL wrote. Bounds that do not begin at 1 (`[0:1]={a,b}`) are passed over. */
export function parseArray(text: string, parseElement: (text: string) => Json): Json {
  const outermost: Json[] = [];
  const open: Json[][] = [outermost];
  const tokens = text.slice(text.indexOf("{")).matchAll(TOKEN);
  for (const [, quoted, sign, bare] of tokens) {
    const list = open.at(-1)!;
    if (quoted !== undefined) list.push(parseElement(quoted.replace(/\\(.)/gs, "$1")));
    else if (bare !== undefined) list.push(bare === "NULL" ? null : parseElement(bare));
    else if (sign === "{") open.push([]);
    else if (sign === "}") open.at(-2)!.push(open.pop()!);
  }
  return outermost[0] ?? [];
}
