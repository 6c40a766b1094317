/** Turns what CEL computed into JSON. */
import type { Json } from "../json.ts";

/** Throws an error whose message says what cannot be JSON. */
export function toJson(value: unknown, depth = 0): Json {
  if (depth > 64) throw new TypeError("the result is nested too deep");
  switch (typeof value) {
    case "bigint":
      if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
        throw new RangeError("the result is an integer that JSON cannot hold exactly");
      }
      return Number(value);
    case "number":
      if (!Number.isFinite(value)) throw new RangeError(`the result is ${value}, which JSON cannot hold`);
      return value;
    case "string":
    case "boolean":
      return value;
    case "object":
      return value === null ? null : objectToJson(value, depth);
    default:
      throw new TypeError(`the result is of type ${typeof value}, which JSON cannot hold`);
  }
}

function objectToJson(value: object, depth: number): Json {
  if (Array.isArray(value)) return value.map((item) => toJson(item, depth + 1));
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Map) return membersToJson(value.entries(), depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`the result is a ${value.constructor?.name ?? "value"}, which JSON cannot hold`);
  }
  return membersToJson(Object.entries(value), depth);
}

function membersToJson(entries: Iterable<readonly [unknown, unknown]>, depth: number): Json {
  const members: Record<string, Json> = {};
  for (const [key, member] of entries) setMember(members, String(key), toJson(member, depth + 1));
  return members;
}

/** Sets a member under any key: `__proto__` is a name like others. */
export function setMember(target: Record<string, Json>, key: string, value: Json): void {
  if (key === "__proto__")
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}
