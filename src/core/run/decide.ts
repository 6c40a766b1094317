/** What the reducer decides by expressions: the outcome of a condition, when a wait is due, whether an event matches. */
import type { CompiledExpression, NodeScope, Reference, Scope } from "../expression/expression.ts";
import { Steps } from "../expression/steps.ts";
import { parseTime } from "../graph/until.ts";
import type { PlanCondition, PlanWait } from "../graph/plan.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Draft } from "./draft.ts";
import type { ErrorRecord } from "./event.ts";

export type Decided<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorRecord };

/** The first case that is true names the outcome. All of them share the steps of one expression. */
export function decideCondition(draft: Draft, node: PlanCondition): Decided<string> {
  const steps = new Steps();
  for (const { outcome, when } of node.cases) {
    const result = attempt(() => when.evaluate(scopeOf(draft, when.references), steps));
    if (!result.ok) return result;
    if (typeof result.value !== "boolean")
      return fail(`${when.source}: a condition must be true or false, not ${typeName(result.value)}.`);
    if (result.value) return { ok: true, value: outcome };
  }
  return { ok: true, value: "else" };
}

/** How long a wait that is entered now lasts in milliseconds; `null`: until its message comes. */
export function dueOf(draft: Draft, { for: wait }: PlanWait): Decided<number | null> {
  if (wait.type === "duration") return { ok: true, value: wait.ms };
  if (wait.type !== "until") return { ok: true, value: wait.timeoutMs };
  const { at } = wait;
  const result = attempt(() => at.render(scopeOf(draft, at.references)));
  if (!result.ok) return result;
  const time = parseTime(result.value);
  if (time === null)
    return fail(
      `"until" must be a time: ISO 8601 with a zone, or milliseconds since 1970, not ${typeName(result.value)}.`,
    );
  return { ok: true, value: Math.max(0, Math.ceil(time - draft.now)) };
}

/** A `match` that fails, or is anything but true, is no match. */
export function eventMatches(draft: Draft, match: CompiledExpression | null, event: JsonObject): boolean {
  if (!match) return true;
  const result = attempt(() => match.evaluate({ ...scopeOf(draft, match.references), event }));
  return result.ok && result.value === true;
}

function scopeOf(draft: Draft, references: readonly Reference[]): Scope {
  const { input, trigger, run } = draft.values;
  const nodes = Object.create(null) as Record<string, NodeScope>;
  for (const { node } of references) if (node !== undefined) nodes[node] = nodeScope(draft, node);
  return { input, trigger, run, nodes };
}

function nodeScope(draft: Draft, id: string): NodeScope {
  const index = draft.plan.indexOf.get(id);
  if (index === undefined) return { status: "pending", output: null, error: null };
  const { status } = draft.node(index);
  const { outputs, errors } = draft.values;
  return {
    status,
    output: status === "succeeded" ? (outputs.get(index) ?? null) : null,
    error: status === "failed" ? (errors.get(index) ?? null) : null,
  };
}

function attempt(evaluate: () => Json): Decided<Json> {
  try {
    return { ok: true, value: evaluate() };
  } catch (error) {
    // Whatever an expression throws fails its node: the reducer itself never throws.
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function fail(message: string): { readonly ok: false; readonly error: ErrorRecord } {
  return { ok: false, error: { class: "expression", message } };
}

function typeName(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
