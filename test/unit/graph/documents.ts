/** Small documents for the tests of validation. */
import { z } from "zod";
import type { ActionCatalogue } from "../../../src/core/graph/actions.ts";
import type { Issue } from "../../../src/core/graph/issues.ts";
import { validateWorkflow, type ValidationResult } from "../../../src/core/graph/validate.ts";

/** `a -> b`, with an optional outcome: `a -error-> b`. */
export function edges(...texts: readonly string[]): { from: string; to: string; on?: string }[] {
  return texts.map((text) => {
    const [, from, on, to] = /^(\S+) -(?:(\S+)-)?> (\S+)$/.exec(text) ?? [];
    if (from === undefined || to === undefined) throw new Error(`not an edge: ${text}`);
    return on === undefined ? { from, to } : { from, to, on };
  });
}

export const trigger = { kind: "trigger" };
/** An action that takes anything. */
export const step = { kind: "action", action: "any" };
/** A step that reads. */
export function reads(...expressions: readonly string[]): object {
  return { ...step, input: { read: expressions.map((text) => `{{ ${text} }}`) } };
}
export function condition(cases: { readonly [outcome: string]: string }): object {
  return {
    kind: "condition",
    cases: Object.entries(cases).map(([outcome, text]) => ({ outcome, if: text })),
  };
}

export interface Parts {
  readonly nodes: object;
  readonly edges?: readonly unknown[];
  readonly [field: string]: unknown;
}

export function workflow({ edges: written = [], ...rest }: Parts): object {
  return { format: 1, name: "w", edges: written, ...rest };
}

/** `any` takes anything, `charge` wants an amount (zod), `mail` an address (JSON Schema), `pay` a credential and a lane. */
export const catalogue: ActionCatalogue = catalogueOf({
  any: {},
  charge: { input: z.strictObject({ cents: z.number().int().min(1), note: z.string().optional() }) },
  pay: { credentials: ["stripe"], lane: "slow" },
  mail: {
    input: {
      type: "object",
      properties: { to: { type: "string", minLength: 3 } },
      required: ["to"],
      additionalProperties: false,
    },
  },
});

export function catalogueOf(actions: {
  readonly [name: string]: NonNullable<ReturnType<ActionCatalogue["get"]>>["action"];
}): ActionCatalogue {
  const known = new Map(Object.entries(actions));
  return {
    names: () => [...known.keys()],
    get: (name) => {
      const action = known.get(name);
      return action && { action };
    },
  };
}

export function check(parts: Parts): ValidationResult {
  return validateWorkflow(workflow(parts), catalogue);
}

/** Issues in one line each: `code path`. */
export function brief({ issues }: Pick<ValidationResult, "issues">): readonly string[] {
  return issues.map(({ code, path }: Issue) => `${code} ${path.join(".")}`.trim());
}
