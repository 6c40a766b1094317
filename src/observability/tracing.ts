/**
 * Spans of starts, runs, node runs, attempts, outbound calls and code in the sandbox, in one tree. The span of the start is the root of what belongs to the
 * run: its context is stored with the run, so that whichever process goes on with it hangs its spans there. It ends when the run is stored, as a
 * span can only be ended where it was begun; the whole time of the run is a span of its own, written when the run comes to rest.
 */
import type { Context, Span, Tracer } from "@opentelemetry/api";
import type { OutboundFetch } from "../core/definition/outbound.ts";
import type { Outcome } from "../worker/attempt.ts";
import type {
  AttemptWatch,
  ObservedAttempt,
  ObservedRun,
  Observer,
  StartTrace,
  Tracer as StartTracer,
  TracedStart,
} from "../worker/observer.ts";
import type { OpenTelemetry } from "./open-telemetry.ts";
import { readTraceparent, writeTraceparent } from "./traceparent.ts";

/** How long the span of a node run stays open for an attempt that follows at once. */
const NEXT_ATTEMPT_MS = 5_000;

interface OpenNode {
  readonly span: Span;
  readonly attempts: Set<ObservedAttempt>;
  timer?: NodeJS.Timeout;
}

export class Tracing implements Pick<Observer, "attempt" | "runEnded">, StartTracer {
  readonly #api: OpenTelemetry;
  readonly #tracer: Tracer;
  readonly #nodes = new Map<string, OpenNode>();

  constructor(api: OpenTelemetry) {
    this.#api = api;
    this.#tracer = api.trace.getTracer("flowforge");
  }

  /** The caller's span is above it; else that of the webhook's header, or of the parent run. */
  start({ workspace, workflow, within, trigger }: TracedStart): StartTrace {
    const { trace, context, SpanKind, SpanStatusCode } = this.#api;
    const isCalled = within === "caller" && trace.getSpan(context.active()) !== undefined;
    const above = isCalled ? context.active() : this.#remote(trigger);
    const attributes = { "flowforge.workflow": workflow, "flowforge.workspace": workspace };
    const span = this.#tracer.startSpan(`start ${workflow}`, { kind: SpanKind.PRODUCER, attributes }, above);
    return {
      traceparent: writeTraceparent(span.spanContext()),
      ended: (runId) => {
        span.setAttribute("flowforge.run", runId);
        span.end();
      },
      failed: (error) => {
        span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
        span.end();
      },
    };
  }

