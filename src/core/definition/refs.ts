/**
 * References, expressions and texts of the builder: objects that remember what they read and become `{{ }}` in the document.
 *
 * A reference is a proxy over a function: every member of it is a reference one step further, and `.at(0)` and `.orNull` are taken
 * out of the path again when they turn out not to be fields.
 */
import { FlowForgeError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { Expression, LooseRef, Text } from "./reference-types.ts";

/** A node that a part of a template reads. `failure`: its error, which only exists after the outcome `error`. */
export interface NodeRead {
  readonly id: string;
  readonly failure: boolean;
}

/** What is behind a reference, an expression or a text. */
export interface Source {
  /** CEL. */
  readonly expression: string;
  /** The string for the document, where it is not `{{ expression }}`. */
  readonly template?: string;
  readonly reads: readonly NodeRead[];
  /** Which builder made it; `null`: it reads no node. */
  readonly owner: object | null;
}

const SOURCES = new WeakMap<object, Source>();

/** `undefined` for anything that is not a reference, an expression or a text. */
export function sourceOf(value: unknown): Source | undefined {
  const isKey = typeof value === "function" || (typeof value === "object" && value !== null);
  return isKey ? SOURCES.get(value) : undefined;
}

type Step = string | number;

export interface Root {
  readonly expression: string;
  readonly reads: readonly NodeRead[];
  readonly owner: object;
}

/** A reference to a root, `input` or `nodes.charge.output`, and to everything below it. */
export function makeRef(root: Root, path: readonly Step[] = []): LooseRef {
  const members = new Map<string, LooseRef>();
  const proxy = new Proxy(() => {}, {
    get: (_, member) => {
      if (typeof member === "symbol") return refuse(celPath(root.expression, path), `the symbol ${String(member)}`);
      if (member === "orNull") return proxy;
      const known = members.get(member) ?? makeRef(root, [...path, member]);
      members.set(member, known);
      return known;
    },
    apply: (_, __, args: readonly unknown[]) => {
      const [index] = args;
      if (path.at(-1) !== "at" || !Number.isInteger(index) || (index as number) < 0) {
        return refuse(celPath(root.expression, path), "a call");
      }
      return makeRef(root, [...path.slice(0, -1), index as number]);
    },
    set: (_, member) => refuse(celPath(root.expression, path), `an assignment to ${String(member)}`),
  }) as unknown as LooseRef;
  const { reads, owner } = root;
  SOURCES.set(proxy, { expression: celPath(root.expression, path), reads, owner });
  return proxy;
}

function refuse(expression: string, what: string): never {
  throw new FlowForgeError("definition_invalid", {
    subject: `the reference ${expression}`,
    expected: "a reference as a whole value, or inside of expr`...` or text`...`",
    received: what,
    next: "A reference has no value while the workflow is written down. Compute with expr`${ref} + 1`, join texts with text`Hello ${ref}`.",
  });
}

/** Words that CEL does not read as the name of a member. */
const RESERVED = new Set(["in", "true", "false", "null", "as", "break", "const", "continue", "else", "for", "function", "if"]);
const MORE_RESERVED = ["import", "let", "loop", "package", "namespace", "return", "var", "void", "while"];
for (const word of MORE_RESERVED) RESERVED.add(word);

function celPath(root: string, path: readonly Step[]): string {
  return path.reduce<string>((before, step) => {
    if (typeof step === "number") return `${before}[${step}]`;
    return /^[A-Za-z_][A-Za-z0-9_]*$/.test(step) && !RESERVED.has(step) ? `${before}.${step}` : `${before}[${JSON.stringify(step)}]`;
  }, root);
}

function remember<T extends object>(source: Source): T {
  const made = Object.freeze({ toString: () => refuse(source.expression, "a conversion to text") }) as unknown as T;
  SOURCES.set(made, source);
  return made;
}

/** The `expr` of the builder. */
export function expr(parts: TemplateStringsArray, ...values: readonly unknown[]): Expression {
  const sources = values.map(sourceOf);
  const expression = parts.reduce((before, part, index) => {
    const value = values[index - 1];
    const source = sources[index - 1];
    return before + (source === undefined ? celLiteral(value) : inside(source)) + part;
  });
  return remember<Expression>({ expression: expression.trim(), ...joined(sources) });
}

/** The `text` of the builder. */
export function text(parts: TemplateStringsArray, ...values: readonly unknown[]): Text {
  const sources = values.map(sourceOf);
  const template = parts.reduce((before, part, index) => {
    const source = sources[index - 1];
    const value = source === undefined ? constant(values[index - 1]) : null;
    return value === null ? `${closed(before)}{{ ${(source as Source).expression} }}${escaped(part)}` : closed(before + value) + escaped(part);
  }, escapedStart(parts[0] as string));
  // One expression alone would keep its type; with an empty text beside it, it is joined.
  const alone = parts.length === 2 && parts.every((part) => part === "") && sources[0] !== undefined;
  return remember<Text>({
    expression: template,
    template: alone ? `{{ "" }}${template}` : template,
    ...joined(sources),
  });
}
