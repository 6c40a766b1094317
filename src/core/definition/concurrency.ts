/** `concurrency` of a workflow that is written in code: its key is made of references, as everything else. */
import type { Json } from "../json.ts";
import type { WorkflowBuilder } from "./builder-types.ts";
import type { OnLimit } from "./document.ts";
import type { Yields } from "./reference-types.ts";

/** At most `limit` runs of the workflow with the same key are under way at once, in all processes together. */
export interface ConcurrencyOptions<Input = Json, Of extends string = string, Given = Input> {
  /**
   * What the runs that count together have in common, such as `({ input }) => input.customerId`, or a text of several parts with `text`.
   * Called once, when the workflow is defined. When a run is started the key must be a text of 1 to 255 characters, a number or a
   * boolean, or the start throws `concurrency_key_invalid`. Default: all runs of the workflow count together.
   */
  readonly key?: (this: void, from: KeyParts<Input, Of, Given>) => Yields<string | number | boolean, Of>;
  /** 1 to 1,000. Where versions differ, that of the run that was started last counts. */
  readonly limit: number;
  /**
   * What a start means for which there is no room. `queue` (default): the run waits until those before it have ended. `cancelOldest`:
   * the oldest runs are cancelled, and the new one begins when they have ended. `reject`: the start throws
   * `concurrency_limit_reached`.
   */
  readonly onLimit?: OnLimit;
}

/** What a key may be made of: no node has run when it is. */
export type KeyParts<Input, Of extends string, Given> = Pick<
  WorkflowBuilder<Input, Of, Given>,
  "input" | "fired" | "expr" | "text"
>;

/** What records templates. */
interface KeyRecorder {
  readonly builder: WorkflowBuilder;
  concurrencyKey(value: unknown): Json | undefined;
}

/** As the document has it. What is no options at all stays as it is, and is refused with the document. */
export function recordConcurrency(options: ConcurrencyOptions | undefined, recorder: KeyRecorder): unknown {
  if (typeof options?.key !== "function") return options;
  const { key, ...rest } = options;
  return { key: recorder.concurrencyKey(key(recorder.builder)), ...rest };
}
