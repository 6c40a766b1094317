/** The door to the host's own queues: who writes workflows may be a stranger, and reaches only what the host has allowed. */
import { FlowForgeError } from "../core/errors.ts";
import type { HostQueues } from "../core/ports/host-queues.ts";
import type { Outgoing } from "../worker/outgoing.ts";
import type { QueueRules } from "./queue-options.ts";

/** `rules`: `null` allows nothing. What it gives throws `queue_not_allowed`. */
export function hostDoor(rules: QueueRules | null, queues: HostQueues): Outgoing["addJob"] {
  return async ({ workspace, workflow, runId, node, ...job }) => {
    const { queue } = job;
    // Only `true`: a function that gives nothing allows nothing.
    if ((await rules?.allow({ queue, workspace, workflow, runId, node })) === true) return queues.add(job);
    throw new FlowForgeError("queue_not_allowed", {
      subject: `queue ${JSON.stringify(queue.slice(0, 80))} for node "${node}" in workspace "${workspace}"`,
      next: rules
        ? "Where it is meant, let the host name it in the engine's option queues.allow."
        : 'Let the host allow it: createEngine({ queues: { allow: ["emails"] } }).',
    });
  };
}
