/** The idempotency key of a start: what it is stored as, and what its errors say. */
import { createHash } from "node:crypto";
import { canonicalJson } from "../core/definition/normalise.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { KeyRef, StartKey } from "../core/ports/keys.ts";
import { RunExpiredError } from "./run-errors.ts";
import type { NewRun } from "../core/ports/commit.ts";

/** A key belongs to a workflow: two workflows may use the same one. */
function scopeOf(workflow: string): string {
  return `start/${workflow}`;
}

export function keyRef(workspace: string, workflow: string, key: string): KeyRef {
  return { workspace, scope: scopeOf(workflow), key };
}

/** `given`: what the caller passed, before the schema filled in defaults, which another version may fill in otherwise. */
export function startKey(
  workflow: string,
  key: string,
  given: { readonly trigger: string; readonly input: Json },
): StartKey {
  const fingerprint = createHash("sha256").update(canonicalJson(given)).digest("hex");
  return { scope: scopeOf(workflow), key, fingerprint };
}

export function keyConflict(start: NewRun, runId: string): FlowForgeError {
  return new FlowForgeError("idempotency_conflict", {
    ...subjectOf(start),
    expected: `the input of run ${runId}, which has this key`,
    received: "another input or trigger",
    next: "Nothing was stored. Use another key for another start, or runs.getByKey() to find the run.",
  });
}

export function keyInProgress(start: NewRun): FlowForgeError {
  return new FlowForgeError("idempotency_in_progress", {
    ...subjectOf(start),
    next: "Nothing was stored. Commit or roll back the transaction that started a run with this key, and start again.",
  });
}

export function runExpired(start: NewRun, runId: string): FlowForgeError {
  return new RunExpiredError(subjectOf(start).subject, runId);
}

function subjectOf({ workflow, key }: NewRun): { readonly subject: string } {
  return { subject: `idempotency key ${JSON.stringify(key?.key ?? "")} of workflow "${workflow}"` };
}
