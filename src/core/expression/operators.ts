/** How strongly the operators of CEL bind, to write a tree down with the parentheses that it needs. */
import type { ASTNode, ASTOperator } from "@marcbachmann/cel-js";

/** Binary operators; a higher level binds more strongly. */
export const LEVELS = {
  "||": 2,
  "&&": 3,
  "==": 4,
  "!=": 4,
  "<": 5,
  "<=": 5,
  ">": 5,
  ">=": 5,
  in: 5,
  "+": 6,
  "-": 6,
  "*": 7,
  "/": 7,
  "%": 7,
} as const;

export const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">=", "in"]);

const CHOICE = 1;
const UNARY = 8;
/** Calls, members and indexes. */
export const POSTFIX = 9;

export function levelOf({ op, args }: ASTNode): number {
  if (op in LEVELS) return LEVELS[op as keyof typeof LEVELS];
  if (op === "?:") return CHOICE;
  if (op === "!_" || op === "-_") return UNARY;
  // "1.size()" would read on after the point as a number.
  const isNumber = op === "value" && typeof args !== "string" && typeof args !== "boolean";
  return isNumber ? UNARY : POSTFIX;
}

export function isOperator({ op }: { readonly op: ASTOperator }): boolean {
  return op in LEVELS || op === "!_" || op === "-_";
}
