/** What a start may not be, and the errors for it. */
import { FlowForgeError } from "../core/errors.ts";
import type { Plan, PlanTrigger } from "../core/graph/plan.ts";
import type { ParentRef } from "../core/ports/children.ts";
import type { NewRun } from "../core/ports/commit.ts";

export function assertDepth({ runId, node, depth }: ParentRef, most: number): void {
  if (depth <= most) return;
  throw new FlowForgeError("children_too_deep", {
    subject: `the child of node "${node}" of run ${runId}`,
    expected: `at most ${most} runs above it`,
    received: String(depth),
    next: "Look for a workflow that runs itself without an end, or raise limits.childDepth.",
  });
}

export function triggerOf(plan: Plan, workflow: string, id: string | undefined): PlanTrigger {
  const triggers = plan.nodes.filter((node) => node.kind === "trigger");
  const found = triggers.find((node) => (id === undefined ? node.source.type === "manual" : node.id === id));
  if (found) return found;
  throw new FlowForgeError("trigger_required", {
    subject: `workflow "${workflow}"`,
    expected: `trigger to be one of ${triggers.map((node) => node.id).join(", ")}`,
    received: id === undefined ? "none" : `"${id}"`,
    next: "Name the trigger node to start at: runs.start(workflow, { trigger, input }).",
  });
}

export function versionGone({ workflow, version, workspace }: NewRun): FlowForgeError {
  return new FlowForgeError("workflow_not_found", {
    subject: `workflow "${workflow}" version ${version} in workspace "${workspace}"`,
    next: "Start a run of a version that exists.",
  });
}
