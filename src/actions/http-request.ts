/** `http.request`: one HTTP call. A first form: JSON and text bodies, one answer, status rules and `Retry-After`. */
import { z } from "zod";
import { type Action, type ActionContext, defineAction } from "../core/definition/action.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";

const MAX_ANSWER_BYTES = 1 << 20;
const NO_BODY: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** What a workflow passes to `http.request`. */
export interface HttpRequest {
  /** `http:` or `https:`. */
  readonly url: string;
  /** Default `GET`. */
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Added to the query of `url`. */
  readonly query?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** A text is sent as it is; everything else as JSON. Ignored with GET and HEAD. */
  readonly body?: Json | undefined;
  /** Statuses that are a success. Default: 200 to 299. */
  readonly expect?: readonly number[] | undefined;
}

/** Its output. */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed JSON where the answer says that it is JSON, else text. */
  readonly body: Json;
}

const response: z.ZodType<HttpResponse, HttpResponse> = z.object({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.json(),
});

const request: z.ZodType<HttpRequest, HttpRequest> = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).optional(),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/), z.string().regex(/^[^\r\n\0]*$/))
    .optional(),
  query: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  body: z.json().optional(),
  expect: z.array(z.int().min(100).max(599)).min(1).optional(),
});

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
 * Sends one request with an `Idempotency-Key` header that is the same on every attempt.
 *
 * Fails with the status where it is no success: 408, 425, 429 and 5xx are tried again (`Retry-After` is honoured), others are not.
 * Redirects are not followed. Answers above 1 MiB fail.
 */
export const httpRequest: Action<HttpRequest, HttpResponse> = defineAction({
  name: "http.request",
  description: "Sends an HTTP request.",
  input: request,
  output: response,
  timeout: "1m",
  run: send,
});

async function send({
  input: asked,
  idempotencyKey,
  signal,
}: ActionContext<HttpRequest>): Promise<HttpResponse> {
  const { method = "GET", query = {}, body, expect } = asked;
  const url = new URL(asked.url);
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, String(value));
  const answer = await fetch(url, {
    method,
    signal,
    redirect: "manual",
    headers: headersOf(asked, idempotencyKey),
    ...(body === undefined || NO_BODY.has(method) ? {} : { body: textOf(body) }),
  });
  const text = await readText(answer, url);
  if (!(expect?.includes(answer.status) ?? answer.ok)) throw new HttpStatusError(method, url, answer);
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: parse(text, answer) };
}

function headersOf({ headers, body }: HttpRequest, idempotencyKey: string): Headers {
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
