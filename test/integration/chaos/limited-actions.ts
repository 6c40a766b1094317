/** The same action for two processes: in one it never ends. */
import { defineAction } from "../../../src/index.ts";

export const endless = defineAction({
  name: "work",
  effect: "idempotent",
  timeout: "10m",
  run: () => new Promise<null>(() => undefined),
});

export const quick = defineAction({ name: "work", effect: "idempotent", run: async () => null });
