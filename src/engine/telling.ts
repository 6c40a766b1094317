/** What a durable turn of a run is told to: those who wait for the run, listeners of the engine and its log. */
import { alertOf } from "../core/alert/alert.ts";
import type { JsonObject } from "../core/json.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { RunHeader } from "../core/ports/stored-run.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import type { Advance } from "../core/run/advance.ts";
import type { ActiveRun } from "../worker/active-run.ts";
import { isResting } from "../worker/resting.ts";
import type { ObservedNode } from "../worker/observer.ts";
import type { Turn } from "../worker/turn.ts";
import type { EngineEvents } from "./engine-events.ts";
import type { Watch } from "./watch.ts";

export interface TellingParts {
  readonly logger: Logger;
  readonly events: EngineEvents;
  readonly watch: Watch;
}

interface Move {
  readonly run: ActiveRun;
  readonly turn: Turn;
  readonly advance: Advance;
}

export function tellMoved(parts: TellingParts, { run, turn, advance }: Move): void {
  const { events, watch } = parts;
  const { status } = advance.state;
  if (!isResting(status)) {
    watch.moved(run.id);
  } else {
    watch.moved(run.id, { status, output: turn.output });
    const { workflow, workspace } = run.identity!;
    events.emit("run.ended", { runId: run.id, workflow, workspace, status });
  }
  if (turn.deadLetters.length > 0) tellDeadLetters(parts, run, turn);
}

function tellDeadLetters({ logger, events }: TellingParts, run: ActiveRun, turn: Turn): void {
  const { workflow, workspace } = run.identity!;
  for (const { node: index, error } of turn.deadLetters) {
    const node = run.plan!.nodes[index]!.id;
    logger.error({ runId: run.id, workflow, workspace, node, error }, "a node run gave up");
    events.emit("node.deadLetter", { runId: run.id, workflow, workspace, node, error });
    const about = { workspace, workflow, runId: run.id, node, details: { error: plainError(error) } };
    events.emit("alert", alertOf({ what: "dead_letter", ...about }));
  }
}

/** An item of a map gave up, and nothing handles it. */
export function tellItemLetter({ logger, events }: Pick<TellingParts, "logger" | "events">) {
  return ({ runId, workflow, workspace, node, item }: ObservedNode, error: ErrorRecord): void => {
    logger.error({ runId, workflow, workspace, node, item, error }, "an item of a map gave up");
    events.emit("node.deadLetter", { runId, workflow, workspace, node, item, error });
  };
}

function plainError({ class: of, message }: ErrorRecord): JsonObject {
  return { class: of, message };
}

/** A run with open dead letters is past its time, and deleted. */
export function tellUnresolved(
  { logger, events }: Pick<TellingParts, "logger" | "events">,
  run: RunHeader,
): void {
  const { id: runId, workflow, workspace, deadLetters, finishedAt } = run;
  const told = { runId, workflow, workspace, deadLetters, finishedAt: finishedAt ?? 0 };
  logger.warn(told, "a run with open dead letters is past its time, and deleted");
  events.emit("run.unresolvedDeleted", told);
}
