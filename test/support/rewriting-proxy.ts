/** A TCP proxy that changes what a server says: so a new server passes for an old one. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";

export interface RewritingProxy extends AsyncDisposable {
  readonly port: number;
  /** The address with this proxy in the server's place. */
  readonly url: string;
}

/** `change` gets each piece of the server's answers as Latin-1 and returns one of the same length. */
export async function rewritingProxy(
  target: string,
  change: (text: string) => string,
): Promise<RewritingProxy> {
  const address = new URL(target);
  const upstreamPort = Number(address.port);
  const upstreamHost = address.hostname;
  const server = createServer((client) => {
    const upstream = connect(upstreamPort, upstreamHost);
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.pipe(upstream);
    upstream.on("data", (data) => client.write(Buffer.from(change(data.toString("latin1")), "latin1")));
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  address.hostname = "127.0.0.1";
  address.port = String(port);
  return {
    port,
    url: address.href,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
