/** A delivery of a webhook at the door of its workspace: let in, let in later, or refused, as its trigger says. */
import { QuotaExceededError } from "../core/limits/quota-error.ts";
import type { WebhookSource } from "../core/definition/document.ts";
import type { PreparedStart } from "./prepared-start.ts";
import { askOf } from "./quota-door.ts";
import type { Quotas } from "./quotas.ts";

/** A delivery that may be started. */
export interface LetIn {
  /** As it may be: now or later. */
  readonly prepared: PreparedStart;
  /** Nothing is started of it after all. */
  giveBack(): void;
}

/** `now`: by the store's clock. */
export async function deliveryLetIn(
  quotas: Quotas,
  prepared: PreparedStart,
  { source, now }: { readonly source: WebhookSource; readonly now: number },
): Promise<LetIn | QuotaExceededError> {
  const ask = askOf(prepared);
  const giveBack = (): void => quotas.giveBack(ask);
  try {
    if (source.overQuota !== "delay") {
      await quotas.admit(ask);
      return { prepared, giveBack };
    }
    const waitMs = await quotas.owe(ask);
    if (waitMs === 0) return { prepared, giveBack };
    const first = { ...prepared.first, at: Math.ceil(now + waitMs) };
    return { prepared: { ...prepared, first }, giveBack };
  } catch (error) {
    if (error instanceof QuotaExceededError) return error;
    throw error;
  }
}
