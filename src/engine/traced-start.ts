/** The trace of a start: where it hangs, and how the run gets to know it. */
import type { JsonObject } from "../core/json.ts";
import { traceparentOf } from "../observability/traceparent.ts";
import type { StartTrace, Tracer } from "../worker/observer.ts";
import type { Worker } from "../worker/worker.ts";
import type { PreparedStart } from "./prepared-start.ts";

interface Parts {
  readonly worker: Pick<Worker, "table" | "loader">;
  readonly tracer: Tracer;
}

export async function tracedStart(
  { worker, tracer }: Parts,
  prepared: PreparedStart,
): Promise<{ readonly trace: StartTrace; readonly traced: PreparedStart }> {
  const { start, runId } = prepared;
  const payload = start.triggerPayload as JsonObject;
  const isTick = runId !== undefined && payload["type"] === "schedule";
  const trace = tracer.start({
    workspace: start.workspace,
    workflow: start.workflow,
    // Loops are in whatever context the engine was started in, which says nothing of a child or a tick.
    within: start.parent || isTick ? "store" : "caller",
    trigger: start.parent ? await ofRun(worker, start.parent.runId) : traceparentOf(payload),
  });
  const { traceparent } = trace;
  if (traceparent === null) return { trace, traced: prepared };
  const headers = { ...(payload["headers"] as JsonObject | undefined), traceparent };
  return { trace, traced: { ...prepared, start: { ...start, triggerPayload: { ...payload, headers } } } };
}

async function ofRun({ table, loader }: Parts["worker"], runId: string): Promise<string | null> {
  const known = table.get(runId)?.data;
  if (known) return traceparentOf(known.trigger);
  const stored = await loader.load({ runId, since: Number.MAX_SAFE_INTEGER, withInput: true });
  return traceparentOf(stored?.triggerPayload);
}
