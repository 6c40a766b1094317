import { createHash } from "node:crypto";

/** What makes two tries one intention. The attempt is no part of it. */
export interface Intention {
  readonly workspace: string;
  readonly runId: string;
  readonly node: string;
  readonly item: number;
  readonly generation: number;
  /** What the node shares with other runs. `null`: nothing. */
  readonly shared: { readonly action: string; readonly key: string } | null;
}

/**
 * The key under which an action's effect happens once: the same on every attempt of a node run, another per item and per
 * deliberate rerun. Where the node shares a key with other runs it is the same in all of them. 52 characters, letters and digits, so that it fits every provider's header.
 */
export function idempotencyKey(intention: Intention): string {
  const { workspace, runId, node, item, generation, shared } = intention;
  const place = shared
    ? `${shared.action.length}:${shared.action}=${shared.key}`
    : `${runId}/${node}/${item}`;
  const text = `${workspace.length}:${workspace}/${place}/${generation}`;
  return createHash("sha256").update(text).digest("hex").slice(0, 52);
}
