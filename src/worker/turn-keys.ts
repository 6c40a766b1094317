/**
 * What a turn does about the keys that its nodes share with other runs: makes them, says whether a node may run under its key, and
 * what the commit has to write of them. What the store says of a key may be old by then; the commit finds that out.
 */
import { createHash } from "node:crypto";
import { canonicalJson } from "../core/definition/normalise.ts";
import { isCompensation, type Plan, type PlanAction } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { ActionKeyRef, ActionKeyState, ActionKeyWrite } from "../core/ports/action-keys.ts";
import type { Advance } from "../core/run/advance.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import type { NodeState, RunState } from "../core/run/state.ts";
import { render, type RenderContext } from "./prepare.ts";
import type { TurnContext } from "./turn-context.ts";
import type { Values } from "./turn-result.ts";

const MAX_KEY_LENGTH = 255;

export type KeyDecision =
  /** It may run under this key. */
  | { readonly type: "own"; readonly key: string }
  /** Another node run has it. */
  | { readonly type: "held" }
  /** Not in this turn. */
  | { readonly type: "later" }
  | { readonly type: "done"; readonly output: Json }
  | { readonly type: "refused"; readonly error: ErrorRecord };

type Made =
  { readonly ok: true; readonly ref: ActionKeyRef } | { readonly ok: false; readonly error: ErrorRecord };
type Claim = Extract<ActionKeyWrite, { type: "claim" }>;

export class TurnKeys {
  readonly #context: TurnContext;
  readonly #rendering: RenderContext;
  readonly #made = new Map<number, Made>();
  /** As the store has them, by text; in the end those that were taken in this turn too. */
  readonly #states = new Map<string, ActionKeyState | null | "taken">();
  readonly #claims = new Map<number, Claim>();

  constructor(context: TurnContext, rendering: RenderContext) {
    this.#context = context;
    this.#rendering = rendering;
  }

  /** Keys of these nodes that the store was not asked about. What the templates read must be here. */
  wanted(nodes: readonly number[]): readonly ActionKeyRef[] {
    if (this.#context.keyless) return [];
    const { plan, workshop } = this.#context;
    const wanted = new Map<string, ActionKeyRef>();
    for (const index of nodes) {
      const node = plan.nodes[index]!;
      if (node.kind !== "action" || node.key === null || !workshop?.lanes.has(node.lane)) continue;
      const made = this.#make(node);
      if (made.ok && !this.#states.has(textOf(made.ref))) wanted.set(textOf(made.ref), made.ref);
    }
    return [...wanted.values()];
  }

  learn(refs: readonly ActionKeyRef[], states: readonly (ActionKeyState | null)[]): void {
    refs.forEach((ref, at) => this.#states.set(textOf(ref), states[at] ?? null));
  }

  decide(node: PlanAction, input: Json): KeyDecision {
    if (this.#context.keyless) return { type: "later" };
    const made = this.#make(node);
    if (!made.ok) return { type: "refused", error: made.error };
    const { ref } = made;
    const state = this.#states.get(textOf(ref));
    if (state === undefined || state === "taken") return { type: "later" };
    const fingerprint = createHash("sha256").update(canonicalJson(input)).digest("hex");
    const isOwn = state?.state === "held" && state.runId === this.#context.runId && state.node === node.id;
    if (state && !isOwn) return othersDecision(node, state, { key: ref.key, fingerprint });
    if (state?.fingerprint !== fingerprint)
      this.#claims.set(node.index, { type: "claim", node: node.id, fingerprint, ...ref });
    this.#states.set(textOf(ref), "taken");
    return { type: "own", key: ref.key };
  }

  /** What the commit writes: keys of nodes that begin, wait or end. */
  writes(
    before: RunState,
    { state, changed }: Advance,
    values: ReadonlyMap<number, Values>,
  ): readonly ActionKeyWrite[] {
    return changed.flatMap((index): readonly ActionKeyWrite[] => {
      const node = this.#context.plan.nodes[index]!;
      if (node.kind !== "action" || node.key === null) return [];
      const after = state.nodes[index]!;
      const claim = this.#claims.get(index);
      if (after.status === "running") return claim ? [claim] : [];
      const made = this.#made.get(index);
      if (after.status === "waiting" && after.waitingFor === "key")
        return made?.ok ? [{ type: "wait", node: node.id, fence: after.fence, ...made.ref }] : [];
      // Without a fence it never began, and holds nothing.
      const end = before.nodes[index]!.fence > 0 ? endOf(after, values.get(index)?.error) : null;
      return end ? [{ type: end, node: node.id }] : [];
    });
  }

  #make(node: PlanAction): Made {
    let made = this.#made.get(node.index);
    if (!made) this.#made.set(node.index, (made = makeKey(node, this.#context, this.#rendering)));
    return made;
  }
}

/** Some node of the plan shares a key with other runs. */
export function hasKeys({ nodes }: Plan): boolean {
  return nodes.some((node) => node.kind === "action" && node.key !== null && !isCompensation(node));
}

function makeKey(node: PlanAction, { workspace }: TurnContext, rendering: RenderContext): Made {
  const made = render(node.key!, rendering);
  if (!made.ok) return made;
  const { value } = made;
  if (
    typeof value === "string" &&
    value.length > 0 &&
    value.length <= MAX_KEY_LENGTH &&
    !value.includes("\0")
  )
    return { ok: true, ref: { workspace, action: node.action, key: value } };
  const found =
    typeof value === "string"
      ? `a text of ${value.length}`
      : `no text but ${JSON.stringify(value).slice(0, 80)}`;
  const message = `The idempotency key of node "${node.id}" must be a text of 1 to ${MAX_KEY_LENGTH} characters without NUL; it is ${found}.`;
  return { ok: false, error: { class: "expression", message } };
}

function othersDecision(
  node: PlanAction,
  state: ActionKeyState,
  own: { readonly key: string; readonly fingerprint: string },
): KeyDecision {
  if (state.fingerprint === own.fingerprint)
    return state.state === "held" ? { type: "held" } : { type: "done", output: state.result };
  const other = `node "${state.node}" of run ${state.runId}`;
  const message = `The idempotency key ${JSON.stringify(own.key)} of action "${node.action}" belongs to ${other}, which has another input.`;
  return { type: "refused", error: { class: "idempotency_conflict", message } };
}

/** Of failures after which nobody knows what happened: the key is kept until somebody resolves the dead letter. */
const IN_DOUBT: ReadonlySet<string> = new Set(["outcome_unknown", "poison"]);

/** What becomes of the keys of a node that is in this state now. `null`: it keeps them. */
function endOf(
  { status, failure }: NodeState,
  error: ErrorRecord | null | undefined,
): "done" | "free" | null {
  switch (status) {
    case "succeeded":
      return "done";
    case "cancelled":
      return "free";
    case "failed":
      return failure === "open" && (!error || IN_DOUBT.has(error.class)) ? null : "free";
    default:
      return null;
  }
}

function textOf({ action, key }: ActionKeyRef): string {
  return JSON.stringify([action, key]);
}
