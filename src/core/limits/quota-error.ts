import { FlowForgeError } from "../errors.ts";

/** `starts`, `payloadBytes` and `storedRuns` of a workspace's limits. */
export type Quota = "starts" | "payloadBytes" | "storedRuns";

/** A start from outside was refused, and nothing was stored. The same start again, with its key, is let in when there is room. */
export class QuotaExceededError extends FlowForgeError {
  readonly workspace: string;
  readonly quota: Quota;
  /** When it is worth trying again. Others may come first. */
  readonly retryAfterMs: number;

  constructor(
    workspace: string,
    { quota, retryAfterMs }: { readonly quota: Quota; readonly retryAfterMs: number },
  ) {
    super("quota_exceeded", {
      subject: `${quota} of workspace "${workspace}"`,
      next: `Nothing was started. Try again in ${Math.ceil(retryAfterMs / 1_000)} s, or raise the limit with workspaces.setLimits.`,
    });
    this.name = "QuotaExceededError";
    this.workspace = workspace;
    this.quota = quota;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The value of a `Retry-After`: whole seconds. */
export function retryAfterHeader(retryAfterMs: number): string {
  return String(Math.max(1, Math.ceil(retryAfterMs / 1_000)));
}
