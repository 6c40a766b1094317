/** What may be asked for a job of the host's own queues. */
import { z } from "zod";
import type { Duration } from "../core/definition/document.ts";
import { tryParseDuration } from "../core/definition/duration.ts";
import type { JobRequest } from "../core/definition/outgoing.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { HostJobOptions } from "../core/ports/host-queues.ts";

/** What a workflow passes to `queue.add`: see `JobRequest`. */
export type QueuedJob = Omit<JobRequest, "data" | "part"> & { readonly data?: Json | undefined };

const DAY_MS = 24 * 60 * 60_000;
const YEAR_MS = 365 * DAY_MS;

const duration = (leastMs: number, expected: string): z.ZodType<Duration, Duration> =>
  (z.union([z.string(), z.number()]) as z.ZodType<Duration, Duration>).refine((value) => {
    const ms = tryParseDuration(value);
    return ms !== null && ms >= leastMs && ms <= YEAR_MS;
  }, expected);
const pause = duration(0, "a duration of at most 365d");
const retention = duration(DAY_MS, "a duration from 24h to 365d");

const fields = {
  // Neither BullMQ nor the names of queues know a colon.
  queue: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^:\p{Cc}]+$/u, "no colon and no control characters"),
  name: z.string().min(1).max(200),
  delay: pause.optional(),
  priority: z.int().min(0).max(2_097_151).optional(),
  attempts: z.int().min(1).max(1_000).optional(),
  backoff: z.strictObject({ type: z.enum(["fixed", "exponential"]), delay: pause }).optional(),
  keepCompleted: retention.optional(),
  keepFailed: retention.optional(),
};

export const queuedJob: z.ZodType<QueuedJob, QueuedJob> = z.strictObject({
  ...fields,
  data: z.json().optional(),
});

const jobRequest = z.strictObject({
  ...fields,
  data: z.unknown().optional(),
  part: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .optional(),
});

/** Throws `option_invalid`. */
export function checkJobRequest(request: unknown): void {
  const issue = jobRequest.safeParse(request).error?.issues[0];
  if (!issue) return;
  throw new FlowForgeError("option_invalid", {
    subject: `a job, "${issue.path.join(".")}"`,
    expected: issue.message,
    next: "Correct it.",
  });
}

/** In numbers. */
export function jobOptions(request: JobRequest): HostJobOptions {
  const {
    delay = 0,
    priority = 0,
    attempts = 1,
    backoff,
    keepCompleted = "24h",
    keepFailed = "30d",
  } = request;
  return {
    delayMs: tryParseDuration(delay)!,
    priority,
    attempts,
    backoff: backoff ? { type: backoff.type, delayMs: tryParseDuration(backoff.delay)! } : null,
    keepCompletedMs: tryParseDuration(keepCompleted)!,
    keepFailedMs: tryParseDuration(keepFailed)!,
  };
}
