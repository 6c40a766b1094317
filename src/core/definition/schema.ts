/**
 * Writing a workflow down: the document, its schema, and `defineWorkflow`, which records one from code.
 *
 *   anything -> parseDocument (size, keys, shape) -> normaliseDocument (trigger, order of keys) -> core/graph
 *   build()  -> Recorder (nodes, reads) -> Templates (references become text) -> buildEdges -> a document, and on as above
 *
 * Invariants of this folder:
 * - Nothing here throws on strange data but on purpose; `parseDocument` never throws.
 * - Size and depth are known to be bearable before anything recurses.
 * - Maps keyed by names of users have no prototype, and a key `__proto__` is reported, never lost.
 * - A field that is not understood is a problem: to ignore it would be to run something else than what was written.
 */
import type { z } from "zod";
import { sizeIssue, VALIDATION_LIMITS, type ValidationLimits } from "../graph/limits.ts";
import type { Json, JsonObject } from "../json.ts";
import { didYouMean } from "../suggestion.ts";
import type { WorkflowDocument } from "./document.ts";
import { documentSchema, type Place, placeOf, type RuleParams } from "./document-schema.ts";
import { schemaProblems } from "./json-schema.ts";
import { isObject } from "./json-schema-shape.ts";
import { fits, NODE_ID } from "./names.ts";
import type { Problem, ShapeCode } from "./problems.ts";

export interface ParsedDocument {
  /** `null` where there are problems. A copy: later changes to the value that was parsed do not reach it. */
  readonly document: WorkflowDocument | null;
  /** Every problem, in the order of the document as far as there is one. */
  readonly problems: readonly Problem[];
}

type Path = readonly (string | number)[];

/**
 * Reads a document of unknown origin. Use it for JSON that an editor, a file or a request brought; `validateWorkflow` does, and
 * looks at the graph too.
 *
 * `limits`: how large it may be, by default 8 MiB, 64 levels, 10,000 nodes and 100,000 edges. Never throws.
 */
export function parseDocument(value: unknown, limits: Partial<ValidationLimits> = {}): ParsedDocument {
  try {
    const tooLarge = sizeIssue(value, { ...VALIDATION_LIMITS, ...limits });
    if (tooLarge !== null) return failed([tooLarge as Problem]);
    const problems: Problem[] = [];
    const copy = copyJson(value as Json, [], problems);
    checkNodeIds(copy, problems);
    const parsed = documentSchema.safeParse(copy);
    if (!parsed.success) problems.push(...parsed.error.issues.flatMap((issue) => problemsOf(issue, copy)));
    if (isObject(copy) && isObject(copy.input)) problems.push(...schemaProblems(copy.input, ["input"]));
    if (!parsed.success || problems.length > 0) return failed(problems);
    return { document: withoutPrototypes(parsed.data as WorkflowDocument), problems };
  } catch (cause) {
    return failed([
      problem("not_json", [], `The definition cannot be read: ${String(cause).slice(0, 200)}.`),
    ]);
  }
}

function failed(problems: readonly Problem[]): ParsedDocument {
  return { document: null, problems };
}

/**
 * A copy without members that are `undefined` (absent, as in JSON) and without keys named `__proto__`, which are reported. `path` is
 * one list for the whole walk, and the same again at its end.
 */
function copyJson(value: Json, path: (string | number)[], problems: Problem[]): Json {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((item: Json, index) => {
      path.push(index);
      const copied = copyJson(item, path, problems);
      path.pop();
      return copied;
    });
  }
  const copy: Record<string, Json> = {};
  for (const key of Object.keys(value)) {
    const member = (value as JsonObject)[key];
    path.push(key);
    if (key === "__proto__") problems.push(forbiddenKey(path));
    else if (member !== undefined) copy[key] = copyJson(member, path, problems);
    path.pop();
  }
  return copy;
}

function forbiddenKey(path: Path): Problem {
  if (path.length === 2 && path[0] === "nodes") return nodeIdProblem(path[1] as string);
  return problem("key_forbidden", [...path], "The key `__proto__` is not allowed.");
}

