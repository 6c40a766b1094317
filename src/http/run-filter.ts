/** Which runs are meant, where many are. */
import { z } from "zod";
import { FlowForgeError } from "../core/errors.ts";
import type { RunQuery } from "../index.ts";
import { errorText, labels, name, time } from "./fields.ts";

export const STATUSES = [
  "queued",
  "running",
  "waiting",
  "paused",
  "cancelling",
  "compensating",
  "succeeded",
  "failed",
  "cancelled",
] as const;

const shape = {
  workflow: name.optional(),
  status: z.array(z.enum(STATUSES)).max(STATUSES.length).optional(),
  labels: labels.optional(),
  parent: name.optional(),
  error: errorText.optional(),
  createdAfter: time.optional(),
  createdBefore: time.optional(),
};

/** At least one part: what was left away by mistake must not mean all. */
export const runFilter: z.ZodType<Omit<RunQuery, "workspace">> = z
  .strictObject(shape)
  .refine((filter) => Object.keys(filter).length > 0, "at least one part of the filter");

export function noRun(id: string): FlowForgeError {
  return new FlowForgeError("run_not_found", {
    subject: `run ${JSON.stringify(id.slice(0, 80))}`,
    next: "Look at GET /runs.",
  });
}
