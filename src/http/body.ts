/** The body of a request as JSON. What it is allowed to be is checked before it is parsed: type, size and depth. */
import { FlowForgeError } from "../core/errors.ts";
import { refusedKey, isTooDeep } from "./json-text.ts";

const MAX_DEPTH = 128;
const JSON_TYPE = /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i;

/**
 * `undefined`: there is none. Throws `http_body_invalid`, `http_body_too_large` and `http_type_unsupported`.
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const bytes = await readRaw(request, maxBytes);
  if (bytes.length === 0) return undefined;
  const type = request.headers.get("content-type") ?? "no Content-Type";
  if (!JSON_TYPE.test(type)) throw unsupported("Content-Type application/json", type);
  return parse(bytes);
}

/** The bytes as they came. Throws `http_body_invalid`, `http_body_too_large` and `http_type_unsupported`. */
export async function readRaw(request: Request, maxBytes: number): Promise<Uint8Array> {
  const { headers } = request;
  const length = headers.get("content-length");
  // Two of them are joined with a comma, and tell two servers two different things.
  if (length !== null && !/^\d{1,15}$/.test(length)) throw invalid("one Content-Length", "another header");
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") throw unsupported("a body that is not compressed", encoding);
  if (Number(length ?? 0) > maxBytes) throw tooLarge(maxBytes);
  // Not touched before: some servers begin to read a body when somebody looks at it.
  return request.body ? await readBytes(request.body, maxBytes) : new Uint8Array();
}

/** Throws `http_body_invalid` for a request that brings a body where none is read. */
export async function assertNoBody(request: Request): Promise<void> {
  if (Number(request.headers.get("content-length") ?? 0) === 0 && !request.body) return;
  if (request.body && (await readBytes(request.body, 0).catch(() => null))?.length === 0) return;
  throw invalid("no body", "a body");
}

async function readBytes(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw tooLarge(maxBytes);
    }
    chunks.push(next.value);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function parse(bytes: Uint8Array): unknown {
  const text = decoded(bytes);
  if (isTooDeep(text, MAX_DEPTH)) throw invalid(`at most ${MAX_DEPTH} levels`, "deeper JSON");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("JSON", "another text");
  }
  const refused = refusedKey(text);
  if (refused !== undefined) {
    throw invalid("each key once in an object, and no __proto__", `${JSON.stringify(refused.slice(0, 80))}`);
  }
  return value;
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid("UTF-8", "other bytes");
  }
}

function invalid(expected: string, received: string): FlowForgeError {
  return new FlowForgeError("http_body_invalid", {
    subject: "the request's body",
    expected,
    received,
    next: "Correct the body and send it again.",
  });
}

function unsupported(expected: string, received: string): FlowForgeError {
  return new FlowForgeError("http_type_unsupported", {
    subject: "the request's body",
    expected,
    received: JSON.stringify(received.slice(0, 80)),
    next: "Send it as JSON.",
  });
}

function tooLarge(maxBytes: number): FlowForgeError {
  return new FlowForgeError("http_body_too_large", {
    subject: "the request's body",
    expected: `at most ${maxBytes} bytes`,
    next: "Send less, or raise the option `maxBodyBytes` of createHandler.",
  });
}
