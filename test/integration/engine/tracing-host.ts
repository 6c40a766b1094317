/** A process that works and traces: `fork("tracing-host.ts", [JSON of EngineOptions])`. It tells its spans when it is asked, and ends with its parent. */
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { builtInActions } from "../../../src/actions.ts";
import { createEngine, type EngineOptions } from "../../../src/index.ts";
import { action } from "./documents.ts";

export interface ToldSpan {
  readonly pid: number;
  readonly name: string;
  readonly trace: string;
  readonly id: string;
  readonly above: string | null;
}

export function toldSpans(exporter: InMemorySpanExporter): readonly ToldSpan[] {
  return exporter.getFinishedSpans().map((span) => ({
    pid: process.pid,
    name: span.name,
    trace: span.spanContext().traceId,
    id: span.spanContext().spanId,
    above: span.parentSpanContext?.spanId ?? null,
  }));
}

async function host(options: EngineOptions): Promise<void> {
  const exporter = new InMemorySpanExporter();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
  );
  const pack = action("pack", ({ input }) => input);
  const engine = createEngine({ ...options, telemetry: true, actions: [...builtInActions, pack] });
  await engine.start();
  process.on("message", () => void process.send?.(toldSpans(exporter)));
  process.on("disconnect", () => process.exit(0));
  process.send?.("ready");
}

const [given] = process.argv.slice(2);
if (process.send && given?.startsWith("{")) await host(JSON.parse(given) as EngineOptions);
