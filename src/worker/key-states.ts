/** What the store says of keys that a turn asks for, however long that takes. */
import type { ActionKeyRef, ActionKeyState } from "../core/ports/action-keys.ts";
import type { RunEnvironment } from "./environment.ts";
import { retryMs } from "./retry-pause.ts";

/** Rejects only where the process ends. */
export async function keyStates(
  env: KeyAsking,
  refs: readonly ActionKeyRef[],
): Promise<readonly (ActionKeyState | null)[]> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await env.store.actionKeys(refs);
    } catch (error) {
      if (env.stopped()) throw error;
      await env.pause(retryMs(attempt));
    }
  }
}

type KeyAsking = Pick<RunEnvironment<never>, "store" | "stopped" | "pause">;
