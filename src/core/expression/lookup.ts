/** Looks a static path up in the scope: own members only; null where a member is absent or its parent is null. */
import type { Json } from "../json.ts";
import type { Path } from "./analyse.ts";
import type { Scope } from "./expression.ts";

export function lookup(scope: Scope, { root, path }: Path): Json {
  let value: {} | null = scope[root] ?? null;
  for (let i = 0; i < path.length && value !== null; i++) value = member(value, path[i] as string);
  return value as Json;
}

/** `has(a.b)`: whether `a` has an own member `b` that is not null. */
export function isPresent(scope: Scope, path: Path): boolean {
  return lookup(scope, path) !== null;
}

function member(value: {}, key: string): {} | null {
  if (typeof value !== "object") throw new TypeError(`a ${typeof value} has no member "${key}"`);
  if (Array.isArray(value)) throw new TypeError(`a list has no member "${key}"`);
  return Object.hasOwn(value, key) ? ((value as Record<string, {} | null | undefined>)[key] ?? null) : null;
}
