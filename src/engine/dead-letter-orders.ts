/** What is asked of one dead letter, checked against its node before it is sent: a message for its run, or a refusal. */
import { type ActionRegistry, effectOf, type RegisteredAction } from "../actions/registry.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Plan, PlanNode } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { DeadLetter } from "../core/ports/dead-letter.ts";
import type { InboxMessage } from "../core/ports/message.ts";
import { outcomesOf } from "../core/run/operators.ts";
import type { ValueLimits } from "../core/values.ts";
import type { LetterBody } from "../worker/intent.ts";
import { listIssues } from "../worker/prepare.ts";
import { checkedValue } from "./checked-value.ts";
import { runTooLarge } from "./message-size.ts";

/** Where the action is not known here. */
const KEY_LIFETIME_MS = 24 * 60 * 60_000;

export type Order =
  | {
      readonly kind: "redrive";
      readonly newKey: boolean;
      readonly force: boolean;
      readonly by: string | null;
      readonly input?: unknown;
      readonly version?: number | "latest" | undefined;
    }
  | {
      readonly kind: "complete";
      readonly output: unknown;
      readonly outcome: string | undefined;
      readonly by: string | null;
    }
  | { readonly kind: "discard"; readonly by: string | null };

export interface OrderContext {
  readonly plan: Plan | null;
  readonly registry: ActionRegistry;
  readonly limits: ValueLimits;
  /** Milliseconds since 1970 by the store's clock. */
  readonly now: number;
  /** The version that the run goes on with, which has this `plan`. Default: the one that it has. */
  readonly version?: number | undefined;
}

/** Throws the reason why it cannot be done. */
export function messageOf(letter: DeadLetter, order: Order, context: OrderContext): LetterBody {
  const { node, item, fence } = letter;
  const target = { node, item, fence, by: order.by };
  switch (order.kind) {
    case "discard":
      return { kind: "discard", ...target };
    case "complete":
      return { kind: "complete", ...completion(letter, order, context), ...target };
    case "redrive":
      assertSafe(letter, order, context);
      return {
        kind: "redrive",
        newKey: order.newKey,
        ...(context.version === undefined ? {} : { version: context.version }),
        ...editedInput(letter, order, context),
        ...target,
      };
  }
}

/** What the message brings that is stored. */
export function valueOf(body: LetterBody): Json | undefined {
  if (body.kind === "discard") return undefined;
  return body.kind === "complete" ? body.output : body.input;
}

/** The run has no room for the value. */
export function noRoomFor(letter: DeadLetter, message: InboxMessage): FlowForgeError {
  return runTooLarge(message, `the value for ${subjectOf(letter)}`, null);
}

function nodeOf(letter: DeadLetter, { plan }: OrderContext): PlanNode | undefined {
  const index = plan?.indexOf.get(letter.node);
  return index === undefined ? undefined : plan!.nodes[index];
}

function actionOf(letter: DeadLetter, context: OrderContext): RegisteredAction | undefined {
  const node = nodeOf(letter, context);
  return node?.kind === "action" ? context.registry.get(node.action) : undefined;
}

/** A key protects while the receiver remembers it. A new one, or one that is forgotten, makes an unknown outcome a second effect. */
function assertSafe(letter: DeadLetter, order: Order & { kind: "redrive" }, context: OrderContext): void {
  if (order.force || nodeOf(letter, context)?.kind !== "action") return;
  const action = actionOf(letter, context);
  const effect = action && effectOf(action, letter.input);
  if (effect === "readonly" || effect === "transactional") return;
  const isNewKey = order.newKey || order.input !== undefined;
  const { firstAttemptAt } = letter;
  const keyLifetimeMs = action?.keyLifetimeMs ?? KEY_LIFETIME_MS;
  const isForgotten = firstAttemptAt !== null && context.now - firstAttemptAt > keyLifetimeMs;
  const isUnknown = letter.error.class === "outcome_unknown";
  if (isNewKey ? !isUnknown : !isForgotten) return;
  throw new FlowForgeError("redrive_unsafe", {
    subject: subjectOf(letter),
    received: isNewKey
      ? "a new idempotency key for an attempt whose outcome nobody knows"
      : `an idempotency key whose first use is more than ${keyLifetimeMs / 1_000} seconds ago`,
    next: "Look whether the effect has happened: complete or discard it then. Else redrive it with force: true.",
  });
}

