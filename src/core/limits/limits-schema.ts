/** What a set of limits may say, checked the same wherever it comes from: the engine's options, a call, or HTTP. */
import { z } from "zod";
import { LIMIT_FIELDS, type LimitField } from "./limit-fields.ts";
import type { WorkspaceLimits } from "./workspace-limits.ts";

/** Limits of one workspace. What it does not say is as the plan says, and then as the option `workspaces.default`. */
export interface SetLimits extends WorkspaceLimits {
  /** A name among the option `workspaces.plans`. Default: none. */
  readonly plan?: string | undefined;
}

const fields: Record<string, z.ZodType> = Object.fromEntries(
  Object.entries(LIMIT_FIELDS).map(([name, field]) => [name, schemaOf(field)]),
);

/** Of a plan, or of the option `workspaces.default`. */
export const limitsSchema: z.ZodObject = z.strictObject(fields);

/** Of what is set for one workspace. */
export const setLimitsSchema: z.ZodObject = z.strictObject({ ...fields, plan: z.string().optional() });

function schemaOf({ kind, most, nullable, what }: LimitField): z.ZodType {
  const count = z.int().min(1).max(most);
  const schema =
    kind === "count"
      ? count
      : z.strictObject({
          limit: count,
          per: z.union([z.string(), z.number()]).optional(),
          burst: count.optional(),
        });
  return (nullable ? schema.nullable() : schema).optional().describe(what);
}
