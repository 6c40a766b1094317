/** The API in Hono, which speaks `Request` and `Response` itself. */
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import type { Engine } from "../../src/index.ts";
import { createHandler } from "../../src/http.ts";
import { authorize } from "./authorize.ts";

export function serveHono(engine: Engine): Server {
  const app = new Hono();
  const api = createHandler(engine, { authorize, basePath: "/flow" });
  app.all("/flow/*", (context) => api(context.req.raw));
  app.get("/", (context) => context.text("the shop"));
  return createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
}
