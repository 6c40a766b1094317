/** Limits of workspaces as a host passes them: sets with names in the engine's options, and what is set for one workspace. */
import { z } from "zod";
import { FlowForgeError } from "../core/errors.ts";
import { didYouMean } from "../core/suggestion.ts";
import { limitsSchema, type SetLimits, setLimitsSchema } from "../core/limits/limits-schema.ts";
import { layerOf, type LimitsLayer, type WorkspaceLimits } from "../core/limits/workspace-limits.ts";
import { checkOptions } from "./check-options.ts";

export interface WorkspacesOptions {
  /** Sets of limits, by name: what `workspaces.setLimits(workspace, { plan })` gives a workspace. The same in every engine. */
  readonly plans?: { readonly [plan: string]: WorkspaceLimits } | undefined;
  /** For workspaces of which nothing else is said: limits, or the name of a plan. Default: only what `queued` is by default. */
  readonly default?: WorkspaceLimits | string | undefined;
}

export interface WorkspaceRules {
  readonly plans: ReadonlyMap<string, LimitsLayer>;
  /** Of whom nothing else is said. */
  readonly base: LimitsLayer;
}

const PLAN = /^[A-Za-z0-9_.-]{1,64}$/;

/** Of the option `workspaces`. What stands in a set of limits is checked by `parseWorkspaces`. */
export const workspacesSchema: z.ZodObject = z.strictObject({
  plans: z.record(z.string().regex(PLAN), z.looseObject({})).optional(),
  default: z.union([z.string(), z.looseObject({})]).optional(),
});

/** Throws `option_invalid` and `duration_invalid`. */
export function parseWorkspaces(options: WorkspacesOptions = {}): WorkspaceRules {
  const { plans = {}, default: base = {} } = options;
  const layers = new Map(
    Object.entries(plans).map(([plan, limits]) => [plan, checkedLayer(limits, `workspaces.plans.${plan}`)]),
  );
  if (typeof base !== "string") return { plans: layers, base: checkedLayer(base, "workspaces.default") };
  return { plans: layers, base: planOf(layers, base, 'option "workspaces.default"') };
}

/** Throws `option_invalid` and `duration_invalid`. */
export function checkSetLimits(limits: SetLimits, { plans }: WorkspaceRules): void {
  const call = "workspaces.setLimits";
  checkOptions(setLimitsSchema, limits, call);
  const { plan, ...own } = limits;
  layerOf(own, call);
  if (plan !== undefined) planOf(plans, plan, `option "plan" of ${call}`);
}

function checkedLayer(limits: WorkspaceLimits, name: string): LimitsLayer {
  checkOptions(limitsSchema, limits, name);
  return layerOf(limits, name);
}

function planOf(plans: ReadonlyMap<string, LimitsLayer>, plan: string, subject: string): LimitsLayer {
  const known = plans.get(plan);
  if (known) return known;
  const names = [...plans.keys()];
  throw new FlowForgeError("option_invalid", {
    subject,
    expected:
      names.length > 0
        ? `one of ${names.join(", ")}`
        : "a plan of the option workspaces.plans, which has none",
    received: JSON.stringify(plan.slice(0, 80)),
    next: `Add it to the option workspaces.plans, or correct its name.${didYouMean(plan, names)}`,
  });
}
