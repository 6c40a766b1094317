/** What it means that a worker was lost while it ran an attempt: the action's effect class says whether it may run again. */
import { effectOf, type RegisteredAction } from "../actions/registry.ts";
import { classifyFailure, type ClassifiedFailure } from "../core/run/classify.ts";

const LOST = { name: "lease_lost", message: "The worker that ran this attempt was lost.", timedOut: true };

export function lossVerdict(action: RegisteredAction): ClassifiedFailure {
  return classifyFailure(LOST, effectOf(action, undefined));
}
