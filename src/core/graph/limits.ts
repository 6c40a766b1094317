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

type Key = string | number;

/**
 * Whether the definition is plain JSON of a bearable size: at most one issue, since nothing beyond it is looked at.
 * A value that holds itself ends at the limit of depth, and one that holds the same part again and again at that of size.
 */
export function sizeIssue(definition: unknown, limits: ValidationLimits): Issue | null {
  return new Measurement(limits).of(definition, 0) ?? countIssue(definition as Counted | null, limits);
}

class Measurement {
  readonly #limits: ValidationLimits;
  /** Where the value that is looked at stands. */
  readonly #path: Key[] = [];
  #bytes = 0;

  constructor(limits: ValidationLimits) {
    this.#limits = limits;
  }

  of(value: unknown, depth: number): Issue | null {
    switch (typeof value) {
      case "string":
        // The length first: the bytes of a text that is far too long are not worth counting.
        return this.#count(value.length + 3) ?? this.#count(extraBytes(value));
      case "number":
        return Number.isFinite(value) ? this.#count(5) : this.#notJson(`is ${value}`);
      case "boolean":
        return this.#count(5);
      case "object":
        if (value === null) return this.#count(5);
        if (depth >= this.#limits.maxDepth) return tooDeep(this.#path, this.#limits);
        return Array.isArray(value) ? this.#list(value, depth + 1) : this.#object(value, depth + 1);
      default:
        return this.#notJson(`is of type ${typeof value}`);
    }
  }

  /** Every item is at least one character and a comma, so a list of thousands of millions of holes ends before its items. */
  #list(list: readonly unknown[], depth: number): Issue | null {
    let issue = this.#count(2 + list.length);
    for (let index = 0; index < list.length && issue === null; index++) {
      this.#path.push(index);
      issue = this.of(list[index], depth);
      this.#path.pop();
    }
    return issue;
  }

  #object(object: object, depth: number): Issue | null {
    const prototype: unknown = Object.getPrototypeOf(object);
    // The last step accepts plain objects of another realm too, such as those of a test runner or `node:vm`.
    if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null) {
      return this.#notJson("is not a plain object");
    }
    let issue = this.#count(2);
    for (const key of Object.keys(object)) {
      if (issue !== null) return issue;
      const member = (object as { readonly [key: string]: unknown })[key];
      // As in JSON: a member that is undefined is absent.
      if (member === undefined) continue;
      this.#path.push(key);
      issue = this.#count(key.length + 3) ?? this.of(member, depth);
      this.#path.pop();
    }
    return issue;
  }

  #count(bytes: number): Issue | null {
    this.#bytes += bytes;
    return this.#bytes > this.#limits.maxBytes ? tooLarge(this.#limits) : null;
  }

  #notJson(problem: string): Issue {
    return makeIssue("not_json", [...this.#path], {
      message: `The value ${problem}, and JSON has no such value.`,
      next: "Write it as null, true, false, a number, a text, a list or a plain object.",
    });
  }
}

interface Counted {
  readonly nodes?: unknown;
  readonly edges?: unknown;
}

function countIssue(document: Counted | null, limits: ValidationLimits): Issue | null {
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

function tooDeep(path: IssuePath, limits: ValidationLimits): Issue {
  return makeIssue("limit_depth", [...path], {
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

/** How many bytes more than characters a text has in UTF-8. */
function extraBytes(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is four bytes, so two for each half.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}
