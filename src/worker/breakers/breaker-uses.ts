/** Which breakers a node run has to do with. */
import type { RegisteredAction } from "../../actions/registry.ts";
import type { BreakerKey, BreakerScope } from "../../core/breaker/key.ts";
import type { BreakerPolicy } from "../../core/breaker/policy.ts";
import type { PlanAction } from "../../core/graph/plan.ts";
import type { Json } from "../../core/json.ts";

export interface ScopeRules {
  readonly policy: BreakerPolicy;
  /** By name, in place of `policy`. `null`: no breaker. */
  readonly overrides: ReadonlyMap<string, BreakerPolicy | null>;
}

/** `null`: no breakers of this kind. */
export type BreakerRules = { readonly [Scope in BreakerScope]: ScopeRules | null };

/** What a node run is about to do. */
export interface BreakerUse {
  readonly workspace: string;
  readonly workflow: string;
  readonly node: PlanAction;
  readonly action: RegisteredAction;
  /** `undefined`: not known yet, or that of a whole list. */
  readonly input: Json | undefined;
}

export interface UsedBreaker {
  readonly key: BreakerKey;
  readonly policy: BreakerPolicy;
}

const MAX_NAME = 200;

/** A child has node runs of its own: to start one asks nobody outside. */
export function breakersOf(use: BreakerUse, rules: BreakerRules): readonly UsedBreaker[] {
  const { workspace, workflow, node } = use;
  if (node.isChild) return [];
  const used: UsedBreaker[] = [];
  const add = (scope: BreakerScope, name: string | null): void => {
    const policy = name === null ? null : policyOf(rules[scope], name);
    if (policy) used.push({ key: { workspace, scope, name: name! }, policy });
  };
  if (rules.target) add("target", targetOf(use));
  if (rules.credential) for (const name of node.credentials) add("credential", name);
  add("workflow", workflow);
  add("workspace", workspace);
  return used;
}

export function policyOf(rules: ScopeRules | null, name: string): BreakerPolicy | null {
  if (!rules) return null;
  const own = rules.overrides.get(name);
  return own === undefined ? rules.policy : own;
}

/** What the action says of itself; else it is its own name. */
function targetOf({ action: { action }, input }: BreakerUse): string | null {
  const { target = action.name } = action;
  if (typeof target !== "function") return target;
  if (input === undefined) return null;
  try {
    const name: unknown = target(input);
    return typeof name === "string" && name !== "" && !name.includes("\0") ? name.slice(0, MAX_NAME) : null;
  } catch {
    // Its input is not what it expected, which the attempt will say better.
    return null;
  }
}
