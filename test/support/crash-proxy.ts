/**
 * A TCP proxy before a server that stops a client process at a chosen moment of their conversation. The kill is sent while the
 * request (or its answer) is in the proxy's hands, so the client cannot get any further.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * `before`: the request is lost. `after`: the server has done it and the answer is lost. `answered`: the answer was handed over,
 * and the client dies with the first thing that it does next, or before.
 */
export const MOMENTS = ["before", "after", "answered"] as const;
export type Moment = (typeof MOMENTS)[number];

export interface CrashProxy extends AsyncDisposable {
  readonly url: string;
  /** Points that were passed so far. */
  readonly points: number;
}

export interface CrashOptions {
  readonly target: string;
  /** Whether this piece of what the client sends is a point at which it may be stopped. */
  readonly isPoint: (sent: Buffer) => boolean;
  /** Which point it is, counted from 1; `null`: none. */
  readonly at: { readonly point: number; readonly moment: Moment } | null;
  /** Stops the client at once. */
  readonly kill: () => void;
}

export async function crashProxy({ target, isPoint, at, kill }: CrashOptions): Promise<CrashProxy> {
  const address = new URL(target);
  const { port, hostname } = address;
  const sockets = new Set<Socket>();
  let points = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let dying: Moment | null = null;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("data", (data) => {
      if (isPoint(data) && ++points === at?.point) dying = at.moment;
      if (dying === "before") kill();
      else upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (dying !== "after") client.write(data);
      if (dying !== null) kill();
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  address.hostname = "127.0.0.1";
  address.port = String((server.address() as AddressInfo).port);
  return {
    url: address.href,
    get points() {
      return points;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
