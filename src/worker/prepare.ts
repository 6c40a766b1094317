/** Makes a node's input from its template, and checks it against the action's schema, before the claim is committed. */
import { computedFields } from "../core/definition/constants.ts";
import type { CompiledTemplate, NodeScope, Scope } from "../core/expression/expression.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Plan, PlanMap, PlanNode } from "../core/graph/plan.ts";
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

/** Of one map. */
const MAX_ITEMS = 100_000;

export type Prepared =
  | { readonly ok: true; readonly value: Json; readonly bytes: number }
  | { readonly ok: false; readonly error: ErrorRecord };

export interface RenderContext {
  readonly plan: Plan;
  /** The state of a node at this moment of the turn. */
  readonly node: (index: number) => NodeState;
  readonly data: RunData;
  readonly limits: ValueLimits;
  /** Of a map, where the template is for one of its items. */
  readonly item?: { readonly value: Json; readonly index: number };
  /** The map of which such an item is undone, and what that item gave. */
  readonly undone?: { readonly node: string; readonly output: Json };
}

const NOTHING: Pick<CompiledTemplate, "references"> = { references: [] };

/** What is made when the node begins: its input, its list, or the output of the run. */
export function readBy(node: PlanNode): Pick<CompiledTemplate, "references"> {
  if (node.kind === "output") return node.template;
  if (node.kind !== "action") return NOTHING;
  const { references } = node.map ? (node.map.list ?? NOTHING) : node.input;
  return { references: node.key ? [...references, ...node.key.references] : references };
}

/** Outputs that the template reads and that are not here yet. */
export function missingOutputs(
  template: Pick<CompiledTemplate, "references">,
  context: RenderContext,
): readonly string[] {
  const missing: string[] = [];
  for (const reference of template.references) {
    const id = reference.node;
    if (id === undefined || id === context.undone?.node || context.data.outputs.has(id)) continue;
    const index = context.plan.indexOf.get(id);
    if (index !== undefined && context.node(index).status === "succeeded") missing.push(id);
  }
  return missing;
}

/** Renders a template on the run's data. */
export function render(template: CompiledTemplate, context: RenderContext): Prepared {
  return evaluated(template, context, (scope) => template.render(scope));
}

/** The list of a map; `null` where it undoes another one. Whatever is wrong with it is of class `expression`, as it is with an expression that fails. */
export function makeList(
  { list }: PlanMap,
  { action, effect }: RegisteredAction,
  context: RenderContext,
): Prepared {
  // Its result would have to be part of a commit of the run, which items are not.
  if (effect === "transactional")
    return refused(`The action "${action.name}" is transactional, and cannot run once per item.`);
  if (!list) return { ok: true, value: null, bytes: 0 };
  const made = evaluated(list, context, (scope) => list.evaluate(scope));
  if (!made.ok) return made;
  const { value } = made;
  if (!Array.isArray(value))
    return refused(
      `\`${list.source}\` must yield a list, not ${value === null ? "null" : `a ${typeof value}`}.`,
    );
  return value.length > MAX_ITEMS
    ? refused(`The list has ${value.length} items; at most ${MAX_ITEMS} are possible.`)
    : made;
}

function refused(message: string): Prepared {
  return { ok: false, error: { class: "expression", message } };
}

function evaluated(
  source: Pick<CompiledTemplate, "references">,
  context: RenderContext,
  evaluate: (scope: Scope) => Json,
): Prepared {
  const tooLarge = unreadable(source, context);
  if (tooLarge) return { ok: false, error: { class: "invalid_value", message: tooLarge } };
  let value: Json;
  try {
    value = evaluate(scopeFor(source, context));
  } catch (error) {
    if (!FlowForgeError.is(error)) throw error;
    return { ok: false, error: { class: "expression", message: error.message } };
  }
  return checked(value, context.limits, "the rendered value");
}

/** Lists of maps that were found to be values: they are looked at once, however many items read them. */
const READABLE = new WeakSet<object>();

/** The outputs of maps are put together from what their items gave, and may be larger than a value can be. */
function unreadable(
  { references }: Pick<CompiledTemplate, "references">,
  { plan, data, limits, undone }: RenderContext,
): string | null {
  for (const { node: id, member } of references) {
    const node = id === undefined ? undefined : plan.nodes[plan.indexOf.get(id) ?? -1];
    if (
      node?.kind !== "action" ||
      node.map === null ||
      id === undone?.node ||
      member === "status" ||
      member === "error"
    )
      continue;
    const output = data.outputs.get(node.id);
    if (typeof output !== "object" || output === null || READABLE.has(output)) continue;
    const result = checkValue(output, limits);
    if (!result.ok) return `nodes.${node.id}.output ${result.problem.message}`;
    READABLE.add(output);
  }
  return null;
}

/** The input of an action: rendered, then parsed by its schema. What comes out is what is stored and what the action gets. */
export function prepareInput(
  template: CompiledTemplate,
  action: RegisteredAction,
  context: RenderContext,
): Prepared {
  const { name, constants = [] } = action.action;
  const [computed] = computedFields(template.source, constants);
  if (computed !== undefined) {
    const message = `The input of action "${name}" does not fit: ${computed} must be written as it is, without {{ }}.`;
    return { ok: false, error: { class: "invalid_input", message } };
  }
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

function scopeFor(template: Pick<CompiledTemplate, "references">, context: RenderContext): Scope {
  const { data, item } = context;
  const nodes: Record<string, NodeScope> = Object.create(null) as Record<string, NodeScope>;
  for (const { node } of template.references) {
    if (node !== undefined && !(node in nodes)) nodes[node] = nodeScope(node, context);
  }
  const scope = { input: data.input, trigger: data.trigger, run: data.run, nodes };
  return item ? { ...scope, item: item.value, index: item.index } : scope;
}

function nodeScope(id: string, context: RenderContext): NodeScope {
  const { undone } = context;
  if (id === undone?.node) return { status: "succeeded", output: undone.output, error: null };
  const index = context.plan.indexOf.get(id);
  const status = index === undefined ? "pending" : context.node(index).status;
  return {
    status,
    output: status === "succeeded" ? (context.data.outputs.get(id) ?? null) : null,
    error: status === "failed" ? (context.data.errors.get(id) ?? null) : null,
  };
}
