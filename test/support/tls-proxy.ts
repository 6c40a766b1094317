/** A proxy before a PostgreSQL server that speaks TLS to its clients, with the certificate of the tests; plainly too, for who asks so. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { CERTIFICATE, KEY } from "./certificate.ts";

export interface TlsProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections on which somebody went on after the handshake. */
  readonly encrypted: number;
  readonly plain: number;
}

/** What a client says that wants TLS. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

export async function tlsProxy(target: { readonly host: string; readonly port: number }): Promise<TlsProxy> {
  const sockets = new Set<Socket>();
  const seen = { encrypted: 0, plain: 0 };
  const watch = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  };
  const pass = (client: Socket, kind: keyof typeof seen, first?: Buffer): void => {
    seen[kind]++;
    const upstream = connect(target.port, target.host);
    watch(upstream);
    if (first) upstream.write(first);
    client.pipe(upstream).pipe(client);
    client.on("close", () => upstream.destroy());
  };
  const server = createServer((client) => {
    watch(client);
    client.once("data", (data: Buffer) => {
      if (!data.equals(SSL_REQUEST)) return pass(client, "plain", data);
      client.write("S");
      const secure = new TLSSocket(client, { isServer: true, key: KEY, cert: CERTIFICATE });
      secure.on("error", () => undefined);
      secure.once("data", (first: Buffer) => pass(secure, "encrypted", first));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get encrypted() {
      return seen.encrypted;
    },
    get plain() {
      return seen.plain;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
