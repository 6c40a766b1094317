/** Turns what CEL computed into JSON. */
import type { Json } from "../json.ts";
import type { Steps } from "./steps.ts";

/**
 * Throws an error whose message says what cannot be JSON. Counts its steps: a few bindings can share parts so that the tree has
 * billions of leaves.
 */
export function toJson(value: unknown, steps: Steps, depth = 0): Json {
  steps.spendOn(value);
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
      return value === null ? null : objectToJson(value, steps, depth);
    default:
      throw new TypeError(`the result is of type ${typeof value}, which JSON cannot hold`);
  }
}

function objectToJson(value: object, steps: Steps, depth: number): Json {
  if (Array.isArray(value)) return value.map((item) => toJson(item, steps, depth + 1));
  if (value instanceof Date) return value.toISOString();
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`the result is a ${value.constructor?.name ?? "value"}, which JSON cannot hold`);
  }
  const members: Record<string, Json> = {};
  for (const [key, member] of Object.entries(value))
    setMember(members, key, toJson(member, steps, depth + 1));
  return members;
}

/** Sets a member under any key: `__proto__` is a name like others. */
export function setMember(target: Record<string, Json>, key: string, value: Json): void {
  if (key === "__proto__")
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}
