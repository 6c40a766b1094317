/**
 * Templates: JSON whose strings may hold `{{ expression }}`. A string that is exactly one expression yields its value with its
 * type; otherwise the results are joined into text. `\{{` is a literal `{{`. What an expression yields is never looked at again.
 */
import type { Json } from "../json.ts";
import {
  type ExpressionOptions,
  type ExpressionProblem,
  failed,
  invalid,
  parseExpression,
} from "./compile.ts";
import type { CompiledExpression, CompiledTemplate, Reference, Scope } from "./expression.ts";
import { EXPRESSION_LIMITS } from "./limits.ts";
import { setMember } from "./result.ts";
import { Steps } from "./steps.ts";

export type ParsedTemplate =
  | { readonly template: CompiledTemplate; readonly problems: readonly [] }
  | { readonly template: null; readonly problems: readonly ExpressionProblem[] };

/** `null`: the part is constant. */
type Render = ((scope: Scope, steps: Steps) => Json) | null;

/** Compiles a template and lists everything that is wrong with it. Never throws. */
export function parseTemplate(source: Json, options: ExpressionOptions = {}): ParsedTemplate {
  const compiler = new TemplateCompiler(options);
  const render = compiler.compile(source, []);
  const { problems, references } = compiler;
  if (problems.length > 0) return { template: null, problems };
  const { maxSteps } = { ...EXPRESSION_LIMITS, ...options.limits };
  const template: CompiledTemplate = {
    source,
    references,
    render: (scope) => (render ? render(scope, new Steps(maxSteps)) : unescaped(source)),
  };
  return { template, problems: [] };
}

/** Throws `expression_invalid`. */
export function compileTemplate(source: Json, options: ExpressionOptions = {}): CompiledTemplate {
  const parsed = parseTemplate(source, options);
  if (parsed.template) return parsed.template;
  throw invalid(parsed.problems[0]!);
}

class TemplateCompiler {
  readonly problems: ExpressionProblem[] = [];
  readonly references: Reference[] = [];
  readonly #options: ExpressionOptions;
  readonly #maxDepth: number;
  readonly #maxText: number;

  constructor(options: ExpressionOptions) {
    this.#options = options;
    const { maxTemplateDepth, maxText } = { ...EXPRESSION_LIMITS, ...options.limits };
    this.#maxDepth = maxTemplateDepth;
    this.#maxText = maxText;
  }

  compile(source: Json, path: readonly (string | number)[]): Render {
    if (typeof source === "string") return source.includes("{{") ? this.#text(source, path) : null;
    if (typeof source !== "object" || source === null) return null;
    if (path.length >= this.#maxDepth) {
      this.#problem(`is nested deeper than ${this.#maxDepth} levels`, { source: "", position: 0, path });
      return null;
    }
    return Array.isArray(source)
      ? this.#list(source, path)
      : this.#members(source as { [key: string]: Json }, path);
  }

  #list(source: readonly Json[], path: readonly (string | number)[]): Render {
    const renders = source.map((item, index) => this.compile(item, [...path, index]));
    if (renders.every((render) => render === null)) return null;
    return (scope, steps) =>
      source.map((item, index) => {
        const render = renders[index];
        return render ? render(scope, steps) : unescaped(item);
      });
  }

  #members(source: { readonly [key: string]: Json }, path: readonly (string | number)[]): Render {
    const members = Object.entries(source).map(([key, member]) => ({
      key,
      member,
      render: this.compile(member, [...path, key]),
    }));
    if (members.every(({ render }) => render === null)) return null;
    return (scope, steps) => {
      const rendered: Record<string, Json> = {};
      for (const { key, member, render } of members)
        setMember(rendered, key, render ? render(scope, steps) : unescaped(member));
      return rendered;
    };
  }

  #text(source: string, path: readonly (string | number)[]): Render {
    const parts = split(source);
    const compiled: (string | CompiledExpression)[] = [];
    for (const part of parts) {
      if (part.type === "text") compiled.push(part.text);
      else if (part.type === "open") this.#problem("{{ without }}", { source, position: part.start, path });
      else {
        const expression = this.#expression(part, { source, path });
        if (expression) compiled.push(expression);
      }
    }
    const [only] = compiled;
    if (compiled.length === 1 && typeof only === "object")
      return (scope, steps) => only.evaluate(scope, steps);
    if (compiled.every((part) => typeof part === "string")) return null;
    return (scope, steps) => this.#joined(source, compiled, (part) => asText(part.evaluate(scope, steps)));
  }

  #joined(
    source: string,
    parts: readonly (string | CompiledExpression)[],
    evaluate: (part: CompiledExpression) => string,
  ): string {
    let text = "";
    for (const part of parts) {
      text += typeof part === "string" ? part : evaluate(part);
      if (text.length > this.#maxText) throw failed(source, new RangeError("the result is too long a text"));
    }
    return text;
  }

  #expression(
    part: { readonly text: string; readonly start: number },
    at: { source: string; path: readonly (string | number)[] },
  ) {
    const { expression, problems } = parseExpression(part.text, this.#options);
    const offset = part.start;
    for (const { message, column } of problems)
      this.#problem(message, { ...at, position: offset + column - 1 });
    for (const each of expression?.references ?? [])
      this.references.push({ ...each, column: each.column + offset });
    return expression;
  }

  #problem(
    message: string,
    at: { source: string; position: number; path: readonly (string | number)[] },
  ): void {
    this.problems.push({
      code: "expression_invalid",
      message,
      source: at.source,
      column: at.position + 1,
      path: at.path,
    });
  }
}

type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "expression"; readonly text: string; readonly start: number }
  | { readonly type: "open"; readonly start: number };

/** Splits a text into literal parts and expressions. `}}` inside a CEL string or a map literal does not end an expression. */
function split(source: string): readonly Part[] {
  const parts: Part[] = [];
  let text = "";
  let at = 0;
  while (at < source.length) {
    if (source.startsWith("\\{{", at)) {
      text += "{{";
      at += 3;
    } else if (source.startsWith("{{", at)) {
      const end = endOfExpression(source, at + 2);
      if (text !== "") parts.push({ type: "text", text });
      text = "";
      if (end < 0) return [...parts, { type: "open", start: at }];
      parts.push({ type: "expression", text: source.slice(at + 2, end), start: at + 2 });
      at = end + 2;
    } else {
      text += source[at];
      at++;
    }
  }
  if (text !== "") parts.push({ type: "text", text });
  return parts;
}

function endOfExpression(source: string, start: number): number {
  let quote = "";
  let braces = 0;
  for (let at = start; at < source.length; at++) {
    const char = source[at] as string;
    if (quote !== "") {
      if (char === "\\") at++;
      else if (char === quote) quote = "";
    } else if (char === '"' || char === "'") quote = char;
    else if (char === "{") braces++;
    else if (char === "}" && braces > 0) braces--;
    else if (char === "}" && source[at + 1] === "}") return at;
  }
  return -1;
}

function asText(value: Json): string {
  if (typeof value === "string") return value;
  return value === null ? "" : JSON.stringify(value);
}

/** A constant part as it will be read: `\{{` is `{{`. */
function unescaped(source: Json): Json {
  if (typeof source === "string") return source.includes("\\{{") ? source.replaceAll("\\{{", "{{") : source;
  if (typeof source !== "object" || source === null) return source;
  if (Array.isArray(source)) return source.map(unescaped);
  const members: Record<string, Json> = {};
  for (const [key, member] of Object.entries(source)) setMember(members, key, unescaped(member));
  return members;
}
