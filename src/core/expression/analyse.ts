/**
 * Reads an expression's tree: which data it names, and what CEL evaluates in its stead.
 *
 * A static path below a root (`input.customer.id`, `nodes.charge.output["id"]`) becomes a variable whose value we look up
 * ourselves: own members only, null where a member is absent, never a prototype. What may be much work is wrapped so that it
 * counts: `turn_` around the body of a macro, `load_` around values whose size decides how long an operation takes, `added_`
 * around what is added, `deep_` around values that are compared part by part.
 */
import type { ASTNode } from "@marcbachmann/cel-js";
import type { Reference } from "./expression.ts";
import { COMPARISONS, isOperator, LEVELS, levelOf, POSTFIX } from "./operators.ts";

const MACROS: ReadonlySet<string> = new Set(["map", "filter", "all", "exists", "exists_one"]);

/** Methods that we serve ourselves: RE2, and a `join` that knows how long its result may be. */
const OURS: ReadonlySet<string> = new Set(["matches", "join"]);

/** CEL would leave them out and say nothing. */
const DROPPED_KEYS: ReadonlySet<unknown> = new Set(["__proto__", "constructor", "prototype"]);

/** Names that functions hang on. They hold no data. */
const NAMESPACES: ReadonlySet<string> = new Set(["cel", "optional"]);

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

export interface AnalysisOptions {
  readonly roots: ReadonlySet<string>;
  readonly maxMacroNesting: number;
}

export function analyse(source: string, ast: ASTNode, options: AnalysisOptions): Analysis {
  return new Analyser(source, options).analyse(ast);
}

interface Chain {
  readonly root: string;
  readonly path: readonly string[];
}

/** Where in the expression a part stands. */
interface Place {
  /** Variables of macros and of `cel.bind`. They hide roots of the same name. */
  readonly locals: ReadonlySet<string>;
  readonly macros: number;
}

type Operands = readonly [ASTNode, ASTNode];

class Analyser {
  readonly #source: string;
  readonly #options: AnalysisOptions;
  readonly #paths: Path[] = [];
  readonly #references: Reference[] = [];
  readonly #findings: Finding[] = [];

  constructor(source: string, options: AnalysisOptions) {
    this.#source = source;
    this.#options = options;
  }

  analyse(ast: ASTNode): Analysis {
    const rewritten = this.#text(ast, { locals: new Set(), macros: 0 });
    return { paths: this.#paths, references: this.#references, findings: this.#findings, rewritten };
  }

  /** The part as CEL shall evaluate it. */
  #text(node: ASTNode, at: Place): string {
    const chain = chainOf(node);
    if (chain && !at.locals.has(chain.root)) return this.#path(chain, node.start, false);
    switch (node.op) {
      case "value":
        return this.#source.slice(node.start, node.end);
      case "id":
        return local(node.args);
      case ".":
      case ".?":
        return `${this.#operand(node.args[0], POSTFIX, at)}${node.op}${node.args[1]}`;
      case "[]":
        return `${this.#operand(node.args[0], POSTFIX, at)}[${this.#text(node.args[1], at)}]`;
      case "[?]":
        return `${this.#operand(node.args[0], POSTFIX, at)}[?${this.#text(node.args[1], at)}]`;
      case "call":
        return this.#call(node.args, at);
      case "rcall":
        return this.#method(node, node.args, at);
      case "list":
        return `[${node.args.map((item) => this.#text(item, at)).join(", ")}]`;
      case "map":
        return `{${node.args.map((entry) => this.#entry(entry, at)).join(", ")}}`;
      case "!_":
      case "-_":
        return `${node.op[0]}${this.#operand(node.args, levelOf(node), at)}`;
      case "?:":
        return this.#choice(node.args, at);
      case "+":
        return this.#sum(node, at);
      default:
        return this.#binary(node.op, node.args, at);
    }
  }

