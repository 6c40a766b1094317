/** `http.request`: one HTTP call. A first form: JSON and text bodies, one answer, status rules and `Retry-After`. */
import { z } from "zod";
import type { Action, ActionContext } from "../core/definition/action.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";

const MAX_ANSWER_BYTES = 1 << 20;
const NO_BODY: ReadonlySet<string> = new Set(["GET", "HEAD"]);

const input = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).default("GET"),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/), z.string().regex(/^[^\r\n\0]*$/))
    .default({}),
  query: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  /** A text is sent as it is; everything else as JSON. Not with GET and HEAD. */
  body: z.json().optional(),
  /** Statuses that are a success. Default: 200 to 299. */
  expect: z.array(z.int().min(100).max(599)).min(1).optional(),
});

type HttpInput = z.output<typeof input>;

/** The answer had a status that is no success. The engine reads `status` and `headers` to decide what to do. */
export class HttpStatusError extends Error {
  readonly status: number;
  readonly headers: Headers;

  constructor(method: string, url: URL, response: Response) {
    // Without query and user name: they may hold secrets.
    super(`${method} ${url.origin}${url.pathname} was answered with status ${response.status}`);
    this.name = "HttpStatusError";
    this.status = response.status;
    this.headers = response.headers;
  }
}

/**
 * Sends one request with an `Idempotency-Key` header that is the same on every attempt. Its output is `{ status, headers, body }`;
 * `body` is the parsed JSON where the answer says that it is JSON, else text.
 *
 * Fails with the status where it is no success: 408, 425, 429 and 5xx are tried again (`Retry-After` is honoured), others are not.
 */
export const httpRequest: Action<HttpInput, Json> = {
  kind: "flowforge.action",
  name: "http.request",
  description: "Sends an HTTP request.",
  input,
  timeout: "1m",
  run: send,
};

async function send({ input: request, idempotencyKey, signal }: ActionContext<HttpInput>): Promise<Json> {
  const { method } = request;
  const url = new URL(request.url);
  for (const [name, value] of Object.entries(request.query)) url.searchParams.append(name, String(value));
  const response = await fetch(url, {
    method,
    signal,
    redirect: "manual",
    headers: headersOf(request, idempotencyKey),
    ...(request.body === undefined || NO_BODY.has(method) ? {} : { body: textOf(request.body) }),
  });
  const text = await readText(response, url);
  if (!(request.expect?.includes(response.status) ?? response.ok))
    throw new HttpStatusError(method, url, response);
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: parse(text, response),
  };
}

function headersOf({ headers, body }: HttpInput, idempotencyKey: string): Headers {
  const sent = new Headers(headers);
  if (!sent.has("idempotency-key")) sent.set("idempotency-key", idempotencyKey);
  if (body !== undefined && !sent.has("content-type")) {
    sent.set("content-type", typeof body === "string" ? "text/plain; charset=utf-8" : "application/json");
  }
  return sent;
}

function textOf(body: Json): string {
  return typeof body === "string" ? body : JSON.stringify(body);
}

/** Reads the answer, but never more than a value may hold. */
async function readText(response: Response, url: URL): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw tooLarge(url);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLarge(url: URL): FlowForgeError {
  return new FlowForgeError("value_invalid", {
    subject: `the answer of ${url.origin}${url.pathname}`,
    expected: `at most ${MAX_ANSWER_BYTES} bytes`,
    next: "Ask the service for less, page by page.",
  });
}

function parse(text: string, response: Response): Json {
  const type = response.headers.get("content-type") ?? "";
  if (!/^application\/([\w.-]+\+)?json\b/i.test(type) || text === "") return text;
  return JSON.parse(text) as Json;
}
