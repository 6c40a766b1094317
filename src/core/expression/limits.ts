/** Limits of expressions and templates. A workflow may come from a stranger. */
export interface ExpressionLimits {
  /** Characters of one expression. */
  readonly maxSource: number;
  readonly maxAstNodes: number;
  readonly maxDepth: number;
  /** Macros (`map`, `filter`, `all` ...) inside macros. */
  readonly maxMacroNesting: number;
  /** Turns of macros and other work, as `steps.ts` counts it, for one expression or one template. */
  readonly maxSteps: number;
  /** Levels of a template. */
  readonly maxTemplateDepth: number;
  /** Characters of one string that an expression or a joined template makes. */
  readonly maxText: number;
}

export const EXPRESSION_LIMITS: ExpressionLimits = {
  maxSource: 4_096,
  maxAstNodes: 2_000,
  maxDepth: 60,
  maxMacroNesting: 2,
  maxSteps: 100_000,
  maxTemplateDepth: 64,
  maxText: 1 << 20,
};
