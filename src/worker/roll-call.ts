/**
 * The roll call: what the store says this worker runs, compared with what it holds. Whatever is missing here in two calls
 * running was lost (a bug, a reply that came too late) and is given up, so that it does not hang for ever.
 */
import type { NodeRef } from "../core/ports/store.ts";

export class RollCall {
  #missing: ReadonlySet<string> = new Set();

  /** Node runs that were not held at this call and at the one before. */
  answer(running: readonly NodeRef[], holds: (ref: NodeRef) => boolean): readonly NodeRef[] {
    const absent = running.filter((ref) => !holds(ref));
    const lost = absent.filter((ref) => this.#missing.has(nameOf(ref)));
    this.#missing = new Set(absent.map(nameOf));
    return lost;
  }

  reset(): void {
    this.#missing = new Set();
  }
}

function nameOf(ref: NodeRef): string {
  return `${ref.runId} ${ref.node} ${ref.item} ${ref.fence}`;
}
