/** What is set for workspaces, as JSON that only the engine reads. Part of `Store`; both stores pass the same rules. */
import type { JsonObject } from "../json.ts";

export interface StoredLimits {
  readonly workspace: string;
  /** A set of limits that the engine's options name. `null`: none. */
  readonly plan: string | null;
  readonly limits: JsonObject;
}

export interface LimitStore {
  /** In place of what was set before. Limits alone make no workspace, and go with it. */
  set(limits: StoredLimits): Promise<void>;
  /** `null`: nothing was set. */
  get(workspace: string): Promise<StoredLimits | null>;
  /** All that was set since this time of the store's, and some that was set shortly before; `null`: all. */
  since(time: number | null): Promise<{ readonly now: number; readonly limits: readonly StoredLimits[] }>;
}
