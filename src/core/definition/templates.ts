/** What `build` passes as data becomes templates here: references turn into `{{ }}`, everything else stands for itself. */
import { makeIssue, type Issue, type IssuePath } from "../graph/issues.ts";
import type { Json } from "../json.ts";
import { escapeText, templateOf } from "./interpolation.ts";
import { expressionOf, type NodeRead, type Source, sourceOf } from "./refs.ts";

/** Deeper values are left as they are: the document is then refused for its depth, and a value that holds itself comes to an end. */
const MAX_DEPTH = 64;

export interface Rendered {
  /** `undefined`: nothing was given. */
  readonly json: Json | undefined;
  readonly reads: readonly NodeRead[];
}

const NOTHING: Rendered = { json: undefined, reads: [] };

/** The templates of one workflow. What is wrong with them is added to `issues`. */
export class Templates {
  readonly #owner: object;
  readonly #issues: Issue[];

  constructor(owner: object, issues: Issue[]) {
    this.#owner = owner;
    this.#issues = issues;
  }

  template(value: unknown, path: IssuePath): Rendered {
    const reads: NodeRead[] = [];
    return { json: this.#json(value, path, reads) as Json | undefined, reads };
  }

  /** A bare expression, without braces. */
  expression(value: unknown, path: IssuePath): Rendered {
    if (value === undefined) return NOTHING;
    const source = sourceOf(value);
    if (source !== undefined && source.type !== "text") {
      const reads = this.#readsOf(source, path);
      return { json: expressionOf(source), reads };
    }
    this.#issues.push(
      makeIssue("expression_invalid", path, {
        message: "Here must be an expression.",
        next: "Write expr`${...} > 0`, or pass a reference to a value that is true or false.",
      }),
    );
    // Something that compiles, so that there is no second problem.
    return { json: "true", reads: [] };
  }

  /** What is no JSON stays as it is, and is refused with its path when the document is checked. */
  #json(value: unknown, path: IssuePath, reads: NodeRead[]): unknown {
    const source = sourceOf(value);
    if (source !== undefined) {
      reads.push(...this.#readsOf(source, path));
      return templateOf(source);
    }
    if (typeof value === "string") return escapeText(value);
    if (typeof value !== "object" || value === null || path.length > MAX_DEPTH) return value;
    if (Array.isArray(value)) return value.map((item, index) => this.#json(item, [...path, index], reads));
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype) return value;
    // Without a prototype, so that a key `__proto__` is there to be refused.
    const copy = Object.create(null) as Record<string, unknown>;
    for (const [key, member] of Object.entries(value)) copy[key] = this.#json(member, [...path, key], reads);
    return copy;
  }

  #readsOf({ owners, reads }: Source, path: IssuePath): readonly NodeRead[] {
    if ([...owners].every((owner) => owner === this.#owner)) return reads;
    this.#issues.push(
      makeIssue("reference_unknown", path, {
        message: "This is a reference of another workflow.",
        next: "Use what this `build` was given, and the nodes that it has made.",
      }),
    );
    return [];
  }
}
