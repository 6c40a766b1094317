import { type Action, defineAction } from "../core/definition/action.ts";
import type { Json } from "../core/json.ts";

/**
 * Its output is its input. The work is done by the expressions in the input's template, so this is how a document
 * makes one object from several.
 */
export const transform: Action<Json, unknown, Json, Json> = defineAction({
  name: "transform",
  target: null,
  description: "Makes a new value from expressions.",
  effect: "readonly",
  run: ({ input }) => input,
});
