/**
 * A TCP proxy before a server that can be cut off as a network is: nothing comes through in either direction, nobody is told, and
 * connections hang. When it is healed what was sent meanwhile arrives, as TCP would see to.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface PartitionProxy extends AsyncDisposable {
  readonly url: string;
  cut(): void;
  heal(): void;
}

export async function partitionProxy(target: string): Promise<PartitionProxy> {
  const address = new URL(target);
  const { port, hostname } = address;
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer({ pauseOnConnect: true }, (client) => {
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => undefined);
      from.on("data", (data) => to.write(data));
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    if (isCut) upstream.pause();
    else client.resume();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  address.hostname = "127.0.0.1";
  address.port = String((server.address() as AddressInfo).port);
  return {
    url: address.href,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.pause();
    },
    heal() {
      isCut = false;
      for (const socket of sockets) socket.resume();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
