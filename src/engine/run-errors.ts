/** What `result()` throws when a run did not succeed. */
import { FlowForgeError } from "../core/errors.ts";
import { OUTPUT_NODE } from "../core/graph/plan.ts";
import type { RunDetail } from "../core/ports/store.ts";
import { isUnresolved } from "../core/run/state.ts";

/** A dead letter of a failed run: open, or closed by a compensation. */
export interface RunFailure {
  readonly node: string;
  readonly attempts: number;
  readonly error: { readonly class: string; readonly message: string };
}

/** The run came to rest with failures that nothing handled. A redrive of its dead letters lets it go on. */
export class RunFailedError extends FlowForgeError {
  readonly runId: string;
  readonly failures: readonly RunFailure[];

  constructor(run: RunDetail) {
    const failures = failuresOf(run);
    super("run_failed", {
      subject: `run ${run.header.id} of workflow "${run.header.workflow}"`,
      received: failures
        .map(({ node, error }) => `node "${node}": ${error.message} (${error.class})`)
        .join("; "),
      next: whatNext(run),
    });
    this.name = "RunFailedError";
    this.runId = run.header.id;
    this.failures = failures;
  }
}

function whatNext({ header, nodes }: RunDetail): string {
  if (header.compensate && header.deadLetters === 0)
    return "What had succeeded was undone, so the run does not go on; start another one.";
  return nodes.some(({ node, error }) => node === OUTPUT_NODE && error?.class === "deadline_exceeded")
    ? "Its time is over, so the run does not go on; rerun it, with more time."
    : "Look at the run's dead letters; redrive them once the cause is mended.";
}

/** The run was cancelled. */
export class RunCancelledError extends FlowForgeError {
  readonly runId: string;

  constructor(run: RunDetail) {
    super("run_cancelled", {
      subject: `run ${run.header.id} of workflow "${run.header.workflow}"`,
      next: "A cancelled run does not go on; start another one.",
    });
    this.name = "RunCancelledError";
    this.runId = run.header.id;
  }
}

/** The idempotency key belongs to a run that has been deleted since. */
export class RunExpiredError extends FlowForgeError {
  readonly runId: string;

  constructor(subject: string, runId: string) {
    super("run_expired", {
      subject,
      received: `the key of run ${runId}`,
      next: "Nothing was stored. The run was there and is not started again; use another key for another start.",
    });
    this.name = "RunExpiredError";
    this.runId = runId;
  }
}

function failuresOf(run: RunDetail): readonly RunFailure[] {
  return run.nodes
    .filter((node) => isUnresolved(node) || node.failure === "compensated")
    .map((node) => ({
      node: node.node,
      attempts: node.attempt,
      error: node.error ?? { class: "unknown", message: "no error was recorded" },
    }));
}
