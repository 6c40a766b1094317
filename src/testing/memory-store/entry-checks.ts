/** What a caller of the store must not do. */
import { FlowForgeError } from "../../core/errors.ts";
import type { CommitEntry } from "../../core/ports/commit.ts";

export function assertDistinct(entries: readonly CommitEntry[]): void {
  const seen = new Set<string>();
  for (const { runId } of entries) {
    if (!seen.has(runId)) {
      seen.add(runId);
      continue;
    }
    throw new FlowForgeError("internal", {
      subject: `run "${runId}"`,
      received: "two entries of one batch for the same run",
      next: "Please report this with the version of FlowForge.",
    });
  }
}

export function foreignEntry(asked: string, runId: string): FlowForgeError {
  return new FlowForgeError("internal", {
    subject: "the locked path",
    expected: `an entry for run "${asked}"`,
    received: `one for "${runId}"`,
    next: "Return an entry for the run that was asked for.",
  });
}
