/** A receiver of webhooks: `fork("webhook-receiver.ts", [JSON of ReceiverConfig])`. It takes requests in and works on no run. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createEngine, type EngineOptions } from "../../../src/index.ts";

export interface ReceiverConfig {
  readonly connection: EngineOptions;
}

const { connection } = JSON.parse(process.argv[2]!) as ReceiverConfig;
process.on("disconnect", () => process.exit(1));
const engine = createEngine(connection);
await engine.start({ work: false, maintain: false, migrate: false });

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => void chunks.push(chunk));
  request.on("end", () => {
    const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const);
    const { method = "", url = "" } = request;
    void engine.webhooks
      .receive({
        path: "orders",
        method,
        url,
        headers: Object.fromEntries(headers),
        body: Buffer.concat(chunks),
      })
      .then(({ status, headers: answered, body }) => response.writeHead(status, answered).end(body));
  });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.send?.({ port: (server.address() as AddressInfo).port });
