/** What nodes name outside of the document: actions with their input, credentials. And fixed times, which nobody else looks at. */
import { z, type ZodType } from "zod";
import { computedFields } from "../definition/constants.ts";
import type { ActionDocument, NodeDocument, PollSource, WaitDocument } from "../definition/document.ts";
import { fits, NAME } from "../definition/names.ts";
import type { Json, JsonObject } from "../json.ts";
import { childIssues } from "./children.ts";
import { makeIssue, type Issue, type IssuePath } from "./issues.ts";
import { RUN_WORKFLOW } from "./plan.ts";
import { isObject, mismatches, type Mismatch, type StringPart } from "./json-schema.ts";
import type { Subject } from "./subject.ts";
import { parseTime } from "./until.ts";

/**
 * Which actions there are, and what input they want: a zod schema or a JSON Schema, or none for any JSON. The registry of an
 * engine is one.
 */
export interface ActionCatalogue {
  /** To suggest from where `get` knows none. None: no suggestions. */
  names?(): readonly string[];
  /** `undefined`: there is no such action. */
  get(name: string): { readonly action: CataloguedAction } | undefined;
}

export interface CataloguedAction {
  readonly input?: ZodType | JsonObject;
  readonly lane?: string;
  /** All that it asks for. None: whatever its input names. */
  readonly credentials?: readonly string[];
  /** Fields of its input that no expression may fill. */
  readonly constants?: readonly string[];
}

export function actionIssues(subject: Subject, catalogue: ActionCatalogue | undefined): Issue[] {
  const { document, graph, damaged } = subject;
  return graph.ids.flatMap((id) => {
    const node = document.nodes[id] as NodeDocument;
    if (damaged.has(id)) return [];
    if (node.kind === "wait") return untilIssues(id, node);
    if (node.kind === "trigger" && node.source?.type === "poll")
      return pollIssues(subject, { path: ["nodes", id, "source"], source: node.source, catalogue });
    if (node.kind !== "action") return [];
    return [
      ...credentialIssues(["nodes", id], node),
      ...mapIssues(id, node),
      ...childIssues(id, node),
      ...(catalogue
        ? usesOf(id, node).flatMap((use) => catalogueIssues(subject, { ...use, catalogue }))
        : []),
    ];
  });
}

function untilIssues(id: string, { for: wait }: WaitDocument): Issue[] {
  if (!("until" in wait)) return [];
  const { until } = wait;
  if ((typeof until === "string" && until.includes("{{")) || parseTime(until) !== null) return [];
  return [
    makeIssue("until_invalid", ["nodes", id, "for", "until"], {
      message: `${JSON.stringify(typeof until === "string" ? until.slice(0, 80) : until)} is not a time.`,
      next: 'Write "2027-01-31T09:00:00Z" (a zone is needed), "2027-01-31", milliseconds since 1970, or {{ expression }}.',
    }),
  ];
}

function credentialIssues(at: IssuePath, { credentials = [] }: Pick<ActionDocument, "credentials">): Issue[] {
  const seen = new Set<string>();
  return credentials.flatMap((name, index) => {
    const path = [...at, "credentials", index];
    const twice = seen.has(name);
    seen.add(name);
    if (!twice && fits(NAME, name)) return [];
    return [
      makeIssue("credential_invalid", path, {
        message: twice
          ? `"${name}" is there already.`
          : `${JSON.stringify(name.slice(0, 80))} cannot be the name of a credential.`,
        next: twice ? "Remove one of the two." : `Use ${NAME.words}.`,
      }),
    ];
  });
}

interface PollUse {
  readonly path: IssuePath;
  readonly source: PollSource;
  readonly catalogue: ActionCatalogue | undefined;
}

/** The first poll has no cursor yet, so `null` must fit. */
function pollIssues(subject: Subject, { path, source, catalogue }: PollUse): Issue[] {
  const granted = source.credentials ?? [];
  const { action } = source;
  if (action === RUN_WORKFLOW) {
    return [
      makeIssue("child_invalid", [...path, "action"], {
        message: `\`${RUN_WORKFLOW}\` cannot be polled.`,
        next: "Name an action that returns items.",
      }),
    ];
  }
  // It holds no templates: what looks like one is text.
  const use = { action, input: escaped({ ...source.input, cursor: null }) };
  return [
    ...credentialIssues(path, source),
    ...(catalogue ? catalogueIssues(subject, { path, use, granted, catalogue }) : []),
  ];
}

const OF_MAPS = ["concurrency", "onItemError"] as const;
const NOT_OF_MAPS = ["idempotencyKey"] as const;

function mapIssues(id: string, node: ActionDocument): Issue[] {
  const isMap = node.forEach !== undefined;
  const wrong = (isMap ? NOT_OF_MAPS : OF_MAPS).filter((field) => node[field] !== undefined);
  return wrong.map((field) =>
    makeIssue("map_invalid", ["nodes", id, field], {
      message: isMap
        ? `\`${field}\` is not possible for a node with \`forEach\`.`
        : `\`${field}\` means something only with \`forEach\`.`,
      next: isMap ? "Remove it, or put it on another node." : "Add `forEach`, or remove it.",
    }),
  );
}

/** Something that names an action and its input: a node, or its compensation. */
interface ActionUse {
  readonly path: IssuePath;
  readonly use: Pick<ActionDocument, "action" | "input">;
  /** Of the node. */
  readonly granted: readonly string[];
  readonly catalogue: ActionCatalogue;
}

