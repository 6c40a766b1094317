/** The API in a server of Node.js, beside what else it answers. */
import { createServer, type Server } from "node:http";
import type { Engine } from "../../src/index.ts";
import { createHandler, toNodeHandler } from "../../src/http.ts";
import { authorize } from "./authorize.ts";

export function serveNode(engine: Engine): Server {
  const api = toNodeHandler(createHandler(engine, { authorize, basePath: "/flow" }));
  return createServer((request, response) => {
    if (request.url?.startsWith("/flow/")) void api(request, response);
    else response.end("the shop");
  });
}
