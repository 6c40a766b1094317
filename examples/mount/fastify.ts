/** The API in Fastify 5, in a plugin of its own in which bodies are left alone. */
import type { Server } from "node:http";
import fastify from "fastify";
import type { Engine } from "../../src/index.ts";
import { createHandler, toNodeHandler } from "../../src/http.ts";
import { authorize } from "./authorize.ts";

export async function serveFastify(engine: Engine): Promise<Server> {
  const app = fastify();
  const api = toNodeHandler(createHandler(engine, { authorize, basePath: "/flow" }));
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _body, done) => done(null));
    scope.all("/flow/*", async (request, reply) => {
      reply.hijack();
      await api(request.raw, reply.raw);
    });
  });
  app.get("/", () => "the shop");
  await app.ready();
  return app.server;
}
