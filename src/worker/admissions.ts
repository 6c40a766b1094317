/**
 * Lets in who waits at a gate, when somebody has left it or has come. One call of the store at a time: what is asked for meanwhile is
 * asked for together. What is lost with this process, or fails, is found by the maintenance loop.
 */
import type { GateRef } from "../core/ports/gates.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Store } from "../core/ports/store.ts";

/** Gates of one call. */
const PAGE = 200;
/** Before a gate is asked for again that somebody else was just changing. */
const BUSY_MS = 5;
/** After so many times the loop takes over. */
const MAX_BUSY = 50;

export interface AdmissionsOptions {
  readonly store: Pick<Store, "admit">;
  readonly logger: Logger;
  /** The run has a message. */
  readonly look: (runId: string) => void;
  readonly pause: (ms: number) => Promise<void>;
}

export class Admissions {
  readonly #options: AdmissionsOptions;
  readonly #asked = new Map<string, GateRef>();
  #working: Promise<void> | null = null;

  constructor(options: AdmissionsOptions) {
    this.#options = options;
  }

  /** Never throws, and waits for nothing. */
  ask(gates: readonly GateRef[]): void {
    for (const gate of gates)
      this.#asked.set(JSON.stringify([gate.workspace, gate.workflow, gate.key]), gate);
    if (this.#asked.size > 0) this.#working ??= this.#work().finally(() => (this.#working = null));
  }

  /** Resolves when nothing is asked for any more. */
  async idle(): Promise<void> {
    while (this.#working) await this.#working;
  }

  async #work(): Promise<void> {
    const { store, logger, look, pause } = this.#options;
    for (let busyRounds = 0; this.#asked.size > 0;) {
      const page = [...this.#asked].slice(0, PAGE);
      for (const [text] of page) this.#asked.delete(text);
      try {
        const { told, busy } = await store.admit(page.map(([, gate]) => gate));
        for (const runId of told) look(runId);
        if (busy.length === 0 || busyRounds++ >= MAX_BUSY) continue;
        await pause(BUSY_MS);
        for (const gate of busy)
          this.#asked.set(JSON.stringify([gate.workspace, gate.workflow, gate.key]), gate);
      } catch (error) {
        logger.warn({ error }, "runs that wait for room were not let in; it is tried again");
      }
    }
  }
}
