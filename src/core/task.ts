/** A task as it travels: ids only, small, and a list because the names of an object would be most of its bytes. */
import { FlowForgeError } from "./errors.ts";
import { taskId, type Task } from "./ports/scheduler.ts";

export type TaskFields = readonly (string | number)[];

export interface PackedTask {
  readonly id: string;
  readonly fields: TaskFields;
}

/** A task that is larger carries something that belongs into the store. */
export const MAX_TASK_BYTES = 1_024;
const MAX_ID_LENGTH = 400;

const utf8 = new TextEncoder();

/** Throws `task_invalid`. The lane is not among the fields: it is where the task travels. */
export function packTask(task: Task): PackedTask {
  const id = taskId(task);
  const fields: TaskFields = [
    task.runId,
    task.node,
    task.item,
    task.fence,
    task.dispatches,
    task.workspace,
    task.workflow,
    task.version,
    task.dispatchedAt,
  ];
  // BullMQ joins its keys with colons and refuses ids that contain one.
  if (id.includes(":") || id.length > MAX_ID_LENGTH) {
    const expected = `an id of at most ${MAX_ID_LENGTH} characters without a colon`;
    throw invalid(task, expected, JSON.stringify(id.slice(0, 100)));
  }
  const bytes = utf8.encode(JSON.stringify(fields)).length + utf8.encode(id).length;
  if (bytes > MAX_TASK_BYTES) throw invalid(task, `at most ${MAX_TASK_BYTES} bytes`, `${bytes} bytes`);
  return { id, fields };
}

function invalid(task: Task, expected: string, received: string): FlowForgeError {
  return new FlowForgeError("task_invalid", {
    subject: `task of node "${task.node.slice(0, 80)}" in run ${task.runId.slice(0, 80)}`,
    expected,
    received,
    next: "Shorten the names of the workspace, the workflow or the node.",
  });
}

/** `null`: not packed by us. */
export function unpackTask(packed: unknown, lane: string): Task | null {
  if (!Array.isArray(packed)) return null;
  const fields: readonly unknown[] = packed;
  const [runId, node, item, fence, dispatches, workspace, workflow, version, dispatchedAt] = fields;
  if (typeof runId !== "string" || typeof node !== "string") return null;
  if (typeof workspace !== "string" || typeof workflow !== "string") return null;
  if (typeof item !== "number" || typeof fence !== "number" || typeof dispatches !== "number") return null;
  if (typeof version !== "number" || typeof dispatchedAt !== "number") return null;
  return { runId, node, item, fence, dispatches, lane, workspace, workflow, version, dispatchedAt };
}
