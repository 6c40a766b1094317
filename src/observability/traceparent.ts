/** The W3C header that carries a trace from one process to the next: `00-<trace>-<span>-<flags>`. */
import type { SpanContext } from "@opentelemetry/api";
import type { Json } from "../core/json.ts";

const HEADER = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** `null`: it is none. */
export function readTraceparent(header: unknown): SpanContext | null {
  const found = typeof header === "string" ? HEADER.exec(header) : null;
  if (!found) return null;
  const [, traceId, spanId, flags] = found;
  return { traceId: traceId!, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16), isRemote: true };
}

/** `null`: nobody traces. */
export function writeTraceparent({ traceId, spanId, traceFlags }: SpanContext): string | null {
  const header = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
  return HEADER.test(header) ? header : null;
}

/** What is kept of the trace with a run: among the headers of what fired its trigger. */
export function traceparentOf(trigger: Json | undefined): string | null {
  const { headers } = Object(trigger) as { readonly headers?: Json };
  const { traceparent } = Object(headers) as { readonly traceparent?: Json };
  return typeof traceparent === "string" && HEADER.test(traceparent) ? traceparent : null;
}
