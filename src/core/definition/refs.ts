/**
 * References of the builder: objects that remember what they read and become `{{ }}` in the document.
 *
 * A reference is a proxy over a function: every member of it is a reference one step further. `.at(0)` is such a member that is
 * called, so a field may be named `at` too.
 */
import { DefinitionError } from "../graph/definition-error.ts";
import { makeIssue } from "../graph/issues.ts";
import type { LooseRef } from "./reference-types.ts";

/** A node that a part of a template reads. `failure`: its error, which only exists after the outcome `error`. */
export interface NodeRead {
  readonly id: string;
  readonly failure: boolean;
}

/** A part of a template: a literal text, or CEL. */
export type Piece = { readonly literal: string } | { readonly expression: string };

/** What is behind a reference, an expression or a text. */
export interface Source {
  readonly type: "reference" | "expression" | "text";
  /** A text may have any number, everything else is one expression. */
  readonly pieces: readonly Piece[];
  readonly reads: readonly NodeRead[];
  /** The builders whose references are in it: one, unless somebody mixed workflows. */
  readonly owners: ReadonlySet<object>;
}

const SOURCES = new WeakMap<object, Source>();

/** `undefined` for anything that is not a reference, an expression or a text. */
export function sourceOf(value: unknown): Source | undefined {
  const isKey = typeof value === "function" || (typeof value === "object" && value !== null);
  return isKey ? SOURCES.get(value) : undefined;
}

/** The CEL of a reference or an expression. */
export function expressionOf({ pieces }: Source): string {
  return (pieces[0] as { readonly expression: string }).expression;
}

/** Makes `target` stand for `source` in templates. */
export function remember(target: object, source: Source): void {
  SOURCES.set(target, source);
}

export interface Root {
  readonly expression: string;
  readonly reads: readonly NodeRead[];
  /** Stands for one builder. */
  readonly owner: { readonly workflow: string };
}

type Step = string | number;

/** A reference to a root, `input` or `nodes.charge.output`, and to everything below it. */
export function makeRef(root: Root, path: readonly Step[] = []): LooseRef {
  const expression = celPath(root.expression, path);
  const refuse = (what: string): never => refuseUse(root.owner, expression, what);
  const members = new Map<string, LooseRef>();
  // The target only has to be callable and own nothing that a proxy must show.
  const proxy = new Proxy(refuse, {
    get: (_, member) => {
      if (typeof member === "symbol") return refuse(`is used as a value (${String(member)})`);
      if (member === "orNull") return proxy;
      const known = members.get(member) ?? makeRef(root, [...path, member]);
      members.set(member, known);
      return known;
    },
    apply: (_, __, args: readonly unknown[]) => {
      const [step] = args;
      const fits = typeof step === "string" || (Number.isSafeInteger(step) && (step as number) >= 0);
      if (path.at(-1) !== "at" || args.length !== 1 || !fits) return refuse("is called as a function");
      return makeRef(root, [...path.slice(0, -1), step as Step]);
    },
    set: (_, member) => refuse(`is assigned to (${String(member)})`),
    has: (_, member) => refuse(`is searched with \`in\` (${String(member)})`),
    ownKeys: () => refuse("is taken apart (its members are not known yet)"),
  }) as object as LooseRef;
  remember(proxy, {
    type: "reference",
    pieces: [{ expression }],
    reads: root.reads,
    owners: new Set([root.owner]),
  });
  return proxy;
}

/** JavaScript wants a value of something that has none while the workflow is written down. */
export function refuseUse(owner: Root["owner"], expression: string, what: string): never {
  const issue = makeIssue("expression_invalid", [], {
    message: `\`${expression}\` ${what}, and has no value while the workflow is written down.`,
    next: "Pass it on as it is, compute with expr`${ref} + 1`, join texts with text`Hello ${ref}`; an item of a list is ref.at(0).",
  });
  throw new DefinitionError(owner.workflow, [issue]);
}

/** Words that CEL does not read as the name of a member. */
const RESERVED: ReadonlySet<string> = new Set(
  "as break const continue else false for function if import in let loop namespace null package return true var void while".split(
    " ",
  ),
);

function celPath(root: string, path: readonly Step[]): string {
  return path.reduce<string>((before, step) => {
    if (typeof step === "number") return `${before}[${step}]`;
    const isName = /^[A-Za-z_][A-Za-z0-9_]*$/.test(step) && !RESERVED.has(step);
    return isName ? `${before}.${step}` : `${before}[${JSON.stringify(step)}]`;
  }, root);
}
