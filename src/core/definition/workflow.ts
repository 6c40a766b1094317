/** A workflow as the engine takes it: its document, and what only code can bring (schemas and actions). */
import type { ZodType } from "zod";
import { DefinitionError } from "../graph/definition-error.ts";
import { compilePlan } from "../graph/compile-plan.ts";
import type { Json } from "../json.ts";
import type { Action } from "./action.ts";
import type { WorkflowDocument } from "./document.ts";
import { normaliseDocument } from "./normalise.ts";
import { parseDocument } from "./schema.ts";

export interface Workflow<_Input = Json, _Output = Json> {
  readonly kind: "flowforge.workflow";
  readonly name: string;
  /** Normalised. */
  readonly document: WorkflowDocument;
  /** Checks and parses a run's input. None: the document's JSON Schema does. */
  readonly inputSchema?: ZodType;
  /** Actions that come with the workflow. */
  readonly actions: readonly Action[];
}

/**
 * Takes a workflow document as it is: JSON from a file, a database or a visual editor.
 *
 * Throws `definition_invalid` with every problem of its shape and its graph.
 */
export function defineWorkflow(json: unknown): Workflow {
  const { document, problems } = parseDocument(json);
  if (!document) {
    const issues = problems.map((problem) => ({ ...problem, severity: "error" as const }));
    throw new DefinitionError(nameOf(json), issues as ConstructorParameters<typeof DefinitionError>[1]);
  }
  const normalised = normaliseDocument(document);
  compilePlan(normalised);
  return { kind: "flowforge.workflow", name: document.name, document: normalised, actions: [] };
}

function nameOf(json: unknown): string {
  const name: unknown = typeof json === "object" && json !== null && "name" in json ? json.name : undefined;
  return typeof name === "string" ? name.slice(0, 100) : "(without a name)";
}
