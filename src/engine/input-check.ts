/** Checks a run's input against the workflow's schema; what comes out is what is stored. */
import type { WorkflowDocument } from "../core/definition/document.ts";
import { inputValidator } from "../core/definition/input-validator.ts";
import type { Workflow } from "../core/definition/workflow.ts";
import { FlowForgeError } from "../core/errors.ts";

/** Throws `input_invalid` with every problem and its path. */
export type InputCheck = (input: unknown) => unknown;

export function inputCheck(document: WorkflowDocument, schema: Workflow["inputSchema"]): InputCheck {
  const validate = inputValidator(document, schema);
  return (input) => {
    const result = validate(input);
    if ("value" in result) return result.value;
    const problems = result.problems
      .slice(0, 10)
      .map((problem) => `${problem.path.join(".") || "(whole input)"}: ${problem.message}`);
    throw new FlowForgeError("input_invalid", {
      subject: `the input of workflow "${document.name}"`,
      received: problems.join("; "),
      next: "Nothing was stored. Correct the input and start the run again.",
    });
  };
}
