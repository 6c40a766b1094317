/** `http.request`: one HTTP call. A first form: JSON and text bodies, one answer, status rules and `Retry-After`. */
import { z } from "zod";
import {
  type Action,
  type ActionContext,
  defineAction,
  type HarmlessEffect,
} from "../core/definition/action.ts";
import type { Json } from "../core/json.ts";
import { PermanentError } from "../core/run/failures.ts";
import { authorise, type HttpAuth } from "./http-auth.ts";

const MAX_ANSWER_BYTES = 1 << 20;
const NO_BODY: ReadonlySet<string> = new Set(["GET", "HEAD"]);
/** As HTTP defines the methods. POST and PATCH are what the receiver makes of the key. */
const EFFECTS: { readonly [method: string]: HarmlessEffect } = {
  GET: "readonly",
  HEAD: "readonly",
  PUT: "idempotent",
  DELETE: "idempotent",
};

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
  /** A credential that the node's `credentials` names, and how it is sent. Only to its `allowHosts`, where it has some. */
  readonly auth?: HttpAuth | undefined;
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

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/);
const credential = z.string();
const auth: z.ZodType<HttpAuth, HttpAuth> = z.union([
  z.strictObject({ type: z.enum(["bearer", "basic"]), credential }),
  z.strictObject({ type: z.literal("apiKey"), credential, header: headerName }),
  z.strictObject({ type: z.literal("apiKey"), credential, query: z.string().min(1) }),
]);

const request: z.ZodType<HttpRequest, HttpRequest> = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).optional(),
  headers: z.record(headerName, z.string().regex(/^[^\r\n\0]*$/)).optional(),
  query: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  body: z.json().optional(),
  auth: auth.optional(),
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
 * Redirects are not followed. A success whose answer is above 1 MiB, or is no JSON though it says so, fails for good: the request
 * has taken effect, and is not sent again.
 *
 * Its effect class is that of the method: `readonly` for GET and HEAD, `idempotent` for PUT and DELETE, none for POST and PATCH.
 */
export const httpRequest: Action<HttpRequest, HttpResponse> = defineAction({
  name: "http.request",
  description: "Sends an HTTP request.",
  input: request,
  output: response,
  timeout: "1m",
  effectOf: ({ method = "GET" }) => EFFECTS[method],
  run: send,
});

async function send(context: ActionContext<HttpRequest>): Promise<HttpResponse> {
  const { input: asked, idempotencyKey, signal } = context;
  const { method = "GET", query = {}, body, expect } = asked;
  const url = new URL(asked.url);
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, String(value));
  const headers = headersOf(asked, idempotencyKey);
  const allowHosts = await authorise({ url, headers }, asked.auth, context);
  const answer = await context.fetch(url, {
    method,
    signal,
    headers,
    allowHosts,
    redirect: "manual",
    ...(body === undefined || NO_BODY.has(method) ? {} : { body: textOf(body) }),
  });
  if (!(expect?.includes(answer.status) ?? answer.ok)) throw await refusal(method, url, answer);
  const parsed = parse(await readText(answer, url), { answer, url });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: parsed };
}

/** What the answer holds is not looked at: its status has said it all. A success that was not expected is one all the same. */
async function refusal(method: string, url: URL, answer: Response): Promise<Error> {
  await answer.body?.cancel().catch(() => undefined);
  const error = new HttpStatusError(method, url, answer);
  return answer.ok ? new PermanentError(error.message, { cause: error }) : error;
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

function tooLarge(url: URL): PermanentError {
  return new PermanentError(
    `The answer of ${url.origin}${url.pathname} has more than ${MAX_ANSWER_BYTES} bytes. Ask for less, page by page.`,
  );
}

function parse(text: string, { answer, url }: { answer: Response; url: URL }): Json {
  const type = answer.headers.get("content-type") ?? "";
  if (!/^application\/([\w.-]+\+)?json\b/i.test(type) || text === "") return text;
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    const message = `The answer of ${url.origin}${url.pathname} says that it is JSON, and is none.`;
    throw new PermanentError(message, { cause });
  }
}
