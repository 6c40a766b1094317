/** `validateWorkflow`: every problem of a definition at once. The checks stand in the files that it calls, in this order. */
import type { WorkflowDocument } from "../definition/document.ts";
import { parseDocument } from "../definition/schema.ts";
import type { Json } from "../json.ts";
import { actionIssues, type ActionCatalogue } from "./actions.ts";
import { eventNameIssues } from "./event-names.ts";
import { makeIssue, type Issue } from "./issues.ts";
import { VALIDATION_LIMITS, type ValidationLimits } from "./limits.ts";
import { referenceIssues } from "./references.ts";
import { salvage } from "./salvage.ts";
import { structuralIssues } from "./structure.ts";
import { subjectOf, type Subject } from "./subject.ts";

export interface ValidationResult {
  /** No issue has the severity `error`; there may be hints. */
  readonly ok: boolean;
  /** The document in normal form (a workflow without a trigger has got one), as it would run; `null` unless `ok`. */
  readonly document: WorkflowDocument | null;
  /** Every problem: first the shape, then the graph, actions, and what expressions read. */
  readonly issues: readonly Issue[];
}

/**
 * Checks a definition of any origin. Use it before storing what an editor or a customer wrote, and in tests of your own
 * workflows. `docs/reference/validation.md` lists every code with its cause and cure.
 *
 * `registry`: the actions that exist; without it, names and inputs of actions are not checked. `limits`: see
 * `ValidationLimits` for units and defaults; what is left out has its default.
 *
 * Never throws, whatever it is given.
 */
export function validateWorkflow(
  definition: unknown,
  registry?: ActionCatalogue,
  limits: Partial<ValidationLimits> = {},
): ValidationResult {
  try {
    return validate(definition, registry, { ...VALIDATION_LIMITS, ...limits });
  } catch (error) {
    // Getters that throw at the second look, a call stack that ends before the limit of depth, a registry that throws.
    return failed([unreadableIssue(error)]);
  }
}

function validate(
  definition: unknown,
  registry: ActionCatalogue | undefined,
  limits: ValidationLimits,
): ValidationResult {
  const { document, problems } = parseDocument(definition, limits);
  if (document !== null) {
    const subject = subjectOf(document);
    const issues = meaningIssues(subject, registry, limits);
    const ok = issues.every((issue) => issue.severity === "hint");
    return { ok, document: ok ? subject.document : null, issues };
  }
  const issues = problems.map(({ code, path, message, next }) => makeIssue(code, path, { message, next }));
  const rest = salvage(definition as Json, problems);
  return failed(rest === null ? issues : [...issues, ...meaningIssues(rest, registry, limits)]);
}

function meaningIssues(
  subject: Subject,
  registry: ActionCatalogue | undefined,
  limits: ValidationLimits,
): readonly Issue[] {
  return [
    ...structuralIssues(subject),
    ...eventNameIssues(subject),
    ...actionIssues(subject, registry),
    ...referenceIssues(subject, limits.maxExpressionLength),
  ];
}

function failed(issues: readonly Issue[]): ValidationResult {
  return { ok: false, document: null, issues };
}

function unreadableIssue(error: unknown): Issue {
  return makeIssue("not_json", [], {
    message: `The definition could not be read${error instanceof Error ? `: ${error.message.slice(0, 200)}` : ""}.`,
    next: "Pass plain JSON, such as JSON.parse gives.",
  });
}