  /** In parentheses where it binds weaker than what it stands in. */
  #operand(node: ASTNode, level: number, at: Place): string {
    const text = this.#text(node, at);
    return levelOf(node) < level ? `(${text})` : text;
  }

  #choice([when, yes, no]: readonly [ASTNode, ASTNode, ASTNode], at: Place): string {
    const condition = this.#operand(when, LEVELS["||"], at);
    return `${condition} ? ${this.#text(yes, at)} : ${this.#text(no, at)}`;
  }

  #entry([key, value]: Operands, at: Place): string {
    if (key.op === "value" && DROPPED_KEYS.has(key.args))
      this.#find(key.start, `a map must not have the key "${String(key.args)}"`);
    return `${this.#text(key, at)}: ${this.#text(value, at)}`;
  }

  #binary(op: keyof typeof LEVELS, [left, right]: Operands, at: Place): string {
    const wrapper = wrapperOf(op, [left, right]);
    const level = LEVELS[op];
    // Operators of one level are read from the left.
    const first = this.#wrapped(wrapper, left, at) ?? this.#operand(left, level, at);
    const second = this.#wrapped(wrapper, right, at) ?? this.#operand(right, level + 1, at);
    return `${first} ${op} ${second}`;
  }

  /** Each sum copies what is left of it, so in a long chain the first list is copied for every other one. */
  #sum(node: ASTNode, at: Place): string {
    const operands = operandsOf(node);
    const texts = operands.map((operand, i) => {
      if (isCounted(operand)) return `added_(${this.#text(operand, at)}, ${operands.length - i})`;
      return this.#operand(operand, i === 0 ? LEVELS["+"] : LEVELS["+"] + 1, at);
    });
    return texts.join(" + ");
  }

  #wrapped(wrapper: string | null, node: ASTNode, at: Place): string | null {
    if (wrapper === null || !isCounted(node)) return null;
    return `${wrapper}(${this.#text(node, at)})`;
  }

  #loaded(node: ASTNode, at: Place): string {
    return this.#wrapped("load_", node, at) ?? this.#text(node, at);
  }

  #call([name, args]: readonly [string, readonly ASTNode[]], at: Place): string {
    if (name !== "has") return `${name}(${args.map((arg) => this.#loaded(arg, at)).join(", ")})`;
    const [first] = args;
    const chain = first ? chainOf(first) : null;
    if (first && chain && !at.locals.has(chain.root)) return this.#path(chain, first.start, true);
    return `has(${args.map((arg) => this.#text(arg, at)).join(", ")})`;
  }

  #method(node: ASTNode, call: readonly [string, ASTNode, readonly ASTNode[]], at: Place): string {
    const [name, receiver, args] = call;
    const [first] = args;
    if (receiver.op === "id" && NAMESPACES.has(receiver.args) && !at.locals.has(receiver.args)) {
      return name === "bind" && first?.op === "id"
        ? this.#bind(first.args, args.slice(1), at)
        : `${receiver.args}.${name}(${args.map((arg) => this.#text(arg, at)).join(", ")})`;
    }
    if (MACROS.has(name) && first?.op === "id") return this.#macro(node, call, at);
    const target = this.#wrapped("load_", receiver, at) ?? this.#operand(receiver, POSTFIX, at);
    const own = OURS.has(name) ? `${name}_` : name;
    return `${target}.${own}(${args.map((arg) => this.#loaded(arg, at)).join(", ")})`;
  }

  #macro(node: ASTNode, call: readonly [string, ASTNode, readonly ASTNode[]], at: Place): string {
    const [name, receiver, [variable, ...bodies]] = call;
    const target = this.#operand(receiver, POSTFIX, at);
    if (at.macros >= this.#options.maxMacroNesting)
      this.#find(node.start, `macros may be nested ${this.#options.maxMacroNesting} deep`);
    const named = variable?.args as string;
    const inside = { locals: new Set(at.locals).add(named), macros: at.macros + 1 };
    const turns = bodies.map((body) => `turn_(${this.#text(body, inside)})`);
    return `${target}.${name}(${[local(named), ...turns].join(", ")})`;
  }

  #bind(name: string, [value, ...bodies]: readonly ASTNode[], at: Place): string {
    const inside = { ...at, locals: new Set(at.locals).add(name) };
    const parts = value ? [this.#text(value, at)] : [];
    for (const body of bodies) parts.push(this.#text(body, inside));
    return `cel.bind(${[local(name), ...parts].join(", ")})`;
  }

  #path({ root, path }: Chain, start: number, presence: boolean): string {
    if (!this.#options.roots.has(root)) this.#find(start, `unknown variable "${root}"`);
    else if (root === "nodes" && path.length === 0)
      this.#find(start, "nodes must be named: nodes.<id>.output");
    const known = root as Reference["root"];
    this.#references.push(reference(known, path, start));
    return `v${this.#paths.push({ root: known, path, presence }) - 1}_`;
  }

  #find(position: number, message: string): void {
    this.#findings.push({ message, position });
  }
}

/** Such a name is none of ours, whatever the user calls his variable. */
function local(name: string): string {
  return `${name}__`;
}

/** Literals are as short as the expression, and operators have counted what they were given. */
function isCounted(node: ASTNode): boolean {
  return node.op !== "value" && !isOperator(node);
}

/** `a + b + c` as its parts, from the left. */
function operandsOf(sum: ASTNode): readonly ASTNode[] {
  const operands: ASTNode[] = [];
  let at = sum;
  while (at.op === "+") {
    operands.push(at.args[1]);
    at = at.args[0];
  }
  return [...operands, at].reverse();
}

/** What the operands of an operator are wrapped in; `null`: their size does not matter. */
function wrapperOf(op: string, operands: Operands): string | null {
  if (!COMPARISONS.has(op)) return null;
  const isShort = operands.some((operand) => operand.op === "value");
  if (op === "in") return isShort ? "load_" : "deep_";
  if (isShort) return null;
  return op === "==" || op === "!=" ? "deep_" : "load_";
}

function reference(root: Reference["root"], path: readonly string[], start: number): Reference {
  const column = start + 1;
  if (root !== "nodes") return { root, path, column };
  const [node = "", member, ...rest] = path;
  return { root, column, path: rest, node, ...(member === undefined ? {} : { member }) };
}

/** `a.b["c"]` as a root and its members; null for anything else. */
function chainOf(node: ASTNode): Chain | null {
  const path: string[] = [];
  let at = node;
  for (;;) {
    if (at.op === "id") return { root: at.args, path: path.reverse() };
    if (at.op === ".") {
      path.push(at.args[1]);
      at = at.args[0];
    } else if (at.op === "[]") {
      const [receiver, key] = at.args;
      if (key.op !== "value" || typeof key.args !== "string") return null;
      path.push(key.args);
      at = receiver;
    } else {
      return null;
    }
  }
}
