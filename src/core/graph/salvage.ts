/**
 * Makes of a document with problems of shape one that its graph can be checked on, so that a bad duration in one place does
 * not hide a cycle in another. What it makes is never run and never handed out.
 */
import type { EdgeDocument, NodeDocument, WorkflowDocument } from "../definition/document.ts";
import type { Problem } from "../definition/problems.ts";
import type { Json, JsonObject } from "../json.ts";
import { isObject } from "./json-schema.ts";
import { subjectOf, type Subject } from "./subject.ts";

/** Problems after which the definition was not read to its end. */
const HOPELESS: ReadonlySet<string> = new Set([
  "limit_depth",
  "limit_edges",
  "limit_nodes",
  "limit_size",
  "not_json",
]);

/** Per kind the field without which nothing can be said of a node. */
const NEEDED: ReadonlyMap<Json | undefined, string> = new Map([
  ["trigger", "kind"],
  ["action", "action"],
  ["condition", "cases"],
  ["wait", "for"],
]);

const PLACEHOLDER: NodeDocument = { kind: "action", action: "" };

/** `null` where there are no nodes and edges to speak of. */
export function salvage(definition: Json, problems: readonly Problem[]): Subject | null {
  if (problems.some(({ code }) => HOPELESS.has(code)) || !isObject(definition)) return null;
  const { nodes, edges } = definition;
  if (!isObject(nodes) || !Array.isArray(edges) || Object.keys(nodes).length === 0) return null;
  const bad = new BadFields(problems);
  const damaged = new Set<string>();
  const kept = Object.create(null) as Record<string, NodeDocument>;
  for (const [id, node] of Object.entries(nodes)) {
    const repaired = repairNode(node, bad.ofNode(id));
    if (repaired === null) damaged.add(id);
    kept[id] = repaired ?? PLACEHOLDER;
  }
  const positions: number[] = [];
  const keptEdges: EdgeDocument[] = [];
  edges.forEach((edge: Json, position) => {
    const repaired = repairEdge(edge, bad.ofEdge(position));
    if (repaired === null) return;
    keptEdges.push(repaired);
    positions.push(position);
  });
  const document: WorkflowDocument = {
    format: 1,
    name: "",
    nodes: kept,
    edges: keptEdges,
    ...(isObject(definition.input) && !bad.has("input") ? { input: definition.input } : {}),
    ...(definition.output === undefined ? {} : { output: definition.output }),
  };
  return subjectOf(document, { positions, damaged, complete: keptEdges.length === edges.length });
}

class BadFields {
  readonly #top = new Set<string | number>();
  readonly #nodes = new Map<string | number, Set<string | number>>();
  readonly #edges = new Map<string | number, Set<string | number>>();

  constructor(problems: readonly Problem[]) {
    for (const { path } of problems) {
      const [top = "", key, field] = path;
      this.#top.add(top);
      if (key === undefined) continue;
      const fields = top === "nodes" ? this.#nodes : this.#edges;
      fields.set(key, (fields.get(key) ?? new Set()).add(field ?? ""));
    }
  }

  has(field: string): boolean {
    return this.#top.has(field);
  }

  ofNode(id: string): ReadonlySet<string | number> {
    return this.#nodes.get(id) ?? new Set();
  }

  ofEdge(position: number): ReadonlySet<string | number> {
    return this.#edges.get(position) ?? new Set();
  }
}

/** The node without its bad fields; `null` where it is nothing without them. */
function repairNode(node: Json | undefined, bad: ReadonlySet<string | number>): NodeDocument | null {
  if (!isObject(node)) return null;
  // The node's id may be bad, and the node as good as any.
  const good = without(node, bad);
  const needed = NEEDED.get(good.kind);
  if (needed === undefined || good[needed] === undefined) return null;
  return good as object as NodeDocument;
}

function repairEdge(edge: Json | undefined, bad: ReadonlySet<string | number>): EdgeDocument | null {
  if (!isObject(edge)) return null;
  const { from, to, on } = without(edge, bad);
  if (typeof from !== "string" || typeof to !== "string") return null;
  return typeof on === "string" ? { from, to, on } : { from, to };
}

function without(object: JsonObject, bad: ReadonlySet<string | number>): JsonObject {
  if (bad.size === 0) return object;
  return Object.fromEntries(Object.entries(object).filter(([key]) => !bad.has(key)));
}
