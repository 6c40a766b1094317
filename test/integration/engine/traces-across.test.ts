/** A trace over two processes: one takes the webhook and works on nothing, the other one executes the run and its child run. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterAll, expect, test } from "vitest";
import { builtInActions } from "../../../src/actions.ts";
import { createHandler } from "../../../src/http.ts";
import { defineWorkflow } from "../../../src/index.ts";
import { openBackend } from "./backends.ts";
import { action } from "./documents.ts";
import { type ToldSpan, toldSpans } from "./tracing-host.ts";

const source = { type: "webhook", path: "orders", signature: { scheme: "none" } } as const;
const order = defineWorkflow({
  format: 1,
  name: "order",
  nodes: {
    in: { kind: "trigger", source },
    sum: { kind: "action", action: "code.run", input: { code: "return input.a + 1", input: { a: 1 } } },
    child: { kind: "action", action: "workflow.run", input: { workflow: "parcel" } },
  },
  edges: [
    { from: "in", to: "sum" },
    { from: "sum", to: "child" },
  ],
});
const parcel = defineWorkflow({
  format: 1,
  name: "parcel",
  nodes: { pack: { kind: "action", action: "pack" } },
  edges: [],
});

const exporter = new InMemorySpanExporter();
const tracing = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });

afterAll(() => {
  trace.disable();
  context.disable();
});

test("from webhook to child run, over two processes, it is one connected tree", async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(tracing);
  await using backend = await openBackend("postgres");
  const pack = action("pack", ({ input }) => input);
  const actions = [...builtInActions, pack];
  const engine = backend.engine({ telemetry: true, actions, workflows: [order, parcel] });
  await engine.start({ work: false, maintain: false });
  const host = fork(fileURLToPath(new URL("tracing-host.ts", import.meta.url)), [
    JSON.stringify(backend.connection),
  ]);
  try {
    await once(host, "message");
    const root = tracing.getTracer("sender").startSpan("webhook");
    const { traceId, spanId } = root.spanContext();
    const handler = createHandler(engine, { authorize: () => null });
    const delivery = new Request("http://flow.test/webhooks/default/orders", {
      method: "POST",
      headers: { "content-type": "application/json", traceparent: `00-${traceId}-${spanId}-01` },
      body: "{}",
    });
    const { runId } = (await (await handler(delivery)).json()) as { runId: string };
    root.end();
    await engine.runs.handle(runId).result({ timeout: "30s" });
    const ofHost = async (): Promise<readonly ToldSpan[]> => {
      const told = once(host, "message");
      host.send("spans");
      return ((await told) as [readonly ToldSpan[]])[0];
    };
    const names = async () => (await ofHost()).map(({ name }) => name);
    await expect
      .poll(names, { timeout: 10_000 })
      .toEqual(expect.arrayContaining(["run parcel", "run order"]));
    const spans = [...toldSpans(exporter), ...(await ofHost())];
    const byId = new Map(spans.map((span) => [span.id, span]));
    // Whatever span one begins at, its way up ends at the sender's.
    const pathOf = (span: ToldSpan): readonly string[] => {
      const above = byId.get(span.above ?? "");
      return above ? [span.name, ...pathOf(above)] : [span.name];
    };
    for (const span of spans) expect(pathOf(span).at(-1), span.name).toBe("webhook");
    expect(new Set(spans.map((span) => span.trace))).toEqual(new Set([traceId]));
    const paths = spans.map((span) => pathOf(span).join(" < "));
    expect(paths).toContain("code < attempt code.run < node sum < start order < webhook");
    expect(paths).toContain("attempt pack < node pack < start parcel < start order < webhook");
    expect(paths).toContain("run parcel < start parcel < start order < webhook");
    const own = spans.filter(({ pid }) => pid === process.pid).map(({ name }) => name);
    expect(own.sort()).toEqual(["start order", "webhook"]);
  } finally {
    host.disconnect();
    await once(host, "exit");
  }
}, 60_000);
