/** What nodes give when they fail, and what the items of maps give and pass on, in the builder. */
import type { Ref } from "./reference-types.ts";

export interface NodeError {
  readonly class: string;
  readonly message: string;
}

/** How an item of a map with `onItemError: "collect"` ended. */
export type CollectedItem<Value> =
  | { readonly ok: true; readonly value: Value; readonly error?: never }
  | { readonly ok: false; readonly error: NodeError; readonly value?: never };

export type Mapped<Value, Mode> = ["collect"] extends [Mode]
  ? readonly CollectedItem<Value>[]
  : readonly Value[];

/** Is called once, and says what each item passes on. */
export type PerItem<Item, Of extends string, Template> = (
  this: void,
  item: Ref<Item, Of>,
  index: Ref<number, Of>,
) => Template;

/** Also with what the item gave. */
export type PerItemDone<Item, Value, Of extends string, Template> = (
  this: void,
  item: Ref<Item, Of>,
  index: Ref<number, Of>,
  output: Ref<Value, Of>,
) => Template;
