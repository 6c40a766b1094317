import type { ZodType } from "zod";
import type { Action } from "./action.ts";
import type { WorkflowDocument } from "./document.ts";

declare const TYPES: unique symbol;

/** `Input`: what a run is started with. `Output`: what it yields. */
export interface Workflow<Input = unknown, Output = unknown> {
  readonly kind: "flowforge.workflow";
  readonly name: string;
  /** Normalised. */
  readonly document: WorkflowDocument;
  /** Checks and parses a run's input. None: the document's JSON Schema does. */
  readonly inputSchema?: ZodType;
  /** Actions that come with the workflow. */
  readonly actions: readonly Action[];
  /** Workflows that it runs as children, as far as they were given to the builder. */
  readonly children: readonly Workflow[];
  /** For types only: there is no such member. */
  readonly [TYPES]?: { readonly input: Input; readonly output: Output };
}