function checkNodeIds(document: Json, problems: Problem[]): void {
  if (!isObject(document) || !isObject(document.nodes)) return;
  for (const id of Object.keys(document.nodes)) if (!fits(NODE_ID, id)) problems.push(nodeIdProblem(id));
}

function nodeIdProblem(id: string): Problem {
  return problem(
    "node_id_invalid",
    ["nodes", id],
    `${JSON.stringify(id.slice(0, 80))} cannot be the id of a node.`,
  );
}

/** Node ids and labels are names of users. */
function withoutPrototypes(document: WorkflowDocument): WorkflowDocument {
  const { nodes, labels } = document;
  return {
    ...document,
    nodes: Object.assign(Object.create(null) as typeof nodes, nodes),
    ...(labels === undefined ? {} : { labels: Object.assign(Object.create(null) as typeof labels, labels) }),
  };
}

function problemsOf(issue: z.core.$ZodIssue, root: Json): readonly Problem[] {
  const path = issue.path as Path;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => fieldProblem(issue.message, [...path, key], key));
    case "custom": {
      const { code, next } = issue.params as RuleParams & typeof issue.params;
      return [{ code, path, message: issue.message, next }];
    }
    case "invalid_key":
      // The name of a label: the issues inside are about the key itself.
      return issue.issues.flatMap((inner) =>
        problemsOf({ ...inner, path: issue.path } as z.core.$ZodIssue, root),
      );
    default:
      return [plainProblem(issue, path, at(root, path))];
  }
}

function fieldProblem(marker: string, path: Path, key: string): Problem {
  // Every object of the document with a closed list of fields is a place.
  const place = placeOf(marker) as Place;
  if (place.later.includes(key)) {
    return problem("not_supported_yet", path, `The field \`${key}\` of ${place.name} is not supported yet.`);
  }
  return {
    code: "field_unknown",
    path,
    message: `There is no field \`${key.slice(0, 80)}\` in ${place.name}.`,
    next: `Use ${place.fields.join(", ")}.${didYouMean(key, place.fields)}`,
  };
}

function plainProblem(issue: z.core.$ZodIssue, path: Path, value: unknown): Problem {
  if (value === undefined) {
    return problem("field_missing", path, {
      message: `The field \`${String(path.at(-1))}\` is missing.`,
      ...expectedBy(issue),
    });
  }
  if (path.length === 1 && path[0] === "format") {
    return problem("format_unknown", path, `The format is ${show(value)}; this version knows 1.`);
  }
  if (issue.code === "invalid_union" && "options" in issue) {
    // Zod's type does not know the field, which it sets where a discriminator is not one of the known.
    const options = (issue.options as unknown[]).map(String);
    return problem("kind_unknown", path, {
      message: `${show(value)} does not exist here.`,
      next: `Use ${options.join(", ")}.${typeof value === "string" ? didYouMean(value, options) : ""}`,
    });
  }
  return problem("field_invalid", path, {
    message: `The value ${show(value)} does not fit here.`,
    ...expectedBy(issue),
  });
}

function expectedBy(issue: z.core.$ZodIssue): { readonly next: string } {
  return { next: `${issue.message.replace(/^Invalid input: e/, "E")}.` };
}

const NEXT: Partial<Record<ShapeCode, string>> = {
  format_unknown: 'Write `"format": 1`, or use a version of FlowForge that knows this format.',
  key_forbidden: "Give it another name.",
  node_id_invalid: `Use ${NODE_ID.words}; \`__proto__\`, \`constructor\` and \`prototype\` are reserved.`,
  not_json: "Pass plain objects, lists, texts, numbers, true, false and null.",
  not_supported_yet: "Leave it out for now; it is part of the format and will come with a later version.",
};

function problem(code: ShapeCode, path: Path, text: string | Pick<Problem, "message" | "next">): Problem {
  const { message, next } = typeof text === "string" ? { message: text, next: NEXT[code] as string } : text;
  return { code, path, message, next };
}

function at(root: Json, path: Path): unknown {
  let here: unknown = root;
  for (const key of path) {
    here =
      typeof here === "object" && here !== null && Object.hasOwn(here, key)
        ? (here as JsonObject)[key]
        : undefined;
  }
  return here;
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
