/** The error for a definition with problems: it carries all of them. */
import { FlowForgeError } from "../errors.ts";
import type { Issue } from "./issues.ts";

const SHOWN = 3;

/** Code `definition_invalid`. `issues` has every problem of severity `error`, each with its path in the document. */
export class DefinitionError extends FlowForgeError {
  readonly issues: readonly Issue[];

  constructor(workflow: string, issues: readonly Issue[]) {
    const errors = issues.filter((issue) => issue.severity === "error");
    super("definition_invalid", {
      subject: `workflow "${workflow}"`,
      received: `${errors.length} ${errors.length === 1 ? "problem" : "problems"}: ${summary(errors)}`,
      next: "Look at `issues`: each has a path in the document and says what to do. `validateWorkflow` gives the same list.",
    });
    this.issues = errors;
  }
}

function summary(errors: readonly Issue[]): string {
  const shown = errors
    .slice(0, SHOWN)
    .map((issue) => `${issue.path.join(".")}: ${issue.message} [${issue.code}]`);
  if (errors.length > SHOWN) shown.push(`and ${errors.length - SHOWN} more`);
  return shown.join("; ");
}
