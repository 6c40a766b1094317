/**
 * What a run was started with stands in it twice: as its input, and within the payload of its trigger. Where both are the same, the
 * payload is stored without it, with a mark: a JSON text that begins with a tab, as no text does that `JSON.stringify` makes.
 */
import type { Json, JsonObject } from "../core/json.ts";

/** `null`: the payload is the input. `undefined`: nothing of it can be left out. */
export function shortPayload(payload: Json, input: Json, inputText: string): string | null | undefined {
  if (payload === input) return null;
  if (isEnvelope(payload)) {
    const { payload: sent } = payload;
    const isInput = sent === input || JSON.stringify(sent) === inputText;
    return isInput ? `\t${JSON.stringify({ ...payload, payload: null })}` : undefined;
  }
  return JSON.stringify(payload) === inputText ? null : undefined;
}

/** The payload as it was. */
export function fullPayload(text: string | null, input: Json): Json {
  if (text === null) return input;
  const payload = JSON.parse(text) as Json;
  return text.startsWith("\t") ? { ...(payload as JsonObject), payload: input } : payload;
}

function isEnvelope(payload: Json): payload is JsonObject & { readonly payload: Json } {
  return typeof payload === "object" && payload !== null && Object.hasOwn(payload, "payload");
}
