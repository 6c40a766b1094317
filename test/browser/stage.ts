/** An engine with something of everything going on in it, and its dashboard on a port, for a browser to look at. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createHandler, type HandlerOptions, toNodeHandler } from "../../src/http.ts";
import { defineWorkflow, type Engine } from "../../src/index.ts";
import { type Backend, openBackend } from "../integration/engine/backends.ts";
import { actions, documents } from "./stage-workflows.ts";

export interface Stage extends AsyncDisposable {
  readonly engine: Engine;
  readonly backend: Backend;
  /** Of the dashboard of workspace `shop`, for an operator of all of them, who is logged in by being there. */
  readonly url: string;
  /** The same handler for a caller with other rights. */
  serve(options: HandlerOptions): Promise<string>;
}

export const WORKSPACE = "shop";

export async function openStage(): Promise<Stage> {
  const backend = await openBackend("postgres");
  const keys = { a: randomBytes(32).toString("base64") };
  const engine = backend.engine({
    actions,
    encryption: { keys, current: "a" },
    stuck: { after: "5s" },
    breakers: { targets: { minimum: 3, waveEvery: "1s" }, credentials: true },
    workspaces: { plans: { pro: { rate: { limit: 5_000 }, concurrency: 500, weight: 3 } } },
  });
  const servers: Server[] = [];
  await engine.start();
  for (const document of documents) {
    await engine.workflows.register(defineWorkflow(document), { workspace: WORKSPACE });
  }
  const serve = async (options: HandlerOptions): Promise<string> => {
    const handler = toNodeHandler(createHandler(engine, { basePath: "/flow", ...options }));
    const server = createServer((request, response) => void handler(request, response));
    servers.push(server);
    await once(server.listen(0, "127.0.0.1"), "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/flow/dashboard`;
  };
  const url = await serve({
    authorize: () => ({ workspace: WORKSPACE, allWorkspaces: true, actor: "ada@shop.example" }),
  });
  return {
    engine,
    backend,
    url,
    serve,
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      await backend[Symbol.asyncDispose]();
    },
  };
}

/** Runs of every kind; resolves when each is where it stays. `quick`: how many ordinary ones that succeed; `items`: of the map. */
export async function play(engine: Engine, quick: number, items: number): Promise<void> {
  const workspace = WORKSPACE;
  const order = (cents: number): object => ({
    customer: "c_7",
    cents,
    email: "ada@shop.example",
    items: ["tea", "pot"],
  });
  const batch = 200;
  for (let begun = 0; begun < quick; begun += batch) {
    const starts = Array.from({ length: Math.min(batch, quick - begun) }, (_, at) => ({
      workspace,
      input: order(4_200 + at),
    }));
    const runs = await engine.runs.startMany("order", starts);
    await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
  }
  await engine.runs.start("order", {
    workspace,
    input: order(250_000),
    labels: { customer: "c_7", plan: "gold" },
  });
  for (let at = 0; at < 6; at++) {
    const run = await engine.runs.start("refund", { workspace, input: { id: `ord_${at}` } });
    await run.result({ timeout: "20s" }).catch(() => null);
  }
  const imported = await engine.runs.start("import-contacts", {
    workspace,
    input: { contacts: Array.from({ length: items }, (_, at) => at) },
  });
  await imported.result({ timeout: "60s" }).catch(() => null);
  const parent = await engine.runs.start("onboarding", { workspace, input: { name: "Grace" } });
  await parent.result({ timeout: "20s" });
  await engine.publish("order.paid", { order: "ord_1" }, { workspace, id: "payment-1" });
  await engine.workspaces.setLimits(workspace, { plan: "pro", queued: 2_000 });
  await engine.breakers.open({ workspace, scope: "target", name: "api.postman.example" });
  const opened = new Promise((resolve) => engine.on("breaker.opened", resolve));
  await engine.runs.startMany(
    "parcel",
    Array.from({ length: 5 }, () => ({ workspace })),
  );
  await opened;
  const stuck = new Promise((resolve) => engine.on("run.stuck", resolve));
  await engine.runs.start("labels", { workspace, input: { order: "ord_1" } });
  await stuck;
  await engine.credentials.set(
    "crm",
    { token: "a-secret-token" },
    { workspace, allowHosts: ["crm.example"] },
  );
}
