/** A workflow as the engine takes it: its document, and what only code can bring (schemas and actions). */
import type { z, ZodType } from "zod";
import type { ActionCatalogue } from "../graph/actions.ts";
import { DefinitionError } from "../graph/definition-error.ts";
import { type Issue, makeIssue } from "../graph/issues.ts";
import { validateWorkflow } from "../graph/validate.ts";
import type { Json, JsonObject } from "../json.ts";
import { didYouMean } from "../suggestion.ts";
import { type Action, type AnyInput, isSchema } from "./action.ts";
import { Recorder } from "./builder.ts";
import type { WorkflowBuilder } from "./builder-types.ts";
import { type ConcurrencyOptions, recordConcurrency } from "./concurrency.ts";
import type { Duration, RetryDocument } from "./document.ts";
import { inputSchemaOf } from "./input-schema.ts";
import type { AnyTemplate, Yielded } from "./reference-types.ts";
import type { Workflow } from "./workflow-type.ts";

export type { Workflow } from "./workflow-type.ts";

/** What `defineWorkflow` takes to write a workflow down in code. */
export interface WorkflowDefinition<
  Name extends string = string,
  InputSchema extends ZodType = AnyInput,
  Output = unknown,
> {
  /** Letters, digits, `.`, `-`, `_`, `/`; at most 128 characters. */
  readonly name: Name;
  readonly description?: string;
  /** At most 256 characters each. */
  readonly labels?: { readonly [name: string]: string };
  /** Default for the nodes of this workflow. */
  readonly retry?: RetryDocument;
  /** Per attempt, for the nodes of this workflow whose action has no timeout of its own. Default 5m. */
  readonly timeout?: Duration;
  /**
   * For a run as a whole, from its start. A run that has not ended by then is cancelled and fails with `deadline_exceeded`. Default:
   * as long as it takes.
   */
  readonly deadline?: Duration;
  /** `compensate`: a run that would be `failed` undoes what succeeded first. Default: it keeps its dead letters. */
  readonly onFailure?: "compensate";
  /** How many runs of the workflow may be under way at once. Default: any number. */
  readonly concurrency?: ConcurrencyOptions<z.output<InputSchema>, Name, z.input<InputSchema>>;
  /** For the nodes that name no lane and whose action has none: only workers of this lane take them. Default `default`. */
  readonly lane?: string;
  /** Of the run's input. None: any JSON. What nodes read is the parsed value. */
  readonly input?: InputSchema;
  /**
   * Writes the nodes down and returns the output of the workflow, or nothing: then the output is that of the nodes without
   * successors, by node id. It is called once, at once; nothing in it runs when the workflow runs.
   */
  build(this: void, builder: WorkflowBuilder<z.output<InputSchema>, Name, z.input<InputSchema>>): Output;
}

type OutputOf<Output> = [Output] extends [void] ? JsonObject : Yielded<Output>;

/** Whatever has a `build` is for the builder, so that its mistakes are not taken for JSON. */
type NoBuilder<T> = T extends { readonly build: unknown } ? never : unknown;

/**
 * Writes a workflow down in code, with types from its input to its output. Use it for the workflows of your own service.
 *
 * Throws `definition_invalid` with every problem (see `validateWorkflow`), and what `defineAction` throws for an inline action.
 */
export function defineWorkflow<
  const Name extends string,
  InputSchema extends ZodType = AnyInput,
  Output extends AnyTemplate<Name> | void = void,
>(
  definition: WorkflowDefinition<Name, InputSchema, Output>,
): Workflow<z.input<InputSchema>, OutputOf<Output>>;
/**
 * Takes a workflow document as it is: JSON from a file, a database or a visual editor.
 *
 * Throws `definition_invalid` with every problem (see `validateWorkflow`). Actions are not looked up: they may live in another process.
 */
export function defineWorkflow<const T>(json: T & NoBuilder<T>): Workflow<Json, Json>;
export function defineWorkflow(definition: unknown): Workflow {
  if (isDefinition(definition)) return fromCode(definition);
  const { document, issues } = validateWorkflow(definition);
  if (document === null) throw new DefinitionError(nameOf(definition), issues);
  return { kind: "flowforge.workflow", name: document.name, document, actions: [], children: [] };
}

function isDefinition(value: unknown): value is WorkflowDefinition {
  return typeof value === "object" && value !== null && "build" in value && typeof value.build === "function";
}

function fromCode(definition: WorkflowDefinition): Workflow {
  const { name, description, labels, retry, timeout, deadline, onFailure, lane, input, build } = definition;
  const problems = definitionIssues(definition);
  const schema = problems.length === 0 && input !== undefined ? inputSchemaOf(input) : null;
  const recorder = new Recorder(nameOf(definition));
  const concurrency = recordConcurrency(definition.concurrency, recorder);
  const { nodes, edges, output, actions, children, issues } = recorder.finish(build(recorder.builder));
  const written = {
    format: 1,
    name,
    description,
    labels,
    retry,
    timeout,
    deadline,
    onFailure,
    concurrency,
    lane,
    input: schema ?? undefined,
    nodes,
    edges,
    output,
  };
  const validated = validateWorkflow(written, catalogueOf(actions));
  const found = [...problems, ...issues];
  const { document } = validated;
  if (document === null || found.length > 0) {
    throw new DefinitionError(nameOf(definition), withoutRepeats(found, validated.issues));
  }
  const inputSchema = input === undefined ? {} : { inputSchema: input };
  const kind = "flowforge.workflow" as const;
  return Object.freeze({ kind, name, document, ...inputSchema, actions, children });
}

const FIELDS = [
  "name",
  "description",
  "labels",
  "retry",
  "timeout",
  "deadline",
  "onFailure",
  "concurrency",
  "lane",
  "input",
  "build",
];

function definitionIssues(definition: WorkflowDefinition): readonly Issue[] {
  const issues = Object.keys(definition)
    .filter((field) => !FIELDS.includes(field))
    .map((field) =>
      makeIssue("field_unknown", [field], {
        message: `There is no field \`${field.slice(0, 80)}\` beside \`build\`.`,
        next: `Use ${FIELDS.join(", ")}.${didYouMean(field, FIELDS)}`,
      }),
    );
  if (definition.input === undefined || isSchema(definition.input)) return issues;
  const issue = makeIssue("field_invalid", ["input"], {
    message: "The input is not a schema of zod 4.",
    next: "Pass z.object({ ... }), or write the workflow as a JSON document with a JSON Schema.",
  });
  return [...issues, issue];
}

/** The actions that are at hand; one that is only named may live in another process and take any input. */
function catalogueOf(actions: readonly Action[]): ActionCatalogue {
  const known = new Map(actions.map((action) => [action.name, action]));
  return { get: (name) => ({ action: known.get(name) ?? {} }) };
}

/** A reference of another workflow, say, is found by the builder and again by the validation. */
function withoutRepeats(first: readonly Issue[], second: readonly Issue[]): readonly Issue[] {
  const keyOf = ({ code, path }: Issue): string => `${code} ${JSON.stringify(path)}`;
  const said = new Set(first.map(keyOf));
  return [...first, ...second.filter((issue) => !said.has(keyOf(issue)))];
}

function nameOf(definition: unknown): string {
  const name: unknown =
    typeof definition === "object" && definition !== null && "name" in definition
      ? definition.name
      : undefined;
  return typeof name === "string" ? name.slice(0, 100) : "(without a name)";
}
