/** Calls of workflows to this machine: refused unless the engine's options allow them. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtInActions } from "../../../src/actions.ts";
import {
  createEngine,
  defineWorkflow,
  type EngineOptions,
  RunFailedError,
  type RunHandle,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const call = (url: string) =>
  defineWorkflow({
    format: 1,
    name: "call",
    nodes: {
      built: { kind: "action", action: "http.request", input: { url } },
      own: { kind: "action", action: "own.call", input: { url } },
    },
    edges: [{ from: "built", to: "own" }],
    output: ["{{ nodes.built.output.body }}", "{{ nodes.own.output }}"],
  });
const own = action("own.call", async ({ input, fetch }) =>
  (await fetch((input as { url: string }).url)).text(),
);

onEachBackend("calls of workflows", (name) => {
  let backend: Backend;
  let server: Server;
  let url: string;

  beforeAll(async () => {
    backend = await openBackend(name);
    server = createServer((_, response) => void response.end("hello")).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await backend[Symbol.asyncDispose]();
  });

  async function started(http?: EngineOptions["http"], to = url): Promise<RunHandle> {
    const engine = backend.engine({ actions: [...builtInActions, own], ...(http ? { http } : {}) });
    await engine.start();
    return engine.runs.start(call(to), { input: {} });
  }

  test("to this machine are refused, and not tried again", async () => {
    const run = await started();
    await expect(run.result({ timeout: "10s" })).rejects.toThrow(RunFailedError);
    const { nodes, attempts } = await run.detail();
    expect(nodes.find(({ node }) => node === "built")).toMatchObject({
      status: "failed",
      error: { code: "outbound_address_refused" },
    });
    expect(attempts).toHaveLength(1);
  });

  test("are made where the options allow them", async () => {
    const run = await started({ allowNetworks: ["127.0.0.1"] });
    expect(await run.result({ timeout: "10s" })).toEqual(["hello", "hello"]);
  });

  test("to the engine's own servers are refused whatever is allowed", async () => {
    const { postgres, redis } = backend.connection;
    for (const address of [postgres, redis]) {
      if (typeof address !== "string") continue;
      const { hostname, port } = new URL(address);
      const run = await started({ allowPrivateNetwork: true }, `http://${hostname}:${port}/`);
      await expect(run.result({ timeout: "10s" })).rejects.toThrow(/outbound_address_refused/);
    }
  });
});

test("options that are wrong are refused by name", () => {
  const wrong =
    (http: object): (() => unknown) =>
    () =>
      createEngine({ http });
  expect(wrong({ allowNetworks: ["10.0.0.0/33"] })).toThrow(/option "http.allowNetworks.0".*network/);
  expect(wrong({ allowHosts: ["https://example.com"] })).toThrow(/option "http.allowHosts.0".*host name/);
  expect(wrong({ maxRedirects: -1 })).toThrow(/option "http.maxRedirects".*at least 0/);
  expect(wrong({ timeout: "soon" })).toThrow(/http.timeout/);
  expect(wrong({ allowPrivateNetworks: true })).toThrow(/Did you mean "allowPrivateNetwork"/);
});
