/** What a collector of OpenTelemetry, and Prometheus, get to see. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHandler, type Handler } from "../../../src/http.ts";
import { defineWorkflow, type Engine } from "../../../src/index.ts";
import { type Backend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const spans = new InMemorySpanExporter();
const tracing = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] });
const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 3_600_000 });

const source = { type: "webhook", path: "orders", signature: { scheme: "none" } } as const;
const order = defineWorkflow({
  format: 1,
  name: "order",
  nodes: {
    in: { kind: "trigger", source },
    call: { kind: "action", action: "call", retry: { immediate: 1, backoff: [] } },
    child: { kind: "action", action: "workflow.run", input: { workflow: "parcel" } },
  },
  edges: [
    { from: "in", to: "call" },
    { from: "call", to: "child" },
  ],
});
const parcel = defineWorkflow({
  format: 1,
  name: "parcel",
  nodes: { pack: { kind: "action", action: "pack" } },
  edges: [],
});

let backend: Backend;
let engine: Engine;
let handler: Handler;
/** The header that the other side got. */
const received: (string | undefined)[] = [];
const other = createServer((request, response) => {
  received.push(request.headers.traceparent as string | undefined);
  response.end("{}");
});
const active: (string | undefined)[] = [];

beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(tracing);
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;
  const call = action("call", async ({ fetch, attempt }) => {
    if (attempt === 1) throw new Error("once");
    await fetch(`http://127.0.0.1:${port}/secret-path`);
    return null;
  });
  const pack = action("pack", () => {
    active.push(trace.getActiveSpan()?.spanContext().spanId);
    return null;
  });
  backend = await openBackend("postgres");
  engine = backend.engine({
    telemetry: true,
    actions: [call, pack],
    workflows: [order, parcel],
    http: { allowPrivateNetwork: true },
    worker: { inline: false },
  });
  await engine.start();
  const authorize = (): null => null;
  const scraper = (request: Request): boolean => request.headers.get("authorization") === "Bearer scraper";
  handler = createHandler(engine, { authorize, metrics: { authorize: scraper } });
});
afterAll(async () => {
  await backend[Symbol.asyncDispose]();
  other.close();
  trace.disable();
  metrics.disable();
  context.disable();
});

test("a webhook, its run, the calls of its actions and its child run are one tree", async () => {
  const root = tracing.getTracer("sender").startSpan("webhook");
  const { traceId, spanId } = root.spanContext();
  const delivery = new Request("http://flow.test/webhooks/default/orders", {
    method: "POST",
    headers: { "content-type": "application/json", traceparent: `00-${traceId}-${spanId}-01` },
    body: "{}",
  });
  const { runId } = (await (await handler(delivery)).json()) as { runId: string };
  root.end();
  await engine.runs.handle(runId).result({ timeout: "20s" });
  const all = (): readonly string[] => spans.getFinishedSpans().map(({ name }) => name);
  await expect.poll(all).toEqual(expect.arrayContaining(["run parcel", "run order", "GET"]));

  const finished = spans.getFinishedSpans();
  const byId = new Map(finished.map((span) => [span.spanContext().spanId, span]));
  const path = (name: string): readonly string[] => {
    const names: string[] = [];
    let span = finished.find((each) => each.name === name);
    for (; span; span = byId.get(span.parentSpanContext?.spanId ?? "")) names.push(span.name);
    return names;
  };
  expect(new Set(finished.map((span) => span.spanContext().traceId))).toEqual(new Set([traceId]));
  expect(path("run order")).toEqual(["run order", "start order", "webhook"]);
  expect(path("GET")).toEqual(["GET", "attempt call", "node call", "start order", "webhook"]);
  expect(path("attempt pack")).toEqual([
    "attempt pack",
    "node pack",
    "start parcel",
    "start order",
    "webhook",
  ]);
  expect(path("run parcel").at(-1)).toBe("webhook");
  expect(finished.filter(({ name }) => name === "attempt call")).toHaveLength(2);

  const client = finished.find(({ name }) => name === "GET")!;
  expect(received).toEqual([`00-${traceId}-${client.spanContext().spanId}-01`]);
  expect(JSON.stringify(client.attributes)).not.toContain("secret-path");
  const packed = finished.find(({ name }) => name === "attempt pack")!;
  expect(active).toEqual([packed.spanContext().spanId]);
  expect(packed.attributes).toMatchObject({
    "flowforge.workflow": "parcel",
    "flowforge.outcome": "succeeded",
  });
});

test("a start hangs under its caller's span", async () => {
  const tracer = tracing.getTracer("caller");
  await tracer.startActiveSpan("caller", async (span) => {
    await (await engine.runs.start(parcel)).result();
    span.end();
    const started = spans.getFinishedSpans().filter(({ name }) => name === "start parcel");
    expect(started.at(-1)!.parentSpanContext?.spanId).toBe(span.spanContext().spanId);
  });
});

test("metrics say what happened, by workflow and node", async () => {
  await reader.forceFlush();
  const all = measured
    .getMetrics()
    .at(-1)!
    .scopeMetrics.flatMap((scope) => scope.metrics);
  const points = (name: string) => all.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
  const started = points("flowforge.runs.started").map(({ attributes, value }) => [
    attributes["flowforge.workflow"],
    value,
  ]);
  expect(Object.fromEntries(started)).toEqual({ order: 1, parcel: 2 });
  expect(points("flowforge.attempts.retries")).toMatchObject([{ value: 1 }]);
  const outcomes = points("flowforge.attempt.duration").map(
    ({ attributes }) => attributes["flowforge.outcome"],
  );
  expect(new Set(outcomes)).toEqual(new Set(["succeeded", "failed"]));
  for (const name of ["queue.wait", "commit.entries", "commit.duration", "event_loop.delay", "runs.active"])
    expect(points(`flowforge.${name}`).length, name).toBeGreaterThan(0);
});

test("Prometheus reads the same, with a login of its own", async () => {
  const ask = (authorization: string) =>
    handler(new Request("http://flow.test/metrics", { headers: { authorization } }));
  expect((await ask("Bearer user")).status).toBe(401);
  const answer = await ask("Bearer scraper");
  expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const text = await answer.text();
  expect(text).toContain('flowforge_runs_ended_total{workflow="parcel",status="succeeded"} 2\n');
  expect(text).toContain('flowforge_attempt_failures_total{workflow="order",node="call"} 1\n');
  expect(text).toContain(
    'flowforge_attempt_duration_seconds_bucket{workflow="parcel",node="pack",le="+Inf"} 2\n',
  );
  expect(text).toContain("flowforge_runs_active 0\n");
  for (const line of text.trimEnd().split("\n"))
    expect(line).toMatch(/^# (HELP|TYPE) flowforge_\w+ .+$|^flowforge_\w+(\{(\w+="[^"]*",?)+\})? [\d.e+-]+$/);
  const without = createHandler(engine, { authorize: () => null });
  expect((await without(new Request("http://flow.test/metrics"))).status).toBe(404);
  expect(() => createHandler(engine, { authorize: () => null, metrics: {} as never })).toThrow(/"metrics"/);
});
