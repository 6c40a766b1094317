/** From a verb and a path to a route. The list is closed: what is not in it is not found, whatever the verb. */
import { isNameText } from "./fields.ts";
import type { Route } from "./route.ts";

export interface Match {
  readonly route: Route;
  readonly params: ReadonlyMap<string, string>;
}

/** `404`: no such path. Verbs: the path is there, with these. */
export type Found = Match | 404 | { readonly allow: readonly string[] };

/** Room for an approval link, which is the longest thing in a path. */
const MAX_PART = 4_096;

export function find(routes: readonly Route[], method: string, path: string): Found {
  const parts = decoded(path);
  if (!parts) return 404;
  const fitting = routes.filter((route) => fits(route.path.split("/"), parts));
  if (fitting.length === 0) return 404;
  const route = fitting.find((each) => each.method === method);
  if (!route) return { allow: fitting.map((each) => each.method) };
  return { route, params: paramsOf(route.path.split("/"), parts) };
}

function fits(pattern: readonly string[], parts: readonly string[]): boolean {
  return (
    pattern.length === parts.length &&
    pattern.every((part, at) => part === parts[at] || (isParam(part) && parts[at] !== ""))
  );
}

function paramsOf(pattern: readonly string[], parts: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    pattern.flatMap((part, at) => (isParam(part) ? [[part.slice(1, -1), parts[at]!] as const] : [])),
  );
}

function isParam(part: string): boolean {
  return part.startsWith("{");
}

/** `null`: nothing that is stored can have such a name. */
function decoded(path: string): readonly string[] | null {
  try {
    const parts = path.split("/").map(decodeURIComponent);
    return parts.every((part) => part.length <= MAX_PART && isNameText(part)) ? parts : null;
  } catch {
    return null;
  }
}
