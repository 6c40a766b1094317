/** The same action for two processes: in one it never ends. */
import { type Action, defineAction } from "../../../src/index.ts";

export const endless: Action = defineAction({
  name: "work",
  effect: "idempotent",
  timeout: "10m",
  run: () => new Promise<null>(() => undefined),
});

export const quick: Action = defineAction({ name: "work", effect: "idempotent", run: async () => null });
