/**
 * Expressions: CEL with our limits. Only plain JSON comes in and goes out; there is no way to a prototype, a global or the host.
 */
import { FlowForgeError } from "../errors.ts";
import type { Json } from "../json.ts";
import { analyse, type Analysis, type Path } from "./analyse.ts";
import { countIn, makeEnvironment } from "./environment.ts";
import type { CompiledExpression, Reference, Scope } from "./expression.ts";
import { EXPRESSION_LIMITS, type ExpressionLimits } from "./limits.ts";
import { isPresent, lookup } from "./lookup.ts";
import { toJson } from "./result.ts";
import { Steps } from "./steps.ts";

export type Root = Reference["root"];

const ALL_ROOTS: readonly Root[] = ["input", "trigger", "nodes", "item", "index", "run", "event"];

export interface ExpressionOptions {
  /** Roots that may be named. Default: all. */
  readonly roots?: Iterable<Root>;
  readonly limits?: Partial<ExpressionLimits>;
}

export interface ExpressionProblem {
  readonly code: "expression_invalid";
  readonly message: string;
  readonly source: string;
  /** 1-based. */
  readonly column: number;
  /** Place inside a template; empty for a bare expression. */
  readonly path: readonly (string | number)[];
}

export type ParsedExpression =
  | { readonly expression: CompiledExpression; readonly problems: readonly [] }
  | { readonly expression: null; readonly problems: readonly ExpressionProblem[] };

const environment = makeEnvironment(EXPRESSION_LIMITS);
/** What we write into an expression adds to its parts. */
const rewrittenEnvironment = makeEnvironment({
  maxAstNodes: EXPRESSION_LIMITS.maxAstNodes * 3,
  maxDepth: EXPRESSION_LIMITS.maxDepth * 4,
});

/** Compiles an expression and lists what is wrong with it. Never throws. */
export function parseExpression(source: string, options: ExpressionOptions = {}): ParsedExpression {
  const limits = { ...EXPRESSION_LIMITS, ...options.limits };
  const fail = (message: string, position: number): ParsedExpression => ({
    expression: null,
    problems: [{ code: "expression_invalid", message, source, column: position + 1, path: [] }],
  });
  if (source.length > limits.maxSource) return fail(`is longer than ${limits.maxSource} characters`, 0);
  try {
    const { ast } = environment.parse(source);
    const analysis = analyse(source, ast, {
      roots: new Set<string>(options.roots ?? ALL_ROOTS),
      maxMacroNesting: limits.maxMacroNesting,
    });
    const [finding] = analysis.findings;
    if (finding) return fail(finding.message, finding.position);
    const rewritten = rewrittenEnvironment.parse(analysis.rewritten);
    const checked = rewritten.check();
    if (!checked.valid) return fail(withoutOurNames(firstLine(checked.error)), 0);
    return { expression: compiled(source, analysis, { run: rewritten, limits }), problems: [] };
  } catch (error) {
    return fail(firstLine(error), positionOf(error));
  }
}

/** Throws `expression_invalid`. */
export function compileExpression(source: string, options: ExpressionOptions = {}): CompiledExpression {
  const parsed = parseExpression(source, options);
  if (parsed.expression) return parsed.expression;
  throw invalid(parsed.problems[0]!);
}

export function invalid(problem: ExpressionProblem): FlowForgeError {
  return new FlowForgeError("expression_invalid", {
    subject: `expression "${shorten(problem.source)}"`,
    received: `${problem.message} at column ${problem.column}`,
    next: "Correct the expression; docs/reference/expressions.md says what it may hold.",
  });
}

interface Runnable {
  readonly run: (context: Record<string, unknown>) => unknown;
  readonly limits: ExpressionLimits;
}

function compiled(source: string, analysis: Analysis, runnable: Runnable): CompiledExpression {
  const { paths, references, rewritten } = analysis;
  const direct = rewritten === "v0_" && paths.length === 1 ? (paths[0] as Path) : null;
  const evaluate = (scope: Scope, steps = new Steps(runnable.limits.maxSteps)): Json => {
    try {
      return direct ? read(scope, direct) : run({ scope, paths, steps }, runnable);
    } catch (error) {
      throw failed(source, error);
    }
  };
  return { source, references, evaluate };
}

function read(scope: Scope, path: Path): Json {
  return path.presence ? isPresent(scope, path) : lookup(scope, path);
}

interface Evaluation {
  readonly scope: Scope;
  readonly paths: readonly Path[];
  readonly steps: Steps;
}

function run({ scope, paths, steps }: Evaluation, { run: evaluate, limits }: Runnable): Json {
  const context: Record<string, unknown> = {};
  for (let i = 0; i < paths.length; i++) context[`v${i}_`] = read(scope, paths[i] as Path);
  countIn(steps);
  const result = evaluate(context);
  if (typeof result === "string" && result.length > limits.maxText)
    throw new RangeError("the result is too long a text");
  return toJson(result, steps);
}

export function failed(source: string, error: unknown): FlowForgeError {
  return new FlowForgeError("expression_failed", {
    subject: `expression "${shorten(source)}"`,
    received: withoutOurNames(firstLine(error)),
    next: "Correct the expression, or guard it with a condition or has().",
  });
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

/** `matches` stands in the expression, `matches_` is what was evaluated. */
function withoutOurNames(message: string): string {
  return message.replaceAll(/\b(matches|join)_\(/g, "$1(");
}

/** The library's messages carry the text and a caret in further lines; the text stands in our own message already. */
function firstLine(error: unknown): string {
  return (error as Error).message.split("\n", 1)[0] as string;
}

function positionOf(error: unknown): number {
  return (error as { readonly range?: { readonly start: number } }).range?.start || 0;
}
