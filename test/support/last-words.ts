/**
 * A PostgreSQL that dies in the worst moment: it takes every connection, and the packet that says "ready for query" says "the server
 * goes down" too. A client that gets its `error` listener a turn of the loop after it was connected gets it too late.
 */
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

export interface DyingServer extends AsyncDisposable {
  readonly url: string;
  /** How many connections it has taken. */
  readonly taken: number;
}

export async function dyingServer(): Promise<DyingServer> {
  const sockets = new Set<Socket>();
  let taken = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    // The first message is the client's greeting; whatever follows has nobody to answer it.
    socket.once("data", () => {
      taken += 1;
      socket.end(Buffer.concat([AUTHENTICATED, READY, GOING_DOWN]));
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgres://nobody:secret@127.0.0.1:${port}/nothing`,
    get taken(): number {
      return taken;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** One message of PostgreSQL's protocol: its type, its length, its body. */
function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const AUTHENTICATED: Buffer = message("R", Buffer.alloc(4));
const READY: Buffer = message("Z", Buffer.from("I"));
const GOING_DOWN: Buffer = message(
  "E",
  Buffer.from("SFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0"),
);