function editedInput(
  letter: DeadLetter,
  { input }: Order & { kind: "redrive" },
  context: OrderContext,
): { readonly input?: Json } {
  if (input === undefined) return {};
  if (nodeOf(letter, context)?.kind !== "action")
    throw wrongOption(letter, "input", "none: only actions have an input");
  const value = checkedValue(input, context.limits, `the input of node "${letter.node}"`);
  const parsed = actionOf(letter, context)?.action.input?.safeParse(value);
  if (parsed && !parsed.success) throw doesNotFit("input_invalid", letter, listIssues(parsed.error.issues));
  // As it came: the worker that claims the node takes it through the schema, once.
  return { input: value };
}

function completion(
  letter: DeadLetter,
  order: Order & { kind: "complete" },
  context: OrderContext,
): { readonly output: Json; readonly outcome?: string } {
  const node = nodeOf(letter, context);
  const { outcome } = order;
  const outcomes = node?.kind === "condition" || node?.kind === "wait" ? outcomesOf(node) : [];
  if (outcomes.length > 0 && (outcome === undefined || !outcomes.includes(outcome)))
    throw wrongOption(letter, "outcome", `one of ${outcomes.join(", ")}`);
  if (outcomes.length === 0 && outcome !== undefined)
    throw wrongOption(letter, "outcome", "none: only conditions and waits are completed with one");
  const parsed = actionOf(letter, context)?.action.output?.safeParse(order.output);
  if (parsed && !parsed.success) throw doesNotFit("output_invalid", letter, listIssues(parsed.error.issues));
  const value = parsed ? parsed.data : (order.output ?? null);
  const output = checkedValue(value, context.limits, `the output of node "${letter.node}"`);
  return { output, ...(outcome === undefined ? {} : { outcome }) };
}

export function alreadyResolved(letter: DeadLetter): FlowForgeError {
  if (letter.resolution === "compensated") {
    return new FlowForgeError("run_compensating", {
      subject: subjectOf(letter),
      received: "one that was closed, because the run is undone or was undone",
      next: "Nothing was done. Start another run.",
    });
  }
  const by = letter.resolvedBy === null ? "" : ` by ${letter.resolvedBy}`;
  return new FlowForgeError("dead_letter_resolved", {
    subject: subjectOf(letter),
    received: `one that was ${letter.resolution ?? "resolved"}${by}`,
    next: "Nothing was done. List the open dead letters of the run to see whether it has another one.",
  });
}

/** It was sent, and the dead letter is open all the same. */
export function notTaken(letter: DeadLetter, reason: string): FlowForgeError {
  return new FlowForgeError("dead_letter_refused", {
    subject: subjectOf(letter),
    received: reason,
    next: "Look at the run. A cancelled run's dead letters can be completed or discarded, and are never run again.",
  });
}

function wrongOption(letter: DeadLetter, option: string, expected: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: `option "${option}" for ${subjectOf(letter)}`,
    expected,
    next: "Nothing was done. Correct the option.",
  });
}

function doesNotFit(
  code: "input_invalid" | "output_invalid",
  letter: DeadLetter,
  received: string,
): FlowForgeError {
  return new FlowForgeError(code, {
    subject: `the value for ${subjectOf(letter)}`,
    expected: "a value that fits the action's schema",
    received,
    next: "Nothing was done. Correct the value.",
  });
}

export function subjectOf({ id, node, runId }: DeadLetter): string {
  return `dead letter ${id} (node "${node}" of run ${runId})`;
}
