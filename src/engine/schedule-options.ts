/** The options of `engine.schedules`, as a host passes them, and what they name. */
import { z } from "zod";
import type { Duration } from "../core/definition/document.ts";
import { fits, NAME } from "../core/definition/names.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { SchedulePlace } from "../core/ports/schedules.ts";
import { inWorkspaceSchema, type InWorkspace, workspaceOf } from "./call-options.ts";
import type { TimeInput } from "./start-time.ts";

/** Which schedule: that of a trigger node of a workflow, or the one that was set under a name. */
export type ScheduleOf = OfTrigger | NamedScheduleOf;

interface OfTrigger extends InWorkspace {
  readonly workflow: string;
  /** Id of the trigger node. */
  readonly trigger: string;
  readonly name?: undefined;
}

export interface NamedScheduleOf extends InWorkspace {
  readonly workflow: string;
  /** Within the workflow. */
  readonly name: string;
  readonly trigger?: undefined;
}

export interface ListSchedulesOptions extends InWorkspace {
  /** Only those of this workflow. */
  readonly workflow?: string | undefined;
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

export type BackfillOptions = ScheduleOf & {
  /** Ticks from this time on ... */
  readonly from: TimeInput;
  /** ... and before this one. */
  readonly to: TimeInput;
};

/** A schedule to be. Exactly one of `cron`, `every` and `at`; what the fields mean, `ScheduleSource` says. */
export interface SetScheduleOptions extends InWorkspace {
  readonly workflow: string;
  /** Within the workflow: letters, digits, ., -, _ and /, beginning with a letter or digit, at most 128 characters. */
  readonly name: string;
  /** Id of the trigger node at which its runs start. Default: the manual trigger. */
  readonly trigger?: string | undefined;
  /** What its runs are started with; must fit the workflow's input schema now. Default: `{ firedAt }`, the time of the tick. */
  readonly input?: unknown;
  /** Of its runs; at most 32. */
  readonly labels?: { readonly [name: string]: string } | undefined;
  readonly cron?: string | undefined;
  readonly timeZone?: string | undefined;
  readonly every?: Duration | undefined;
  /** Must be still to come, unless the schedule is there with this time already. */
  readonly at?: string | Date | undefined;
  readonly overlap?: "allow" | "skip" | "queue" | "cancelPrevious" | undefined;
  readonly catchUp?: "none" | "one" | "all" | undefined;
  readonly catchUpWindow?: Duration | undefined;
  readonly jitter?: Duration | undefined;
}

/** How many ticks a call looks at. */
export const MAX_TICKS = 1_000;

const workflow = z.string().min(1).max(128);
const duration = z.union([z.string(), z.number()]).optional();
export const ofSchema: z.ZodObject = inWorkspaceSchema.extend({
  workflow,
  trigger: z.string().min(1).max(128).optional(),
  name: z.string().min(1).max(128).optional(),
});
export const nextSchema: z.ZodObject = ofSchema.extend({ count: z.int().min(1).max(MAX_TICKS) });
export const backfillSchema: z.ZodObject = ofSchema.extend({ from: z.unknown(), to: z.unknown() });
export const listSchema: z.ZodObject = inWorkspaceSchema.extend({
  workflow: workflow.optional(),
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});
export const setSchema: z.ZodObject = inWorkspaceSchema.extend({
  workflow,
  name: z.string().refine((name) => fits(NAME, name), NAME.words),
  trigger: z.string().min(1).max(128).optional(),
  input: z.unknown().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  cron: z.string().min(1).optional(),
  timeZone: z.string().min(1).optional(),
  every: duration,
  at: z.union([z.string(), z.date()]).optional(),
  overlap: z.enum(["allow", "skip", "queue", "cancelPrevious"]).optional(),
  catchUp: z.enum(["none", "one", "all"]).optional(),
  catchUpWindow: duration,
  jitter: duration,
});

/** No id of a node begins with it. */
const MARK = "@";

/** Throws `option_invalid`. */
export function placeIn(options: ScheduleOf, call: string, schema: z.ZodObject = ofSchema): SchedulePlace {
  const workspace = workspaceOf(options, call, schema);
  const { workflow: of, trigger, name } = options;
  if ((trigger === undefined) === (name === undefined)) {
    throw new FlowForgeError("option_invalid", {
      subject: `options "trigger" and "name" of ${call}`,
      expected: "exactly one of them",
      received: trigger === undefined ? "neither" : "both",
      next: "Give the id of the trigger node, or the name under which the schedule was set.",
    });
  }
  return { workspace, workflow: of, node: trigger ?? nodeOfName(name!) };
}

/** What stands in the place of a node for a schedule of this name. */
export function nodeOfName(name: string): string {
  return MARK + name;
}

export function partsOfNode(
  node: string,
): { readonly trigger: string; readonly name: null } | { readonly trigger: null; readonly name: string } {
  return node.startsWith(MARK) ? { trigger: null, name: node.slice(1) } : { trigger: node, name: null };
}
