/**
 * `fetch` for calls that workflows make: to public addresses only, with limits on time, size and redirects.
 *
 * What is checked is what is sent: a URL is parsed once, and the object goes all the way to the socket. Redirects are followed here,
 * each of them checked like a first call. Proxy settings of the environment are not looked at.
 */
import { Agent, type BodyInit as UndiciBody, fetch as undiciFetch } from "undici";
import type { Outbound, OutboundConnect, OutboundFetch } from "../../core/definition/outbound.ts";
import { checkedConnector, type OwnServer, type Resolve } from "./connector.ts";
import { guardedConnect } from "./guarded-connect.ts";
import { type Hop, redirected } from "./redirects.ts";
import { nameOf, refusal } from "./refusal.ts";
import { isAllowedHost, type OutboundRules } from "./rules.ts";
import { withinSize } from "./size-limit.ts";

export interface OutboundHttpParts {
  readonly rules: OutboundRules;
  /** Default none. */
  readonly ownServers?: readonly OwnServer[];
  /** Default: the system's resolver. */
  readonly resolve?: Resolve;
}

type Answer = Awaited<ReturnType<typeof undiciFetch>>;

/** Set by the connection itself; a caller's own would make one request look like two, or like one to another host. */
const CONNECTION_HEADERS: readonly string[] = [
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];
const NULL_BODY: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/** The connections of one engine for the calls of its workflows. */
export class OutboundHttp implements Outbound {
  readonly #rules: OutboundRules;
  readonly #agent: Agent;
  /** See `ActionContext.connect`. */
  readonly connect: OutboundConnect;

  constructor({ rules, ownServers = [], resolve }: OutboundHttpParts) {
    const parts = { rules, ownServers, ...(resolve ? { resolve } : {}) };
    this.#rules = rules;
    this.connect = guardedConnect(parts);
    this.#agent = new Agent({
      connect: checkedConnector(parts),
      headersTimeout: rules.headersTimeoutMs,
      bodyTimeout: rules.timeoutMs,
      keepAliveTimeout: 4_000,
    });
  }

  /**
   * As `fetch` of the platform, and usable in its place. Bodies are sent whole, never as streams.
   *
   * Rejects with a `PermanentError` whose cause has the code `outbound_address_refused`, `outbound_host_refused`,
   * `outbound_redirect_refused`, `outbound_request_refused` or `outbound_response_too_large`; else as `fetch` does.
   */
  readonly fetch: OutboundFetch = async (input, init) => {
    const request = new Request(input instanceof Request ? input : checkedUrl(input), init);
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(this.#rules.timeoutMs)]);
    const body = request.body === null ? null : await request.arrayBuffer();
    let hop: Hop = { url: new URL(request.url), method: request.method, headers: request.headers, body };
    const allowed = init?.allowHosts ?? null;
    assertHeaders(hop);
    for (let redirects = 0; ; redirects++) {
      assertTarget(hop.url, [this.#rules.allowHosts, allowed]);
      const answer = await this.#send(hop, signal);
      const next = request.redirect === "manual" ? null : redirected(hop, answer);
      if (!next) return asResponse(answer, hop.url, this.#rules.maxResponseBytes);
      await answer.body?.cancel().catch(() => undefined);
      if (request.redirect === "error" || redirects >= this.#rules.maxRedirects)
        throw tooManyRedirects(hop.url, this.#rules.maxRedirects);
      hop = next;
    }
  };

  /** Ends every connection; calls that are under way fail. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #send(hop: Hop, signal: AbortSignal): Promise<Answer> {
    return await undiciFetch(hop.url, {
      method: hop.method,
      headers: [...hop.headers],
      redirect: "manual",
      signal,
      dispatcher: this.#agent,
      ...(hop.body === null ? {} : { body: hop.body as UndiciBody }),
    }).catch((error: unknown) => {
      throw refusalIn(error) ?? error;
    });
  }
}

/** Before `Request` looks at it, whose errors repeat what they do not like, passwords included. */
function checkedUrl(input: string | URL): URL {
  const problem = (subject: string, received: string): Error =>
    refusal("outbound_request_refused", { subject, expected: "a URL", received, next: "Correct the URL." });
  if (!URL.canParse(String(input))) throw problem("an outbound call", "a text that is no absolute URL");
  const url = new URL(input);
  if (url.username !== "" || url.password !== "")
    throw problem(nameOf(url), "one with a user name or a password; send them in the header `authorization`");
  return url;
}

/** `lists`: of the engine, and of the call. */
function assertTarget(url: URL, lists: readonly (readonly string[] | null)[]): void {
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refusal("outbound_request_refused", {
      subject: nameOf(url),
      expected: "a URL with http: or https:",
      received: url.protocol,
      next: "Correct the URL.",
    });
  }
  if (lists.every((allowHosts) => isAllowedHost(url.hostname, allowHosts))) return;
  throw refusal("outbound_host_refused", {
    subject: nameOf(url),
    received: `the host ${url.hostname}`,
    next: "Where the call is meant, let the host application add the name to the list that the engine, or the credential, has.",
  });
}

function assertHeaders({ url, headers }: Hop): void {
  const found = CONNECTION_HEADERS.find((name) => headers.has(name));
  if (found === undefined) return;
  throw refusal("outbound_request_refused", {
    subject: nameOf(url),
    expected: "no headers that belong to the connection",
    received: `the header "${found}"`,
    next: "Leave it out; it is set by itself.",
  });
}

/** What a connection was refused for: `fetch` wraps it. */
function refusalIn(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.name === "PermanentError" ? cause : null;
}

/** The platform's own kind of answer, whose body ends with an error where it grows too large. */
function asResponse(answer: Answer, url: URL, maxBytes: number): Response {
  const { status, statusText } = answer;
  const body = answer.body === null || NULL_BODY.has(status) ? null : withinSize(answer.body, url, maxBytes);
  const response = new Response(body, { status, statusText, headers: [...answer.headers] });
  Object.defineProperty(response, "url", { value: url.href });
  return response;
}

function tooManyRedirects(url: URL, max: number): Error {
  return refusal("outbound_redirect_refused", {
    subject: nameOf(url),
    expected: max === 0 ? "no redirect" : `at most ${max} redirects, where the call follows any`,
    next: "Call the address that it leads to.",
  });
}
