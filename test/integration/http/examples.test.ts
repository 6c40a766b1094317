/** The examples of mounting, each as a server on a port: what a client sees of the API is the same in all of them. */
import { once } from "node:events";
import { type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveExpress } from "../../../examples/mount/express.ts";
import { serveFastify } from "../../../examples/mount/fastify.ts";
import { serveHono } from "../../../examples/mount/hono.ts";
import { serveNode } from "../../../examples/mount/node-http.ts";
import { defineWorkflow, type Engine } from "../../../src/index.ts";
import { type Backend, openBackend } from "../engine/backends.ts";
import { waiting } from "./api.ts";

let backend: Backend;
let engine: Engine;
beforeAll(async () => {
  backend = await openBackend("postgres");
  engine = backend.engine();
  await engine.start();
  await engine.workflows.register(defineWorkflow(waiting), { workspace: "shop" });
});
afterAll(() => backend[Symbol.asyncDispose]());

const servers: readonly [string, (engine: Engine) => Server | Promise<Server>][] = [
  ["node:http", serveNode],
  ["Express 5", serveExpress],
  ["Fastify 5", serveFastify],
  ["Hono", serveHono],
];

describe.each(servers)("%s", (_name, serve) => {
  let server: Server;
  let origin: string;
  beforeAll(async () => {
    server = await serve(engine);
    await once(server.listen(0, "127.0.0.1"), "listening");
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  function call(path: string, body?: string, more: Record<string, string> = {}): Promise<Response> {
    const headers = { authorization: "Bearer demo-token", "content-type": "application/json", ...more };
    return fetch(origin + path, body === undefined ? { headers } : { method: "POST", headers, body });
  }

  test("a run is started, watched and signalled; the host answers its own pages", async () => {
    expect(await (await fetch(origin)).text()).toBe("the shop");
    expect((await fetch(`${origin}/flow/runs`)).status).toBe(401);
    const started = await call("/flow/runs", JSON.stringify({ workflow: "waiting", input: { a: ["ü", 1] } }));
    const { id } = (await started.json()) as { id: string };
    expect([started.status, started.headers.get("location")]).toEqual([201, `/flow/runs/${id}`]);
    const events = await call(`/flow/runs/${id}/events`);
    expect((await call(`/flow/runs/${id}/signals`, '{"name":"go","payload":7}')).status).toBe(200);
    expect(await events.text()).toContain('"status":"succeeded"');
    const run: unknown = await (await call(`/flow/runs/${id}`)).json();
    expect(run).toMatchObject({ input: { a: ["ü", 1] }, output: 7 });
  });

  test("what is wrong is refused, and the server goes on", async () => {
    expect((await call("/flow/none")).status).toBe(404);
    expect((await call("/flow/runs", "{}")).status).toBe(400);
    expect((await call("/flow/runs", "workflow=waiting", { "content-type": "text/plain" })).status).toBe(415);
    const large = await call("/flow/runs", JSON.stringify({ workflow: "waiting", input: "x".repeat(3e6) }));
    expect(large.status).toBe(413);
    // Without a length it is seen while it is read. On a connection of its own: Hono's server ends it.
    const headers = { authorization: "Bearer demo-token", "content-type": "application/json" };
    const streamed = request(`${origin}/flow/runs`, { method: "POST", headers, agent: false });
    streamed.on("error", () => {});
    for (let sent = 0; sent < 3; sent++) streamed.write("[".repeat(700_000));
    streamed.end();
    const [answer] = (await once(streamed, "response")) as [IncomingMessage];
    expect(answer.statusCode).toBe(413);
    streamed.destroy();
    expect((await call("/flow/runs?limit=1")).status).toBe(200);
  });

  test("a listener that goes away leaves nothing behind", async () => {
    const run = await engine.runs.start("waiting", { workspace: "shop" });
    const gone = new AbortController();
    const headers = { authorization: "Bearer demo-token" };
    const events = await fetch(`${origin}/flow/runs/${run.id}/events`, { headers, signal: gone.signal });
    await events.body!.getReader().read();
    gone.abort();
    expect((await call("/flow/runs?limit=1")).status).toBe(200);
    await run.cancel();
  });

  test("a request line that is no URL, and two lengths, are refused by whoever sees them first", async () => {
    for (const text of [
      "GET //\\ HTTP/1.1\r\nHost: a b\r\n\r\n",
      "POST /flow/runs HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    ]) {
      const socket = connect(Number(new URL(origin).port), "127.0.0.1");
      socket.end(text);
      const [answer] = (await once(socket, "data")) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 (?:4\d\d|200)/);
      socket.destroy();
    }
    expect((await call("/flow/runs?limit=1")).status).toBe(200);
  });
});
