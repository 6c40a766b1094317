/** The CEL environment: which operators and functions expressions have, beyond the language itself. */
import { Environment } from "@marcbachmann/cel-js";
import { EXPRESSION_LIMITS } from "./limits.ts";
import { compilePattern } from "./pattern.ts";
import { Steps } from "./steps.ts";

/** Evaluation is synchronous and never nested, so what is under way is the one that is counted. */
let steps: Steps = new Steps(0);

/** From now on work is counted here. */
export function countIn(allowance: Steps): void {
  steps = allowance;
}

type Arithmetic = "+" | "-" | "*" | "/" | "%";

const CALCULATE: { readonly [operator in Arithmetic]: (a: number, b: number) => number } = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
};

export interface EnvironmentLimits {
  readonly maxAstNodes: number;
  readonly maxDepth: number;
}

/** JSON has one kind of number and CEL has several: every mix of them calculates as in JSON. */
export function makeEnvironment(limits: EnvironmentLimits): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: {
      maxAstNodes: limits.maxAstNodes,
      maxDepth: limits.maxDepth,
      maxListElements: 1_000,
      maxMapEntries: 1_000,
      maxCallArguments: 32,
    },
  });
  for (const operator of Object.keys(CALCULATE) as Arithmetic[]) {
    const calculate = (a: unknown, b: unknown): number => CALCULATE[operator](Number(a), Number(b));
    environment.registerOperator(`double ${operator} int`, calculate);
    environment.registerOperator(`int ${operator} double`, calculate);
  }
  environment.registerOperator("double % double", (a: number, b: number) => a % b);
  registerOwn(environment);
  return environment;
}

/** What `analyse` writes into expressions. */
function registerOwn(environment: Environment): void {
  const counting = (count: (value: unknown) => void) => (value: unknown) => {
    count(value);
    return value;
  };
  environment.registerFunction(
    "turn_(A): A",
    counting(() => steps.spend(1)),
  );
  environment.registerFunction(
    "load_(A): A",
    counting((value) => steps.spendOn(value)),
  );
  environment.registerFunction("added_(A, int): A", (value: unknown, copies: bigint) => {
    // Texts are joined without a copy.
    steps.spendOn(value, typeof value === "string" ? 1 : Number(copies));
    return value;
  });
  environment.registerFunction(
    "deep_(A): A",
    counting((value) => steps.spendDeeplyOn(value)),
  );
  environment.registerFunction("string.matches_(string): bool", matches);
  environment.registerFunction("list<string>.join_(): string", (texts: readonly string[]) => join(texts, ""));
  environment.registerFunction("list<string>.join_(string): string", join);
}

function matches(text: string, source: string): boolean {
  const pattern = compilePattern(source);
  if (pattern === null)
    throw new TypeError("matches() was given a pattern that RE2 does not know, or that is too large");
  steps.spend((pattern.size + pattern.costOf(text)) / 10);
  return pattern.test(text);
}

function join(texts: readonly unknown[], separator: string): string {
  let length = separator.length * texts.length;
  for (const text of texts) {
    if (typeof text !== "string") throw new TypeError("join() was given a list of more than texts");
    length += text.length;
  }
  if (length > EXPRESSION_LIMITS.maxText) throw new RangeError("the result of join() is too long a text");
  return texts.join(separator);
}
