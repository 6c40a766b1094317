/** A service that takes POST and PUT once per key, as its effect, and answers as it is told. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Receiver {
  readonly url: string;
  /** How many different keys have had an effect. */
  effects(): number;
  /** From now on every answer has this status, and nothing has an effect; 0: the connection is broken instead. */
  fail(status: number): void;
  close(): Promise<void>;
}

const CHANGES: ReadonlySet<string | undefined> = new Set(["POST", "PUT"]);

/** `/slow` takes what it is sent, and answers after an hour. */
export async function receiver(keyHeader: string): Promise<Receiver> {
  const keys = new Set<string>();
  let failure: number | null = null;
  const server = createServer((request, response) => {
    if (request.url === "/slow") return;
    if (failure === 0) return void request.socket.destroy();
    if (failure !== null) return void response.writeHead(failure).end();
    if (CHANGES.has(request.method)) keys.add(String(request.headers[keyHeader]));
    response.writeHead(200, { "content-type": "application/json" }).end('{"taken":true}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    effects: () => keys.size,
    fail: (status) => void (failure = status),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
