/** Checks the input of runs. */
import type { ZodType } from "zod";
import type { Json } from "../json.ts";
import { checkValue, VALUE_LIMITS, type ValueLimits } from "../values.ts";
import type { WorkflowDocument } from "./document.ts";
import { valueProblems, type ValueProblem } from "./json-schema-check.ts";
import { withDefaults } from "./json-schema-defaults.ts";

/** `value` is what shall be stored: defaults filled in, transformations of a zod schema applied. */
export type CheckedInput = { readonly value: Json } | { readonly problems: readonly ValueProblem[] };

/**
 * A function that checks inputs of a workflow: by its zod schema where there is one (a workflow from code), else by the JSON
 * Schema of the document, else only that they are JSON. An input that is `undefined` counts as `null` for a JSON Schema.
 *
 * The document must have passed `parseDocument`. `limits`: how large a value may be, by default 1 MiB and 64 levels.
 * What the function returns never depends on earlier calls; it throws only what the host's own zod schema throws.
 */
export function inputValidator(
  document: Pick<WorkflowDocument, "input">,
  zodSchema?: ZodType,
  limits: ValueLimits = VALUE_LIMITS,
): (value: unknown) => CheckedInput {
  if (zodSchema !== undefined) return (value) => byZod(zodSchema, value, limits);
  const schema = document.input;
  return (value) => {
    const checked = asJson(value, limits);
    if (schema === undefined || "problems" in checked) return checked;
    const filled = withDefaults(schema, checked.value);
    const problems = valueProblems(schema, filled);
    return problems.length > 0 ? { problems } : { value: filled };
  };
}

function byZod(schema: ZodType, value: unknown, limits: ValueLimits): CheckedInput {
  const parsed = schema.safeParse(value);
  if (parsed.success) return asJson(parsed.data, limits);
  return {
    problems: parsed.error.issues.map((issue) => ({
      path: issue.path.map((part) => (typeof part === "number" ? part : String(part))),
      message: issue.message,
    })),
  };
}

function asJson(value: unknown, limits: ValueLimits): CheckedInput {
  const checked = checkValue(value, limits);
  return checked.ok ? { value: checked.value } : { problems: [checked.problem] };
}
