/**
 * Reads an expression's tree: which data it names, and how its text must be rewritten before CEL evaluates it.
 *
 * A static path below a root (`input.customer.id`, `nodes.charge.output["id"]`) becomes a variable whose value we look up
 * ourselves: own members only, null where a member is absent, never a prototype. Macro bodies are wrapped so that each turn
 * counts, and `matches` is served by RE2.
 */
import type { ASTNode } from "@marcbachmann/cel-js";
import type { Reference } from "./expression.ts";

const MACROS: ReadonlySet<string> = new Set([
  "map",
  "filter",
  "all",
  "exists",
  "exists_one",
  "existsOne",
  "transformList",
  "transformMap",
  "sortBy",
]);

/** A part of the expression that is looked up by us. */
export interface Path {
  readonly root: Reference["root"];
  readonly path: readonly string[];
  /** `has(path)`: whether the member is there. */
  readonly presence: boolean;
}

export interface Finding {
  readonly message: string;
  /** 0-based. */
  readonly position: number;
}

export interface Analysis {
  readonly paths: readonly Path[];
  readonly references: readonly Reference[];
  readonly findings: readonly Finding[];
  /** The text that CEL evaluates: paths are `v0_`, `v1_` ... */
  readonly rewritten: string;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

interface Chain {
  readonly root: string;
  readonly path: readonly string[];
  readonly start: number;
  readonly end: number;
}

export class Analyser {
  readonly #source: string;
  readonly #roots: ReadonlySet<string>;
  readonly #maxMacroNesting: number;
  readonly #edits: Edit[] = [];
  readonly #paths: Path[] = [];
  readonly #references: Reference[] = [];
  readonly #findings: Finding[] = [];

  constructor(source: string, roots: ReadonlySet<string>, maxMacroNesting: number) {
    this.#source = source;
    this.#roots = roots;
    this.#maxMacroNesting = maxMacroNesting;
  }

  analyse(ast: ASTNode): Analysis {
    this.#visit(ast, new Set(), 0);
    const edits = [...this.#edits].sort((a, b) => b.start - a.start || b.end - a.end);
    let rewritten = this.#source;
    for (const edit of edits)
      rewritten = rewritten.slice(0, edit.start) + edit.text + rewritten.slice(edit.end);
    return { paths: this.#paths, references: this.#references, findings: this.#findings, rewritten };
  }

  #visit(node: ASTNode, locals: ReadonlySet<string>, macros: number): void {
    const chain = chainOf(node);
    if (chain && !locals.has(chain.root)) return this.#visitChain(chain, false);
    const { op } = node;
    const args: unknown = node.args;
    if (op === "call")
      return this.#visitCall(node, args as readonly [string, readonly ASTNode[]], { locals, macros });
    if (op === "rcall") {
      return this.#visitMethod(node, args as readonly [string, ASTNode, readonly ASTNode[]], {
        locals,
        macros,
      });
    }
    this.#visitParts(args, locals, macros);
  }

  #visitParts(part: unknown, locals: ReadonlySet<string>, macros: number): void {
    if (Array.isArray(part)) for (const each of part) this.#visitParts(each, locals, macros);
    else if (isNode(part)) this.#visit(part, locals, macros);
  }

  #visitCall(node: ASTNode, [name, args]: readonly [string, readonly ASTNode[]], at: Place): void {
    const [first] = args;
    const chain = name === "has" && first ? chainOf(first) : null;
    if (chain && !at.locals.has(chain.root)) {
      return this.#visitChain({ ...chain, start: node.start, end: node.end }, true);
    }
    this.#visitParts(args, at.locals, at.macros);
  }

  #visitMethod(node: ASTNode, call: readonly [string, ASTNode, readonly ASTNode[]], at: Place): void {
    const [name, receiver, args] = call;
    if (name === "bind" && receiver.op === "id" && receiver.args === "cel") return this.#visitBind(args, at);
    this.#visit(receiver, at.locals, at.macros);
    if (name === "matches") this.#renameMatches(receiver);
    if (!MACROS.has(name) || args[0]?.op !== "id") return this.#visitParts(args, at.locals, at.macros);
    if (at.macros + 1 > this.#maxMacroNesting) {
      this.#find(node, `macros may be nested ${this.#maxMacroNesting} deep`);
      return;
    }
    const locals = new Set(at.locals).add(args[0].args as string);
    for (const body of args.slice(1)) {
      this.#visit(body, locals, at.macros + 1);
      this.#edits.push({ start: body.start, end: body.start, text: "step_(" });
      this.#edits.push({ start: body.end, end: body.end, text: ")" });
    }
  }

  #visitBind(args: readonly ASTNode[], at: Place): void {
    const [name, value, body] = args;
    if (!name || !value || !body) return;
    this.#visit(value, at.locals, at.macros);
    this.#visit(body, new Set(at.locals).add(String(name.args)), at.macros);
  }

  #renameMatches(receiver: ASTNode): void {
    const start = this.#source.indexOf("matches", receiver.end);
    if (start >= 0) this.#edits.push({ start, end: start + "matches".length, text: "re2_" });
  }

  #visitChain(chain: Chain, presence: boolean): void {
    const { root, path, start, end } = chain;
    if (!this.#roots.has(root)) {
      if (path.length > 0 || !this.#isCallee(root)) this.#find({ start }, `unknown variable "${root}"`);
      return;
    }
    if (root === "nodes" && path.length === 0) {
      this.#find({ start }, "nodes must be named: nodes.<id>.output");
      return;
    }
    const typed = root as Reference["root"];
    const index = this.#paths.push({ root: typed, path, presence }) - 1;
    this.#edits.push({ start, end, text: `v${index}_` });
    this.#references.push(reference(typed, path, start));
  }

  /** `cel` and alike are name spaces, not data. */
  #isCallee(root: string): boolean {
    return root === "cel" || root === "optional" || root === "math" || root === "strings";
  }

  #find(node: { readonly start: number }, message: string): void {
    this.#findings.push({ message, position: node.start });
  }
}

interface Place {
  readonly locals: ReadonlySet<string>;
  readonly macros: number;
}

function reference(root: Reference["root"], path: readonly string[], start: number): Reference {
  const column = start + 1;
  if (root !== "nodes") return { root, path, column };
  const [node, member, ...rest] = path;
  return {
    root,
    column,
    path: rest,
    ...(node === undefined ? {} : { node }),
    ...(member === undefined ? {} : { member }),
  };
}

/** `a.b["c"]` as a root and its members; null for anything else. */
function chainOf(node: ASTNode): Chain | null {
  const path: string[] = [];
  let at = node;
  for (;;) {
    if (at.op === "id")
      return { root: at.args as string, path: path.reverse(), start: node.start, end: node.end };
    if (at.op === ".") {
      const [receiver, member] = at.args as [ASTNode, string];
      path.push(member);
      at = receiver;
    } else if (at.op === "[]") {
      const [receiver, key] = at.args as [ASTNode, ASTNode];
      if (key.op !== "value" || typeof key.args !== "string") return null;
      path.push(key.args);
      at = receiver;
    } else {
      return null;
    }
  }
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === "object" && value !== null && "op" in value && "args" in value;
}

/** Whether the rewritten tree still calls what must not be called. */
export function callsMatches(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(callsMatches);
  if (!isNode(node)) return false;
  if (node.op === "rcall" && (node.args as readonly unknown[])[0] === "matches") return true;
  return callsMatches(node.args);
}
