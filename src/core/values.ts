/**
 * Values are JSON. What a host hands over (inputs, outputs, payloads) is checked here before it is stored, so that a value
 * that JSON cannot hold is an error with a path and never a silent change.
 */
import type { Json } from "./json.ts";

export interface ValueLimits {
  /** Size of the JSON text in UTF-8, about: escapes count, numbers are estimated. Default 1 MiB. */
  readonly maxBytes: number;
  /** Default 64. */
  readonly maxDepth: number;
}

export const VALUE_LIMITS: ValueLimits = { maxBytes: 1 << 20, maxDepth: 64 };

/** What a host may set: the limits of one value, and of all values of a run. */
export interface Limits extends ValueLimits {
  /**
   * What the values of one run may have in all, measured as `maxBytes` is: its input, the inputs and outputs of its nodes and items, and the
   * payloads that were sent to it. At least `maxBytes`. Default 16 MiB.
   */
  readonly runBytes: number;
  /** How many runs a child may have above it. 1 to 100. Default 10. */
  readonly childDepth: number;
}

export const DEFAULT_LIMITS: Limits = { ...VALUE_LIMITS, runBytes: 16 << 20, childDepth: 10 };

export interface ValueProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type CheckedValue =
  | { readonly ok: true; readonly value: Json; readonly bytes: number }
  | { readonly ok: false; readonly problem: ValueProblem };

type Path = (string | number)[];

class ValueError extends Error {
  readonly path: Path;

  constructor(path: Path, message: string) {
    super(message);
    this.path = [...path];
  }
}

/**
 * Checks that a value is JSON within the limits, and says about how many bytes its text has. Members that are `undefined`
 * count as absent, as in JSON; in a list they are an error. The value itself is returned, not a copy.
 */
export function checkValue(value: unknown, limits: ValueLimits = VALUE_LIMITS): CheckedValue {
  try {
    const bytes = measure(value === undefined ? null : value, [], limits);
    if (bytes > limits.maxBytes) throw new ValueError([], `is larger than ${limits.maxBytes} bytes`);
    return { ok: true, value: (value === undefined ? null : value) as Json, bytes };
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    return { ok: false, problem: { path: error.path, message: error.message } };
  }
}

/** Bytes of a JSON value, as `checkValue` counts them. */
export function sizeOf(value: Json): number {
  return measure(value, [], { maxBytes: Infinity, maxDepth: Infinity });
}

function measure(value: unknown, path: Path, limits: ValueLimits): number {
  switch (typeof value) {
    case "string":
      return textBytes(value);
    case "boolean":
      return 5;
    case "number":
      if (!Number.isFinite(value)) throw new ValueError(path, `is ${value}, which JSON cannot hold`);
      return 8;
    case "object":
      return value === null ? 4 : measureParts(value, path, limits);
    default:
      throw new ValueError(path, `is of type ${typeof value}, which JSON cannot hold`);
  }
}

function measureParts(value: object, path: Path, limits: ValueLimits): number {
  if (path.length >= limits.maxDepth)
    throw new ValueError(path, `is nested deeper than ${limits.maxDepth} levels`);
  return Array.isArray(value) ? measureList(value, path, limits) : measureMembers(value, path, limits);
}

function measureList(list: readonly unknown[], path: Path, limits: ValueLimits): number {
  let bytes = 2;
  for (let i = 0; i < list.length; i++) {
    path.push(i);
    bytes += 1 + measure(list[i], path, limits);
    path.pop();
    if (bytes > limits.maxBytes) throw new ValueError([], `is larger than ${limits.maxBytes} bytes`);
  }
  return bytes;
}

function measureMembers(value: object, path: Path, limits: ValueLimits): number {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    const name = value.constructor?.name ?? "object";
    throw new ValueError(path, `is a ${name}; only plain objects, lists and scalars are JSON`);
  }
  let bytes = 2;
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue;
    path.push(key);
    bytes += textBytes(key) + 2 + measure(member, path, limits);
    path.pop();
    if (bytes > limits.maxBytes) throw new ValueError([], `is larger than ${limits.maxBytes} bytes`);
  }
  return bytes;
}

/** Most texts: ASCII without anything that needs an escape. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Of a string as JSON in UTF-8, with its quotes: text that is not ASCII, or needs escapes, is up to six times its length. */
function textBytes(text: string): number {
  let bytes = 2;
  if (PLAIN.test(text)) return bytes + text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!;
    bytes += codePointBytes(code);
    if (code > 0xff_ff) i++;
  }
  return bytes;
}

function codePointBytes(code: number): number {
  if (code < 0x20) return code >= 0x08 && code <= 0x0d && code !== 0x0b ? 2 : 6;
  if (code === 0x22 || code === 0x5c) return 2;
  if (code < 0x80) return 1;
  if (code < 0x8_00) return 2;
  if (code >= 0xd8_00 && code <= 0xdf_ff) return 6; // half a pair, which JSON writes as an escape
  return code > 0xff_ff ? 4 : 3;
}
