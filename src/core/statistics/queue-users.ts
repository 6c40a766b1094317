/** Who uses the queue: what waits and what runs, by workspace and workflow. */
import type { QueuedGroup } from "../ports/statistics.ts";

export interface QueueUser {
  readonly workspace: string;
  readonly workflow: string;
  /** Node runs that can run, and are not in the queue yet. */
  readonly ready: number;
  /** Of the ready ones: those that are held back, because the workspace has no room. */
  readonly held: number;
  /** Node runs that are in the queue. */
  readonly queued: number;
  /** Node runs, and items of maps, that a worker executes. */
  readonly running: number;
  /** Its part of all that runs, from 0 to 1. `null`: nothing runs. */
  readonly share: number | null;
  /** How long the one that has waited longest has waited for a worker, in milliseconds. `null`: none waits. */
  readonly waitingMs: number | null;
}

interface Sum extends Omit<QueueUser, "share" | "waitingMs"> {
  readonly since: number;
}

/** Those with the most work first, and at most `most` of them. `now`: by the same clock as the groups. */
export function queueUsers(
  groups: readonly QueuedGroup[],
  { most, now }: { readonly most: number; readonly now: number },
): readonly QueueUser[] {
  const users = new Map<string, Sum>();
  for (const { workspace, workflow, state, count, held, since } of groups) {
    const key = JSON.stringify([workspace, workflow]);
    const user = users.get(key) ?? { workspace, workflow, ...NOTHING };
    users.set(key, {
      ...user,
      [state]: user[state] + count,
      held: user.held + held,
      since: Math.min(user.since, since ?? Infinity),
    });
  }
  const all = groups.reduce((sum, { state, count }) => sum + (state === "running" ? count : 0), 0);
  return [...users]
    .sort(([a, one], [b, other]) => work(other) - work(one) || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([, { since, ...user }]) => ({
      ...user,
      share: all === 0 ? null : user.running / all,
      waitingMs: since === Infinity ? null : Math.max(0, now - since),
    }));
}

const NOTHING = { ready: 0, held: 0, queued: 0, running: 0, since: Infinity } as const;

function work({ ready, queued, running }: Sum): number {
  return ready + queued + running;
}
