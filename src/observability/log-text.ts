/** From what an action gives a logger to what can be stored: always JSON, never too long, whatever it was. */
import { storable } from "../core/storable.ts";

export function cut(text: string, length: number): string {
  return storable(text.length <= length ? text : `${text.slice(0, length)}…`);
}

/** `null`: there are none. What is no JSON is written as text, and what is too long is left out and said so. */
export function fieldsText(fields: object, maxLength: number): string | null {
  let text: string | undefined;
  try {
    text = JSON.stringify(fields, readable);
  } catch {
    // A circle, or a getter that throws.
    text = '{"unreadable":true}';
  }
  if (text === undefined || text === "{}") return null;
  if (!text.startsWith("{")) text = `{"value":${text}}`;
  return text.length <= maxLength ? text : `{"leftOut":${text.length}}`;
}

function readable(_key: string, value: unknown): unknown {
  if (typeof value === "string") return storable(value);
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map || value instanceof Set) return [...(value as Iterable<unknown>)];
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  const own = { name, message, stack, ...(cause === undefined ? {} : { cause }) };
  return Object.assign(own, value);
}
