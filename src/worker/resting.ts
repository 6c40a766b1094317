import type { RunStatus } from "../core/run/state.ts";

const RESTING: ReadonlySet<RunStatus> = new Set(["succeeded", "failed", "cancelled"]);

export function isResting(status: RunStatus): boolean {
  return RESTING.has(status);
}
