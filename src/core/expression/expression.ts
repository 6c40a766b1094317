/** What compiled expressions and templates look like to the rest of the core. The CEL behind them stays in this folder. */
import type { Json, JsonObject } from "../json.ts";
import type { Steps } from "./steps.ts";

/** What an expression reads: a root of the scope and, for `nodes`, which node. */
export interface Reference {
  readonly root: "input" | "trigger" | "nodes" | "item" | "index" | "run" | "event";
  /** Only where `root` is `nodes`: the node's id. */
  readonly node?: string;
  /** Member of the node that is read (`output`, `error`, `status`), where it is static. */
  readonly member?: string;
  /** The further static path after the root (or after the node's member): `["lines", "sku"]`. Stops at the first dynamic part. */
  readonly path: readonly string[];
  /** 1-based column of the reference in its expression. */
  readonly column: number;
}

export interface NodeScope {
  readonly status: string;
  /** `null` unless the node succeeded. */
  readonly output: Json;
  /** `null` unless the node failed. */
  readonly error: Json;
}

/** The data that an expression sees. Only plain JSON; a root that is absent cannot be named by the expression. */
export interface Scope {
  readonly input?: Json;
  readonly trigger?: Json;
  /** Holds at least every node that the expression's references name. */
  readonly nodes?: { readonly [id: string]: NodeScope };
  readonly item?: Json;
  readonly index?: number;
  readonly event?: Json;
  readonly run?: JsonObject;
}

export interface CompiledExpression {
  readonly source: string;
  readonly references: readonly Reference[];
  /**
   * `steps`: what several expressions share; none: 100,000 for this one. Throws `FlowForgeError` with code `expression_failed`
   * (text, column, types met; never values).
   */
  evaluate(scope: Scope, steps?: Steps): Json;
}

export interface CompiledTemplate {
  /** The template as it stands in the document. */
  readonly source: Json;
  readonly references: readonly Reference[];
  /** All of it has the steps of one expression. Throws `FlowForgeError` with code `expression_failed`. */
  render(scope: Scope): Json;
}
