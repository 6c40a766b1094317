/**
 * Values live in the store as JSON text, as they do in PostgreSQL: no caller can change what is stored, and a value that JSON
 * cannot hold shows here and not in production. Records are frozen, and so may be handed out as they are.
 */
import type { Json } from "../../core/json.ts";
import type { ErrorRecord } from "../../core/run/event.ts";
import { errorJson } from "../../core/storable.ts";

export function jsonText(value: Json): string;
export function jsonText(value: Json | undefined): string | undefined;
export function jsonText(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

export function parsed(text: string): Json;
export function parsed(text: string | undefined): Json | undefined;
export function parsed(text: string | undefined): Json | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}

/** A copy that nobody can change. */
export function frozenCopy<T extends Json>(value: T): T {
  return deepFreeze(JSON.parse(JSON.stringify(value)) as T);
}

export function frozenError(error: ErrorRecord): ErrorRecord {
  return deepFreeze(JSON.parse(errorJson(error)) as ErrorRecord);
}

function deepFreeze<T extends Json>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const member of Object.values(value) as Json[]) deepFreeze(member);
  return Object.freeze(value);
}
