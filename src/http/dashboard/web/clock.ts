/**
 * One clock for everything on the page that says how long ago something was. It is the server's, about: what is shown happened there, and a reader's
 * own clock may be minutes off.
 */
import { signal, type Signal } from "@preact/signals";

/** Less is the way of an answer, and that servers say whole seconds. */
const TRUSTED_MS = 3_000;
/** How far the server's clock is ahead of the reader's. */
let aheadMs = 0;

export const now: Signal<number> = signal(Date.now());

/** `date`: the time at which the server has answered, as it says it. */
export function setBy(date: string | null): void {
  const ahead = date === null ? NaN : Date.parse(date) - Date.now();
  if (Number.isNaN(ahead)) return;
  const next = Math.abs(ahead) < TRUSTED_MS ? 0 : ahead;
  // It comes and goes by a second with each answer.
  if (Math.abs(next - aheadMs) < TRUSTED_MS) return;
  aheadMs = next;
  now.value = Date.now() + aheadMs;
}

setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now() + aheadMs;
}, 1_000);
