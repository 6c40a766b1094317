/**
 * From `node:http` to a handler and back; Express and Fastify hand over the same objects. A body that a framework has read already is
 * made again from what it left.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Handler } from "./handler.ts";

/** `body`: what a body parser of the framework left; `rawBody`: the bytes, where it kept them. */
export type NodeRequest = IncomingMessage & { readonly body?: unknown; readonly rawBody?: unknown };

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;

/** Never rejects. */
export type NodeHandler = (request: NodeRequest, response: ServerResponse) => Promise<void>;

export function toNodeHandler(handler: Handler): NodeHandler {
  return async (incoming, outgoing) => {
    const gone = new AbortController();
    outgoing.on("close", () => gone.abort());
    outgoing.on("error", () => gone.abort());
    const request = requestOf(incoming, gone.signal);
    if (!request) return void outgoing.writeHead(400, { connection: "close" }).end();
    try {
      await send(await handler(request), outgoing, gone.signal);
    } catch {
      // The head is sent: that the answer is cut off is all that can be said.
      outgoing.destroy();
    }
    // What nobody read of the body would hold the connection.
    if (!incoming.readableEnded) incoming.resume();
  };
}

/** `null`: its first line or its host make no URL. */
function requestOf(incoming: NodeRequest, signal: AbortSignal): Request | null {
  const { method = "GET", url = "/" } = incoming;
  const scheme = "encrypted" in incoming.socket ? "https" : "http";
  const base = `${scheme}://${incoming.headers.host ?? "localhost"}`;
  // Appended: `//host/path` is a path here, and `URL` would take it for a host.
  if (!url.startsWith("/") || !URL.canParse(base + url)) return null;
  const headers = headersOf(incoming);
  const body = method === "GET" || method === "HEAD" ? null : bodyOf(incoming, headers);
  try {
    return new Request(base + url, {
      method,
      headers,
      signal,
      ...(body === null ? {} : { body, duplex: "half" }),
    });
  } catch {
    return null;
  }
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    // Names with a colon are of HTTP/2, and none that a Request can have.
    if (!rawHeaders[at]!.startsWith(":")) headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
  }
  return headers;
}

function bodyOf(incoming: NodeRequest, headers: Headers): Body {
  const { body, rawBody } = incoming;
  const read = rawBody instanceof Uint8Array ? rawBody : body;
  const isRead = incoming.readableDidRead || incoming.readableEnded;
  if (!isRead) return hasBody(incoming) ? streamOf(incoming) : null;
  // The parser has unpacked it, and its length is another one now.
  headers.delete("content-encoding");
  headers.delete("content-length");
  if (read === undefined) return null;
  if (read instanceof Uint8Array) return new Uint8Array(read);
  return typeof read === "string" ? read : JSON.stringify(read);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function streamOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  // A body that is not read to its end must not take the connection with it: the answer is still to come.
  const chunks = incoming.iterator({ destroyOnReturn: false });
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const next: IteratorResult<Uint8Array> = await chunks.next();
    if (next.done) controller.close();
    else controller.enqueue(next.value);
  };
  const cancel = async (): Promise<void> => {
    await chunks.return?.();
  };
  // Nothing is read ahead: a begun iterator that nobody ends would keep the rest of the body from being skipped.
  return new ReadableStream({ pull, cancel }, { highWaterMark: 0 });
}

async function send(response: Response, outgoing: ServerResponse, gone: AbortSignal): Promise<void> {
  outgoing.writeHead(response.status, [...response.headers].flat());
  if (!response.body) return void outgoing.end();
  outgoing.flushHeaders();
  const reader = response.body.getReader();
  const stop = (): void => void reader.cancel().catch(() => {});
  gone.addEventListener("abort", stop, { once: true });
  if (gone.aborted) stop();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (!outgoing.write(next.value)) await drained(outgoing, gone);
  }
  outgoing.end();
}

function drained(outgoing: ServerResponse, gone: AbortSignal): Promise<void> {
  if (gone.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    outgoing.once("drain", resolve);
    gone.addEventListener("abort", () => resolve(), { once: true });
  });
}
