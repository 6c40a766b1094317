/** One clock for everything on the page that says how long ago something was. */
import { signal, type Signal } from "@preact/signals";

export const now: Signal<number> = signal(Date.now());

setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now();
}, 1_000);
