/** One form for all documents that mean the same, so that they can be compared and have one checksum. */
import type { Json } from "../json.ts";
import type { EdgeDocument, NodeDocument, WorkflowDocument } from "./document.ts";

const DOCUMENT_FIELDS = [
  "format",
  "name",
  "description",
  "labels",
  "input",
  "nodes",
  "edges",
  "output",
  "retry",
  "timeout",
  "deadline",
  "onFailure",
  "concurrency",
  "lane",
];
const CONCURRENCY_FIELDS = ["key", "limit", "onLimit"];
const EDGE_FIELDS = ["from", "to", "on"];
const JOIN_FIELDS = ["first", "cancelOthers"];
const NODE_FIELDS = [
  "kind",
  "description",
  "join",
  "source",
  "action",
  "cases",
  "for",
  "onTimeout",
  "forEach",
  "concurrency",
  "onItemError",
  "input",
  "credentials",
  "idempotencyKey",
  "timeout",
  "deadline",
  "retry",
  "lane",
  "compensate",
];

const START = "start";

/**
 * The same document in its normal form: fields in one order, nodes and labels by name, and a manual trigger where no node is a
 * trigger, with edges to every node that nothing leads to. The trigger is called `start`, or `start_2`, `start_3` and so
 * on where that id is taken.
 *
 * Changes nothing in a document that is in its normal form already. Templates and schemas are left as they are.
 */
export function normaliseDocument(document: WorkflowDocument): WorkflowDocument {
  const { nodes, edges } = withTrigger(document);
  return ordered(
    {
      ...document,
      nodes: byName(nodes, (node) => ordered(withJoin(node), NODE_FIELDS)),
      edges: edges.map((edge) => ordered(edge, EDGE_FIELDS)),
      ...(document.labels === undefined ? {} : { labels: byName(document.labels, (label) => label) }),
      ...(document.concurrency === undefined
        ? {}
        : { concurrency: ordered(document.concurrency, CONCURRENCY_FIELDS) }),
    },
    DOCUMENT_FIELDS,
  );
}

interface Parts {
  readonly nodes: ReadonlyMap<string, NodeDocument>;
  readonly edges: readonly EdgeDocument[];
}

function withTrigger(document: WorkflowDocument): Parts {
  const nodes = new Map(Object.entries(document.nodes));
  for (const node of nodes.values()) if (node.kind === "trigger") return { nodes, edges: document.edges };
  const reached = new Set(document.edges.map((edge) => edge.to));
  const first = [...nodes.keys()].filter((id) => !reached.has(id)).sort();
  let id = START;
  for (let number = 2; nodes.has(id); number++) id = `${START}_${number}`;
  nodes.set(id, { kind: "trigger", source: { type: "manual" } });
  return { nodes, edges: [...first.map((to) => ({ from: id, to })), ...document.edges] };
}

/** `{ first: true }` without more to it is `"first"`. */
function withJoin(node: NodeDocument): NodeDocument {
  if (typeof node.join !== "object") return node;
  const join = node.join.cancelOthers === true ? ordered(node.join, JOIN_FIELDS) : "first";
  return join === node.join ? node : { ...node, join };
}

/** Keyed by names of users, so without a prototype. */
function byName<T>(
  map: ReadonlyMap<string, T> | { readonly [name: string]: T },
  change: (value: T) => T,
): { readonly [name: string]: T } {
  const result = Object.create(null) as { [name: string]: T };
  const entries = map instanceof Map ? [...map] : Object.entries(map);
  for (const [name, value] of entries.sort(([a], [b]) => compare(a, b))) result[name] = change(value);
  return result;
}

/** Fields that are not in the list come last, by name; those that are undefined are left out. */
function ordered<T extends object>(value: T, fields: readonly string[]): T {
  if (isOrdered(value, fields)) return value;
  const rank = (field: string): number => (fields.includes(field) ? fields.indexOf(field) : fields.length);
  const entries = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => rank(a) - rank(b) || compare(a, b));
  return Object.fromEntries(entries) as T;
}

/** Nearly every edge and many a node: they need no copy. */
function isOrdered(value: object, fields: readonly string[]): boolean {
  let last = -1;
  for (const key of Object.keys(value)) {
    const at = fields.indexOf(key, last + 1);
    if (at === -1 || (value as { readonly [key: string]: unknown })[key] === undefined) return false;
    last = at;
  }
  return true;
}

/** By code units, which is the same on every machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/**
 * The JSON text of a value with the keys of every object in one order: two values that are equal as JSON have the same text. For
 * checksums. Members that are undefined are left out, as in JSON.
 */
export function canonicalJson(value: object | Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonicalJson(item)).join(",")}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => compare(a, b))
    .map(([key, member]: [string, Json]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}
