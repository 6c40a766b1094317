/** How large a definition may be. Checked before anything else reads it, so that what comes after may recurse. */
import { makeIssue, type Issue, type IssuePath } from "./issues.ts";

export interface ValidationLimits {
  /** Default 10,000. */
  readonly maxNodes: number;
  /** Default 100,000. */
  readonly maxEdges: number;
  /** Of the document as JSON text in UTF-8, about. Default 8 MiB. */
  readonly maxBytes: number;
  /** Characters of one expression. Default 4,096. */
  readonly maxExpressionLength: number;
  /** Objects and lists within each other, the document itself included. Default 64; above 500 the call stack may end first. */
  readonly maxDepth: number;
}

export const VALIDATION_LIMITS: ValidationLimits = {
  maxNodes: 10_000,
  maxEdges: 100_000,
  maxBytes: 8 << 20,
  maxExpressionLength: 4_096,
  maxDepth: 64,
};

interface Part {
  readonly value: unknown;
  readonly key: string | number;
  readonly parent: Part | null;
  readonly depth: number;
}

/**
 * Whether the definition is plain JSON of a bearable size: at most one issue, since nothing beyond it is looked at.
 * A value that holds itself ends at the limit of depth, and one that holds the same part again and again at that of size.
 */
export function sizeIssue(definition: unknown, limits: ValidationLimits): Issue | null {
  let bytes = 0;
  const open: Part[] = [{ value: definition, key: "", parent: null, depth: 0 }];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const { value } = part;
    if (typeof value === "object" && value !== null) {
      if (part.depth >= limits.maxDepth) return tooDeep(part, limits);
      const problem = expand(part, value, open);
      if (problem !== null) return notJson(part, problem);
      bytes += 2;
    } else if (typeof value === "string") {
      bytes += 3 + utf8Length(value);
    } else if (
      typeof value === "number" ? Number.isFinite(value) : typeof value === "boolean" || value === null
    ) {
      bytes += 5;
    } else {
      return notJson(part, `is ${typeof value === "number" ? String(value) : `of type ${typeof value}`}`);
    }
    if (typeof part.key === "string") bytes += part.key.length + 3;
    if (bytes > limits.maxBytes) return tooLarge(limits);
  }
  return countIssue(definition as { nodes?: unknown; edges?: unknown } | null, limits);
}

/** Puts the members of an object or list on the stack; says what is wrong where it is neither. */
function expand(part: Part, value: object, open: Part[]): string | null {
  const depth = part.depth + 1;
  if (Array.isArray(value)) {
    for (let key = 0; key < value.length; key++) open.push({ value: value[key], key, parent: part, depth });
    return null;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  // The last step accepts plain objects of another realm too, such as those of a test runner or `node:vm`.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return "is not a plain object";
  for (const [key, member] of Object.entries(value)) {
    // As in JSON: a member that is undefined is absent.
    if (member !== undefined) open.push({ value: member, key, parent: part, depth });
  }
  return null;
}

function countIssue(
  document: { nodes?: unknown; edges?: unknown } | null,
  limits: ValidationLimits,
): Issue | null {
  const nodes = document?.nodes;
  if (typeof nodes === "object" && nodes !== null && Object.keys(nodes).length > limits.maxNodes) {
    return makeIssue("limit_nodes", ["nodes"], {
      message: `The workflow has ${Object.keys(nodes).length} nodes; at most ${limits.maxNodes} are allowed.`,
      next: "Move parts into workflows of their own and run them as children, or raise `maxNodes`.",
    });
  }
  const edges = document?.edges;
  if (Array.isArray(edges) && edges.length > limits.maxEdges) {
    return makeIssue("limit_edges", ["edges"], {
      message: `The workflow has ${edges.length} edges; at most ${limits.maxEdges} are allowed.`,
      next: "Move parts into workflows of their own and run them as children, or raise `maxEdges`.",
    });
  }
  return null;
}

function pathOf(part: Part): IssuePath {
  const path: (string | number)[] = [];
  for (let here: Part = part; here.parent !== null; here = here.parent) path.unshift(here.key);
  return path;
}

function tooDeep(part: Part, limits: ValidationLimits): Issue {
  return makeIssue("limit_depth", pathOf(part), {
    message: `More than ${limits.maxDepth} objects and lists are within each other here.`,
    next: "Make the value flatter, or let an action build it.",
  });
}

function tooLarge(limits: ValidationLimits): Issue {
  return makeIssue("limit_size", [], {
    message: `The document is larger than ${limits.maxBytes} bytes.`,
    next: "Keep data out of the definition: pass it as the run's input, or let an action load it.",
  });
}

function notJson(part: Part, problem: string): Issue {
  return makeIssue("not_json", pathOf(part), {
    message: `The value ${problem}, and JSON has no such value.`,
    next: "Write it as null, true, false, a number, a text, a list or a plain object.",
  });
}

function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is four bytes, so two for each half.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}
