/** The CEL environment: which operators and functions expressions have, beyond the language itself. */
import { Environment } from "@marcbachmann/cel-js";
import { RE2JS } from "@bufbuild/re2";

/** Counts the steps of one evaluation. The library has no cost limit, so every turn of a macro calls `step`. */
export class Budget {
  #left = 0;

  reset(steps: number): void {
    this.#left = steps;
  }

  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new BudgetError("the expression takes too many steps");
  }
}

export class BudgetError extends Error {}

/** Evaluation is synchronous and never nested, so one budget serves all expressions. */
export const budget: Budget = new Budget();

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
  environment.registerFunction("step_(dyn): dyn", (value: unknown) => {
    budget.spend(1);
    return value;
  });
  environment.registerFunction("string.re2_(string): bool", (text: string, pattern: string) => {
    budget.spend(1 + text.length / 100 + pattern.length);
    return RE2JS.compile(pattern).test(text);
  });
  return environment;
}
