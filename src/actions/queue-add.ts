/** `queue.add`: hands work to BullMQ workers of the host's own. */
import { z } from "zod";
import { type Action, defineAction } from "../core/definition/action.ts";
import { queuedJob, type QueuedJob } from "./job-request.ts";

export interface AddedJob {
  readonly queue: string;
  readonly id: string;
}

const added: z.ZodType<AddedJob, AddedJob> = z.object({ queue: z.string(), id: z.string() });

/**
 * Adds a job to a queue that the engine's option `queues` allows; elsewhere it fails for good with `queue_not_allowed`. It does not wait for
 * the job.
 *
 * The job's id is made of the node's idempotency key: while a job of that id is there, in whatever state, a repeated attempt adds no other. It is
 * kept for at least 24 hours after its end, which is the time for which the class `idempotent` holds; whoever removes it by hand, or empties Redis,
 * ends that.
 */
export const queueAdd: Action<QueuedJob, AddedJob> = defineAction({
  name: "queue.add",
  target: null,
  description: "Adds a job to a BullMQ queue of the host.",
  input: queuedJob,
  output: added,
  effect: "idempotent",
  timeout: "30s",
  run: async ({ input, addJob }) => ({ queue: input.queue, ...(await addJob(input)) }),
});
