/** Who uses the queue: what waits and what runs, by workspace and workflow. */
import type { QueuedGroup } from "../ports/statistics.ts";

export interface QueueUser {
  readonly workspace: string;
  readonly workflow: string;
  /** Node runs that can run, and are not in the queue yet. */
  readonly ready: number;
  /** Node runs that are in the queue. */
  readonly queued: number;
  /** Node runs, and items of maps, that a worker executes. */
  readonly running: number;
}

/** Those with the most work first, and at most `most` of them. */
export function queueUsers(groups: readonly QueuedGroup[], most: number): readonly QueueUser[] {
  const users = new Map<string, QueueUser>();
  for (const { workspace, workflow, state, count } of groups) {
    const key = JSON.stringify([workspace, workflow]);
    const user = users.get(key) ?? { workspace, workflow, ready: 0, queued: 0, running: 0 };
    users.set(key, { ...user, [state]: user[state] + count });
  }
  return [...users]
    .sort(([a, one], [b, other]) => work(other) - work(one) || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([, user]) => user);
}

function work({ ready, queued, running }: QueueUser): number {
  return ready + queued + running;
}
