/** Actions: host code with a name, an input schema and an output schema. */
import type { ZodType } from "zod";
import type { Json } from "../json.ts";
import type { Logger } from "../ports/logger.ts";
import type { Duration, RetryDocument } from "./document.ts";

/**
 * What may happen when nobody knows whether an attempt took effect (a crash, a timeout, a broken connection).
 * `transactional`: its writes and its result are one transaction. `idempotent`: the same key and input are sent again.
 * `verifiable`: `verify` is asked first. `readonly`: runs again. `atMostOnce`: never again, dead letter `outcome_unknown`.
 * Not declared: runs again, and the node run is flagged `possiblyDuplicated`.
 */
export type EffectKind = "transactional" | "idempotent" | "verifiable" | "readonly" | "atMostOnce";

export interface ActionContext<Input> {
  readonly input: Input;
  /** The same on every attempt of a node run; another per item and per deliberate rerun. */
  readonly idempotencyKey: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Aborted when the attempt times out, the run is cancelled, or the worker must give the node up. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly run: {
    readonly id: string;
    readonly workflow: string;
    readonly workspace: string;
    readonly version: number;
  };
  readonly node: { readonly id: string; readonly item: number };
}

export interface ActionDefinition<Input = Json, Output = Json> {
  /** `namespace.verb`: letters, digits, `.`, `-`, `_`, `/`; at most 128 characters. */
  readonly name: string;
  readonly description?: string;
  /** None: any JSON. What the action gets, and what is stored, is the parsed value. */
  readonly input?: ZodType<Input>;
  /** None: any JSON. */
  readonly output?: ZodType<Output>;
  /** Not declared: see `EffectKind`. */
  readonly effect?: EffectKind;
  /** Per attempt. Default 5m. */
  readonly timeout?: Duration;
  /** Default: the workflow's, then the engine's. */
  readonly retry?: RetryDocument;
  run(context: ActionContext<Input>): Promise<Output> | Output;
}

/** An action as the registry holds it. `defineAction` makes one. */
export interface Action<Input = Json, Output = Json> extends ActionDefinition<Input, Output> {
  readonly kind: "flowforge.action";
}
