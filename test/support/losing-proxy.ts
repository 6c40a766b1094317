/** A TCP proxy before a server that loses answers: the request goes through, then the connection is cut. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface LosingProxy extends AsyncDisposable {
  readonly url: string;
  /** Answers that were lost so far. */
  readonly lost: number;
}

/** Asks `shallLose` for every piece that a client sends. */
export async function losingProxy(
  target: string,
  shallLose: (sent: Buffer) => boolean,
): Promise<LosingProxy> {
  const address = new URL(target);
  const { port, hostname } = address;
  const sockets = new Set<Socket>();
  let lost = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let losing = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("data", (data) => {
      if (!losing && shallLose(data)) {
        losing = true;
        lost++;
      }
      upstream.write(data);
    });
    upstream.on("data", (data) => (losing ? client.destroy() : client.write(data)));
    client.on("close", () => upstream.end());
    upstream.on("close", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  address.hostname = "127.0.0.1";
  address.port = String((server.address() as AddressInfo).port);
  return {
    url: address.href,
    get lost() {
      return lost;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
