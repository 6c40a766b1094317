/** Calls of workflows to this machine: refused unless the engine's options allow them. */
import { randomBytes } from "node:crypto";
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
  const binary = randomBytes(300 * 1_024);

  beforeAll(async () => {
    backend = await openBackend(name);
    server = createServer((request, response) =>
      response.end(request.url === "/binary" ? binary : "hello"),
    ).listen(0, "127.0.0.1");
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

  test("a large answer of bytes is a stored blob, and comes back as it was", async () => {
    const engine = backend.engine({ actions: builtInActions, http: { allowPrivateNetwork: true } });
    await engine.start();
    const input = { url: `${url}binary`, response: "base64" };
    const workflow = defineWorkflow({
      format: 1,
      name: "binary",
      nodes: {
        get: { kind: "action", action: "http.request", input },
        pass: { kind: "action", action: "transform", input: "{{ nodes.get.output.body }}" },
      },
      edges: [{ from: "get", to: "pass" }],
      output: "{{ nodes.pass.output }}",
    } as never);
    const run = await engine.runs.start(workflow, { input: {} });
    const output = String(await run.result({ timeout: "20s" }));
    expect(Buffer.from(output, "base64").equals(binary)).toBe(true);
    const sizes = await backend.database.query<{ blob: number; row: number }>(
      `select octet_length(b.value::text) as blob, (select max(octet_length(n::text)) from flowforge.node_runs n
       where n.run_id = b.run_id) as row from flowforge.run_blobs b where b.run_id = $1`,
      [run.id],
    );
    // What the request gave, and its body alone: what was passed on and the run's output are one blob.
    expect(sizes).toHaveLength(2);
    for (const { blob, row } of sizes) {
      expect(blob).toBeGreaterThan(400 * 1_024);
      expect(row).toBeLessThan(4_096);
    }
    const { nodes } = await run.detail();
    const got = nodes.find(({ node }) => node === "get")!.output;
    expect(got).toMatchObject({ status: 200, body: output });
    await engine.stop();
  });

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
