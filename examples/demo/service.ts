/** The shop's partners, as one small HTTP service that misbehaves on purpose. The demo starts it and talks to it over loopback. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface DemoService {
  readonly url: string;
  /** Requests that came, by path. */
  readonly requests: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** The warehouse is down for its first request; the payment provider is slow. Everything else works. */
export async function startService(): Promise<DemoService> {
  const requests = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const count = (requests.get(path) ?? 0) + 1;
    requests.set(path, count);
    void answer({ request, response, path, count });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests, close: () => close(server) };
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly count: number;
}

async function answer({ request, response, path, count }: Call): Promise<void> {
  const body = await read(request);
  switch (path) {
    case "/payments":
      // A payment is made once per key, however often it is asked for.
      setTimeout(
        () =>
          send(response, 201, {
            id: `pay_${request.headers["idempotency-key"]?.slice(0, 8)}`,
            cents: body["cents"],
          }),
        400,
      );
      return;
    case "/stock":
      if (count === 1) return send(response, 503, { error: "The warehouse is restarting." });
      return send(response, 200, { reservation: "res_1", items: body["items"] });
    case "/fraud":
      return send(response, 200, { score: Number(body["cents"]) > 50_000 ? 0.4 : 0.1 });
    case "/shipments":
      return send(response, 201, { tracking: "1Z-FLOWFORGE-1" });
    case "/mail":
      return send(response, 202, { queued: true });
    case "/refunds":
      if (String(body["customer"]).endsWith("3"))
        return send(response, 422, { error: `The account of ${String(body["customer"])} is closed.` });
      return send(response, 201, { refund: `ref_${count}` });
    case "/customers":
      return send(response, 200, { customers: Array.from({ length: 40 }, (_, at) => `c_${at}`) });
    case "/letters":
      setTimeout(() => send(response, 202, { queued: true }), 100);
      return;
    default:
      return send(response, 404, { error: `There is nothing at ${path}.` });
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function read(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
