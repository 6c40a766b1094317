/** A delivery of a webhook at the door of its workspace: let in, let in later, or refused, as its trigger says. */
import { QuotaExceededError } from "../core/limits/quota-error.ts";
import type { WebhookSource } from "../core/definition/document.ts";
import type { PreparedStart } from "./prepared-start.ts";
import { askOf } from "./quota-door.ts";
import type { Quotas } from "./quotas.ts";

/** The start as it may be, or the refusal. `now`: by the store's clock. */
export async function deliveryLetIn(
  quotas: Quotas,
  prepared: PreparedStart,
  { source, now }: { readonly source: WebhookSource; readonly now: number },
): Promise<PreparedStart | QuotaExceededError> {
  try {
    if (source.overQuota !== "delay") {
      await quotas.admit(askOf(prepared));
      return prepared;
    }
    const waitMs = await quotas.owe(askOf(prepared));
    return waitMs === 0
      ? prepared
      : { ...prepared, first: { ...prepared.first, at: Math.ceil(now + waitMs) } };
  } catch (error) {
    if (error instanceof QuotaExceededError) return error;
    throw error;
  }
}
