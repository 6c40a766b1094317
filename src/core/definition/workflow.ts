/** A workflow as the engine takes it: its document, and what only code can bring (schemas and actions). */
import type { ZodType } from "zod";
import { DefinitionError } from "../graph/definition-error.ts";
import { validateWorkflow } from "../graph/validate.ts";
import type { Json } from "../json.ts";
import type { Action } from "./action.ts";
import type { WorkflowDocument } from "./document.ts";

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
 * Throws `definition_invalid` with every problem (see `validateWorkflow`). Actions are not looked up: they may live in another process.
 */
export function defineWorkflow(json: unknown): Workflow {
  const { document, issues } = validateWorkflow(json);
  if (document === null) throw new DefinitionError(nameOf(json), issues);
  return { kind: "flowforge.workflow", name: document.name, document, actions: [] };
}

function nameOf(json: unknown): string {
  const name: unknown = typeof json === "object" && json !== null && "name" in json ? json.name : undefined;
  return typeof name === "string" ? name.slice(0, 100) : "(without a name)";
}
