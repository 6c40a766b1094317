import { createHash } from "node:crypto";

/** What makes two tries one intention. The attempt is no part of it. */
export interface Intention {
  readonly workspace: string;
  readonly runId: string;
  readonly node: string;
  readonly item: number;
  readonly generation: number;
}

/**
 * The key under which an action's effect happens once: the same on every attempt of a node run, another per item and per
 * deliberate rerun. 52 characters, letters and digits, so that it fits every provider's header.
 */
export function idempotencyKey(intention: Intention): string {
  const { workspace, runId, node, item, generation } = intention;
  const text = `${workspace.length}:${workspace}/${runId}/${node}/${item}/${generation}`;
  return createHash("sha256").update(text).digest("hex").slice(0, 52);
}
