/** From the bytes of a body to what becomes the trigger's payload, by the one type that the sender declares. */
import type { Json } from "../../core/json.ts";

export type Parsed =
  | { readonly payload: Json }
  | { readonly status: 400 | 415; readonly reason: string; readonly detail: string };

const TYPE = /^([a-z]+\/[a-z0-9.+-]+)\s*(?:;\s*charset="?utf-?8"?)?\s*$/i;
/** More would end in the engine's own limits anyway, and must not reach the parser's stack. */
const MAX_DEPTH = 128;
const MAX_FIELDS = 1_000;

export function parsePayload(body: Uint8Array, contentType: string | undefined): Parsed {
  const type = TYPE.exec(contentType ?? "")?.[1]?.toLowerCase();
  const text = utf8(body);
  if (type === undefined) return unknownType();
  if (text === null) return invalid("The body is not UTF-8.");
  if (type === "application/json" || type.endsWith("+json")) return json(text);
  if (type === "application/x-www-form-urlencoded") return form(text);
  return type.startsWith("text/") ? { payload: text } : unknownType();
}

function json(text: string): Parsed {
  if (depthOf(text) > MAX_DEPTH) return invalid(`The JSON has more than ${MAX_DEPTH} levels.`);
  let hasPrototype = false;
  try {
    const payload = JSON.parse(text, (key, value: Json) => {
      hasPrototype ||= key === "__proto__";
      return value;
    }) as Json;
    return hasPrototype ? invalid("The JSON names a member __proto__.") : { payload };
  } catch {
    return invalid("The body is no JSON.");
  }
}

function form(text: string): Parsed {
  const fields = new Map<string, string[]>();
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    if (name === "__proto__" || ++count > MAX_FIELDS)
      return invalid("The form has too many fields, or one named __proto__.");
    fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  const entries = [...fields].map(
    ([name, values]) => [name, values.length === 1 ? values[0]! : values] as const,
  );
  return { payload: Object.fromEntries(entries) };
}

/** Levels of brackets outside of texts. */
function depthOf(text: string): number {
  let depth = 0;
  let most = 0;
  let inText = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (inText) {
      if (char === "\\") at++;
      else if (char === '"') inText = false;
    } else if (char === '"') inText = true;
    else if (char === "[" || char === "{") most = Math.max(most, ++depth);
    else if (char === "]" || char === "}") depth--;
  }
  return most;
}

function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function invalid(detail: string): Parsed {
  return { status: 400, reason: "body_invalid", detail };
}

function unknownType(): Parsed {
  const detail = "Content-Type is none of JSON, application/x-www-form-urlencoded and text, in UTF-8.";
  return { status: 415, reason: "type_unsupported", detail };
}
