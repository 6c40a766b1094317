/** `workflow.run`: a node that runs another workflow. What it does is done by the engine, which knows it by its name. */
import { z } from "zod";
import { type Action, defineAction } from "../core/definition/action.ts";
import type { Duration } from "../core/definition/document.ts";
import { FlowForgeError } from "../core/errors.ts";
import { RUN_WORKFLOW } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";

export interface WorkflowRun {
  /** Name of the workflow, of the same workspace. */
  readonly workflow: string;
  /** Default: the newest one when the child is started. */
  readonly version?: number | undefined;
  /** Id of the trigger node to start at. Default: the workflow's manual trigger. */
  readonly trigger?: string | undefined;
  /** What the child is started with; it must fit the workflow's input schema. Default `null`. */
  readonly input?: Json | undefined;
  /** As those of `runs.start`. */
  readonly labels?: { readonly [name: string]: string } | undefined;
  /** From the child's start on. Default: the `deadline` of its workflow. */
  readonly deadline?: Duration | undefined;
}

export const workflowRunInput: z.ZodType<WorkflowRun, WorkflowRun> = z.strictObject({
  workflow: z.string().min(1).max(128),
  version: z.int().min(1).optional(),
  trigger: z.string().min(1).max(128).optional(),
  input: z.json().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  deadline: z.union([z.string() as z.ZodType<Duration, Duration>, z.number()]).optional(),
});

/** The id of a child follows from its node, for ever. */
const FOR_EVER = "3650d";

/**
 * Runs another workflow and waits for its end, without holding a worker; its output is that of the run. Every engine has it.
 *
 * A child that fails or is cancelled fails the node with the class `child_failed`, without another attempt. Redriving the node redrives
 * the child's dead letters, and a child that succeeds later resolves the node's. `newKey` starts another child.
 */
export const workflowRun: Action<WorkflowRun, unknown, WorkflowRun, Json> = defineAction({
  name: RUN_WORKFLOW,
  target: null,
  description: "Runs another workflow, and waits for its end.",
  input: workflowRunInput,
  effect: { kind: "idempotent", keyLifetime: FOR_EVER },
  run: () => {
    throw new FlowForgeError("internal", {
      subject: `the action "${RUN_WORKFLOW}"`,
      received: "a call, though the engine itself runs children",
      next: "Please report it.",
    });
  },
});