  runEnded(run: ObservedRun, { status, ms }: { readonly status: string; readonly ms: number }): void {
    const endTime = Date.now();
    const span = this.#tracer.startSpan(
      `run ${run.workflow}`,
      { startTime: endTime - ms, attributes: { ...attributesOf(run), "flowforge.status": status } },
      this.#remote(run.trace),
    );
    if (status === "failed") span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
    span.end(endTime);
  }

  attempt(attempt: ObservedAttempt): AttemptWatch {
    const { trace, context } = this.#api;
    const node = this.#node(attempt);
    const above = trace.setSpan(this.#api.ROOT_CONTEXT, node.span);
    const attributes = {
      ...attributesOf(attempt),
      "flowforge.action": attempt.action,
      "flowforge.attempt": attempt.attempt,
    };
    const span = this.#tracer.startSpan(`attempt ${attempt.action}`, { attributes }, above);
    const inside = trace.setSpan(above, span);
    node.attempts.add(attempt);
    return {
      within: (work) => context.with(inside, work),
      fetch: (fetch) => this.#traced(fetch, inside),
      code: (work) => this.#sandboxed(work, inside),
      ended: (outcome) => {
        this.#note(span, outcome);
        span.end();
        node.attempts.delete(attempt);
        this.#nodeMoved(attempt, node, outcome);
      },
    };
  }

  /** What is still open ends here. */
  close(): void {
    for (const node of this.#nodes.values()) {
      clearTimeout(node.timer);
      node.span.end();
    }
    this.#nodes.clear();
  }

  #remote(traceparent: string | null): Context {
    const { trace, ROOT_CONTEXT } = this.#api;
    const above = readTraceparent(traceparent);
    return above ? trace.setSpanContext(ROOT_CONTEXT, above) : ROOT_CONTEXT;
  }

  #node(attempt: ObservedAttempt): OpenNode {
    const key = keyOf(attempt);
    const known = this.#nodes.get(key);
    if (known) {
      clearTimeout(known.timer);
      return known;
    }
    const attributes = attributesOf(attempt);
    const span = this.#tracer.startSpan(`node ${attempt.node}`, { attributes }, this.#remote(attempt.trace));
    const node: OpenNode = { span, attempts: new Set() };
    this.#nodes.set(key, node);
    return node;
  }

  /** An attempt that failed for now may be followed by the next one here, or by one elsewhere, which has a span of its own. */
  #nodeMoved(attempt: ObservedAttempt, node: OpenNode, outcome: Outcome): void {
    if (node.attempts.size > 0) return;
    const goesOn = outcome.type === "failed" && outcome.verdict.type === "retry";
    if (!goesOn) this.#note(node.span, outcome);
    if (!goesOn) return this.#closeNode(attempt, node, undefined);
    const endedAt = Date.now();
    node.timer = setTimeout(() => this.#closeNode(attempt, node, endedAt), NEXT_ATTEMPT_MS).unref();
  }

  #closeNode(attempt: ObservedAttempt, node: OpenNode, endedAt: number | undefined): void {
    if (node.attempts.size > 0) return;
    clearTimeout(node.timer);
    node.span.end(endedAt);
    if (this.#nodes.get(keyOf(attempt)) === node) this.#nodes.delete(keyOf(attempt));
  }

  /** Errors of outcomes are without secrets already. */
  #note(span: Span, outcome: Outcome): void {
    span.setAttribute("flowforge.outcome", outcome.type);
    if (outcome.type !== "failed" || outcome.verdict.type === "notYet") return;
    span.setAttribute("error.type", outcome.error.class);
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: outcome.error.message });
  }

  /** Neither the code nor what it says of itself is in the span: they are a stranger's. */
  async #sandboxed<T>(work: () => Promise<T>, above: Context): Promise<T> {
    const span = this.#tracer.startSpan("code", undefined, above);
    try {
      return await work();
    } catch (error) {
      span.setAttribute("error.type", error instanceof Error ? error.name : "unknown");
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  }

  /** A header of the action's own stays. Paths are left out: some hold secrets. */
  #traced(fetch: OutboundFetch, above: Context): OutboundFetch {
    const { trace, SpanKind, SpanStatusCode } = this.#api;
    return async (input, init) => {
      const given = input instanceof Request ? input : null;
      const method = init?.method ?? given?.method ?? "GET";
      const attributes = { "http.request.method": method, ...hostOf(given?.url ?? String(input)) };
      const span = this.#tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes }, above);
      const headers = new Headers(init?.headers ?? given?.headers);
      const traceparent = writeTraceparent(trace.getSpan(trace.setSpan(above, span))!.spanContext());
      if (traceparent !== null && !headers.has("traceparent")) headers.set("traceparent", traceparent);
      try {
        const response = await fetch(input, { ...init, headers: [...headers] });
        span.setAttribute("http.response.status_code", response.status);
        if (response.status >= 400) span.setStatus({ code: SpanStatusCode.ERROR });
        return response;
      } catch (error) {
        span.setAttribute("error.type", error instanceof Error ? error.name : "unknown");
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    };
  }
}

function attributesOf(run: ObservedRun & { readonly node?: string; readonly item?: number }) {
  const { runId, workspace, workflow, version, node, item = -1 } = run;
  return {
    "flowforge.run": runId,
    "flowforge.workspace": workspace,
    "flowforge.workflow": workflow,
    "flowforge.version": version,
    ...(node === undefined ? {} : { "flowforge.node": node }),
    ...(item < 0 ? {} : { "flowforge.item": item }),
  };
}

function keyOf({ runId, node, item }: ObservedAttempt): string {
  return `${runId}/${node}/${item}`;
}

function hostOf(url: string): { readonly "server.address"?: string; readonly "server.port"?: number } {
  if (!URL.canParse(url)) return {};
  const { hostname, port } = new URL(url);
  return { "server.address": hostname, ...(port === "" ? {} : { "server.port": Number(port) }) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
