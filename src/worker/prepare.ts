/** Makes a node's input from its template, and checks it against the action's schema, before the claim is committed. */
import type { CompiledTemplate, NodeScope, Scope } from "../core/expression/expression.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Plan } from "../core/graph/plan.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import type { NodeState } from "../core/run/state.ts";
import { checkValue, type ValueLimits } from "../core/values.ts";
import type { RegisteredAction } from "../actions/registry.ts";

/** What a worker knows of a run's values. Outputs and errors by node id, as far as they were needed here. */
export interface RunData {
  readonly input: Json;
  readonly trigger: Json;
  readonly run: JsonObject;
  readonly outputs: Map<string, Json>;
  readonly errors: Map<string, Json>;
}

export type Prepared =
  | { readonly ok: true; readonly value: Json; readonly bytes: number }
  | { readonly ok: false; readonly error: ErrorRecord };

export interface RenderContext {
  readonly plan: Plan;
  /** The state of a node at this moment of the turn. */
  readonly node: (index: number) => NodeState;
  readonly data: RunData;
  readonly limits: ValueLimits;
}

/** Outputs that the template reads and that are not here yet. */
export function missingOutputs(template: CompiledTemplate, context: RenderContext): readonly string[] {
  const missing: string[] = [];
  for (const reference of template.references) {
    const id = reference.node;
    if (id === undefined || context.data.outputs.has(id)) continue;
    const index = context.plan.indexOf.get(id);
    if (index !== undefined && context.node(index).status === "succeeded") missing.push(id);
  }
  return missing;
}

/** Renders a template on the run's data. */
export function render(template: CompiledTemplate, context: RenderContext): Prepared {
  let value: Json;
  try {
    value = template.render(scopeFor(template, context));
  } catch (error) {
    if (!FlowForgeError.is(error)) throw error;
    return { ok: false, error: { class: "expression", message: error.message } };
  }
  return checked(value, context.limits, "the rendered value");
}

/** The input of an action: rendered, then parsed by its schema. What comes out is what is stored and what the action gets. */
export function prepareInput(
  template: CompiledTemplate,
  action: RegisteredAction,
  context: RenderContext,
): Prepared {
  const rendered = render(template, context);
  return rendered.ok && action.action.input ? acceptInput(rendered.value, action, context.limits) : rendered;
}

/** A value as the action takes it: parsed by its schema, where it has one. */
export function acceptInput(value: Json, action: RegisteredAction, limits: ValueLimits): Prepared {
  if (!action.action.input) return checked(value, limits, "the input");
  const parsed = action.action.input.safeParse(value);
  if (parsed.success) return checked(parsed.data, limits, "the parsed input");
  const message = `The input of action "${action.action.name}" does not fit its schema: ${listIssues(parsed.error.issues)}`;
  return { ok: false, error: { class: "invalid_input", message } };
}

export function listIssues(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): string {
  return issues
    .slice(0, 10)
    .map(
      (issue) =>
        `${issue.path.length > 0 ? issue.path.map(String).join(".") : "(whole value)"}: ${issue.message}`,
    )
    .join("; ");
}

function checked(value: unknown, limits: ValueLimits, what: string): Prepared {
  const result = checkValue(value, limits);
  if (result.ok) return result;
  const at = result.problem.path.length > 0 ? ` at ${result.problem.path.join(".")}` : "";
  return { ok: false, error: { class: "invalid_value", message: `${what}${at} ${result.problem.message}` } };
}

function scopeFor(template: CompiledTemplate, context: RenderContext): Scope {
  const { data } = context;
  const nodes: Record<string, NodeScope> = Object.create(null) as Record<string, NodeScope>;
  for (const { node } of template.references) {
    if (node !== undefined && !(node in nodes)) nodes[node] = nodeScope(node, context);
  }
  return { input: data.input, trigger: data.trigger, run: data.run, nodes };
}

function nodeScope(id: string, context: RenderContext): NodeScope {
  const index = context.plan.indexOf.get(id);
  const status = index === undefined ? "pending" : context.node(index).status;
  return {
    status,
    output: status === "succeeded" ? (context.data.outputs.get(id) ?? null) : null,
    error: status === "failed" ? (context.data.errors.get(id) ?? null) : null,
  };
}
