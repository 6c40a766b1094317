/** `http.request`: one HTTP call, or a list that is read page by page. */
import {
  type Action,
  type ActionContext,
  defineAction,
  type HarmlessEffect,
} from "../core/definition/action.ts";
import { Budget, discard, isExpected, readBody, refusal } from "./http-answer.ts";
import { Authorisation } from "./http-auth.ts";
import { type Sent, sentBody } from "./http-body.ts";
import { Pager } from "./http-pages.ts";
import { type HttpRequest, type HttpResponse, request, response } from "./http-types.ts";

export { HttpStatusError } from "./http-answer.ts";
export type { FormValue, HttpAuth, HttpPages, HttpRequest, HttpResponse } from "./http-types.ts";

/** As HTTP defines the methods. POST and PATCH are what the receiver makes of the key. */
const EFFECTS: { readonly [method: string]: HarmlessEffect } = {
  GET: "readonly",
  HEAD: "readonly",
  PUT: "idempotent",
  DELETE: "idempotent",
};

/**
 * Sends a request with an `Idempotency-Key` header that is the same on every attempt.
 *
 * Fails with the status where it is no success: 408, 425, 429 and 5xx are tried again (`Retry-After` is honoured), others are not.
 * A 401 to a token of `oauth2` is answered with a new token, once. Redirects are not followed. A success whose answer is above 1 MiB, or
 * is not of the form that was asked for, fails for good: the request has taken effect, and is not sent again.
 *
 * Its effect class is that of the method: `readonly` for GET and HEAD, `idempotent` for PUT and DELETE, none for POST and PATCH.
 */
export const httpRequest: Action<HttpRequest, HttpResponse> = defineAction({
  name: "http.request",
  target: ({ url }) => new URL(url).host,
  description: "Sends an HTTP request.",
  input: request,
  output: response,
  timeout: "1m",
  effectOf: ({ method = "GET" }) => EFFECTS[method],
  run: send,
});

async function send(context: ActionContext<HttpRequest>): Promise<HttpResponse> {
  const { input: asked, idempotencyKey } = context;
  const url = new URL(asked.url);
  for (const [name, value] of Object.entries(asked.query ?? {})) url.searchParams.append(name, String(value));
  const call = new Call(
    context,
    await Authorisation.of(asked.auth, context),
    sentBody(asked, idempotencyKey),
  );
  if (asked.paginate) return readPages(call, new Pager(asked.paginate, url), url);
  const answer = await call.to(url);
  const body = await readBody(answer, { url, form: asked.response });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body };
}

async function readPages(call: Call, pager: Pager, first: URL): Promise<HttpResponse> {
  const budget = new Budget();
  for (let url = first; ;) {
    const answer = await call.to(url);
    const { status, headers } = answer;
    const next = pager.take({ url, headers, body: await readBody(answer, { url, form: "json", budget }) });
    if (next === null)
      return { status, headers: Object.fromEntries(headers), body: pager.items, pages: pager.pages };
    url = next;
  }
}

/** The request of one attempt, which may go to several pages. */
class Call {
  readonly #context: ActionContext<HttpRequest>;
  readonly #authorisation: Authorisation | null;
  readonly #sent: Sent;

  constructor(context: ActionContext<HttpRequest>, authorisation: Authorisation | null, sent: Sent) {
    this.#context = context;
    this.#authorisation = authorisation;
    this.#sent = sent;
  }

  /** An answer with a status that was expected. */
  async to(url: URL): Promise<Response> {
    const { method = "GET", expect } = this.#context.input;
    const answer = await this.#send(url, false);
    if (isExpected(answer, expect)) return answer;
    if (answer.status !== 401 || !this.#authorisation?.canRenew) throw await refusal(method, url, answer);
    await discard(answer);
    const again = await this.#send(url, true);
    if (isExpected(again, expect)) return again;
    throw await refusal(method, url, again);
  }

  async #send(to: URL, renewed: boolean): Promise<Response> {
    const { fetch, signal, input } = this.#context;
    const url = new URL(to);
    const headers = new Headers(this.#sent.headers);
    await this.#authorisation?.put({ url, headers }, renewed);
    return fetch(url, {
      method: input.method ?? "GET",
      signal,
      headers,
      allowHosts: this.#authorisation?.allowHosts ?? null,
      redirect: "manual",
      ...(this.#sent.body === undefined ? {} : { body: this.#sent.body }),
    });
  }
}