function usesOf(id: string, node: ActionDocument): readonly Omit<ActionUse, "catalogue">[] {
  const path = ["nodes", id];
  const granted = node.credentials ?? [];
  const own = { path, use: node, granted };
  return node.compensate ? [own, { path: [...path, "compensate"], use: node.compensate, granted }] : [own];
}

function catalogueIssues({ suggestions }: Subject, { path, use, granted, catalogue }: ActionUse): Issue[] {
  const known = catalogue.get(use.action);
  if (known === undefined) {
    return [
      makeIssue("action_unknown", [...path, "action"], {
        message: `There is no action "${use.action}".`,
        next: `Register it, or name another one.${suggestions.for(use.action, catalogue.names?.() ?? [])}`,
      }),
    ];
  }
  const { input: schema, credentials = [], constants = [] } = known.action;
  const missing = credentials.filter((name) => !granted.includes(name));
  return [
    ...missing.map((name) =>
      makeIssue("credential_missing", [...path, "action"], {
        message: `"${use.action}" asks for the credential "${name}", which the node does not grant.`,
        next: `Add "${name}" to the node's \`credentials\`.`,
      }),
    ),
    ...computedFields(use.input ?? null, constants).map((field) =>
      makeIssue(
        "action_input_invalid",
        typeof use.input === "string" ? [...path, "input"] : [...path, "input", field],
        {
          message: `The input of "${use.action}" does not fit: ${field} must be written as it is, without {{ }}.`,
          next: "Write it so, and pass what a run brings along in another field.",
        },
      ),
    ),
    ...(schema === undefined ? [] : inputIssues(schema, path, use)),
  ];
}

/** A template that renders this value. */
function escaped(value: Json): Json {
  if (typeof value === "string") return value.replaceAll("{{", "\\{{");
  if (Array.isArray(value)) return value.map(escaped);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, escaped(member as Json)]));
}

function inputIssues(schema: ZodType | JsonObject, path: IssuePath, use: ActionUse["use"]): Issue[] {
  return inputMismatches(schema, use.input === undefined ? {} : use.input).map((mismatch) =>
    makeIssue("action_input_invalid", inputPath(path, use, mismatch.path), {
      message: `The input of "${use.action}" does not fit: ${mismatch.path.join(".") || "the input"} ${mismatch.message}.`,
      next: "Correct the input, or the schema of the action.",
    }),
  );
}

/** Where there is no input, there is no place for the path of a missing field to point at. */
function inputPath(path: IssuePath, { input }: ActionUse["use"], field: IssuePath): IssuePath {
  return input === undefined ? path : [...path, "input", ...field];
}

function inputMismatches(schema: ZodType | JsonObject, input: Json): readonly Mismatch[] {
  if (isZod(schema)) {
    // A constant input can be put to the schema itself, with all its checks.
    const exact = isConstant(input) ? zodMismatches(schema, constantOf(input)) : null;
    return exact ?? mismatches({ schema: jsonSchemaOf(schema), partOf }, input);
  }
  return mismatches({ schema, partOf }, input);
}

/** Two copies of zod in one process are ordinary, so no `instanceof`. */
function isZod(schema: ZodType | JsonObject): schema is ZodType {
  return "_zod" in schema;
}

/** `null` where the schema cannot tell: it has checks that wait for something, or that throw. */
function zodMismatches(schema: ZodType, input: Json): readonly Mismatch[] | null {
  try {
    const result = schema.safeParse(input);
    if (result.success) return [];
    return result.error.issues.flatMap((issue) => {
      const path = issue.path.map((key) => (typeof key === "number" ? key : String(key)));
      if (issue.code !== "unrecognized_keys") return [{ path, message: `(${issue.message})` }];
      return issue.keys.map((key) => ({ path: [...path, key], message: "is not a field of this object" }));
    });
  } catch {
    return null;
  }
}

const JSON_SCHEMAS = new WeakMap<ZodType, Json>();

/** Any input, where zod cannot say the schema as JSON Schema. */
function jsonSchemaOf(schema: ZodType): Json {
  let known = JSON_SCHEMAS.get(schema);
  if (known === undefined) {
    try {
      known = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Json;
    } catch {
      known = true;
    }
    JSON_SCHEMAS.set(schema, known);
  }
  return known;
}

function partOf(text: string): StringPart {
  if (!text.includes("{{")) return { known: "value", value: text };
  const bare = text.replaceAll("\\{{", "");
  if (!bare.includes("{{")) return { known: "value", value: text.replaceAll("\\{{", "{{") };
  // `{{ a }}{{ b }}` is a text too, but telling it from `{{ "}}{{" }}` is not worth a parser here.
  return { known: text.startsWith("{{") && text.endsWith("}}") ? "nothing" : "text" };
}

function isConstant(template: Json): boolean {
  if (typeof template === "string") return partOf(template).known === "value";
  if (Array.isArray(template)) return template.every(isConstant);
  return isObject(template) ? Object.values(template).every((member) => isConstant(member as Json)) : true;
}

function constantOf(template: Json): Json {
  if (typeof template === "string") return template.replaceAll("\\{{", "{{");
  if (Array.isArray(template)) return template.map(constantOf);
  if (!isObject(template)) return template;
  return Object.fromEntries(
    Object.entries(template).map(([key, member]) => [key, constantOf(member as Json)]),
  );
}
