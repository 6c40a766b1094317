/** A TCP proxy before a server that can be cut: connections go silent and new ones come to nothing, as where a network is parted; then healed. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string;
  /** Nothing goes through any more, in either direction; nobody is told. */
  cut(): void;
  /** Connections of before the cut are reset, as what lay on the way is lost; new ones go through. */
  heal(): void;
}

export async function cuttingProxy(target: string): Promise<CuttingProxy> {
  const address = new URL(target);
  const { port, hostname } = address;
  const sockets = new Set<Socket>();
  let isCut = false;
  const watch = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    return socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    watch(client);
    // Accepted by the machine, and answered by nobody.
    if (isCut) return;
    const upstream = watch(connect(Number(port), hostname));
    client.on("data", (data) => void (isCut || upstream.write(data)));
    upstream.on("data", (data) => void (isCut || client.write(data)));
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  address.hostname = "127.0.0.1";
  address.port = String((server.address() as AddressInfo).port);
  const reset = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: address.href,
    cut: () => void (isCut = true),
    heal() {
      reset();
      isCut = false;
    },
    async [Symbol.asyncDispose]() {
      reset();
      server.close();
    },
  };
}
