/** A notifier in memory, for tests and simulations: processes that share a hub hear each other. */
import type { Notifier } from "../core/ports/notifier.ts";

type Listener = (runId: string) => void;
type Kind = "watch" | "moved";

/** What memory notifiers talk through. */
export class MemoryNotifierHub {
  readonly #members = new Set<(kind: Kind, runId: string) => void>();
  #toLose = 0;

  /** The next messages (one per run id) reach nobody. */
  loseNext(count = 1): void {
    this.#toLose += count;
  }

  join(hear: (kind: Kind, runId: string) => void): () => void {
    this.#members.add(hear);
    return () => void this.#members.delete(hear);
  }

  /** Everybody but the speaker hears it, in a microtask. */
  say(speaker: (kind: Kind, runId: string) => void, kind: Kind, runIds: Iterable<string>): void {
    for (const runId of runIds) {
      if (this.#toLose > 0) this.#toLose -= 1;
      else queueMicrotask(() => this.#members.forEach((hear) => hear !== speaker && hear(kind, runId)));
    }
  }
}

export interface MemoryNotifierOptions {
  /** Default: one of its own, so that nobody else hears it. */
  readonly hub?: MemoryNotifierHub;
}

/** For tests and simulations only: it reaches no other process. */
export function createMemoryNotifier({
  hub = new MemoryNotifierHub(),
}: MemoryNotifierOptions = {}): Notifier {
  const listeners: { readonly [kind in Kind]: Listener[] } = { watch: [], moved: [] };
  const hear = (kind: Kind, runId: string): void => listeners[kind].forEach((tell) => tell(runId));
  let leave = (): void => {};
  return {
    async open() {
      leave();
      leave = hub.join(hear);
    },
    watch: async (runId) => hub.say(hear, "watch", [runId]),
    onWatch: (listener) => void listeners.watch.push(listener),
    moved: async (runIds) => hub.say(hear, "moved", new Set(runIds)),
    onMoved: (listener) => void listeners.moved.push(listener),
    close: async () => leave(),
  };
}
