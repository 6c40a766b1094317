/** The API in Express 5, after a body parser, as it is in many an application. */
import { createServer, type Server } from "node:http";
import express from "express";
import type { Engine } from "../../src/index.ts";
import { createHandler, toNodeHandler } from "../../src/http.ts";
import { authorize } from "./authorize.ts";

export function serveExpress(engine: Engine): Server {
  const app = express();
  app.use(express.json());
  app.use("/flow", toNodeHandler(createHandler(engine, { authorize, basePath: "/flow" })));
  app.get("/", (_request, response) => void response.send("the shop"));
  return createServer(app);
}
