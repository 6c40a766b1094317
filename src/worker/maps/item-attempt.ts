/** An item of a map while it is executed here: one attempt, and the pause before it. */
import type { Attempt, Outcome } from "../attempt.ts";
import type { ItemState } from "../../core/ports/maps.ts";
import type { Json } from "../../core/json.ts";

export interface ItemWork extends ItemState {
  readonly item: number;
  readonly input: Json;
  /** The store has the input already. */
  readonly isStored: boolean;
  /** Of the input, as long as it is not stored. */
  readonly bytes: number;
}

/** What runs for an item: an attempt, or the start of its child. */
export interface ItemRun extends Pick<Attempt, "cancel" | "interrupt"> {
  readonly outcome: Promise<Outcome | { readonly type: "opened" }>;
  readonly ended: Promise<unknown>;
}

export interface ItemAttemptOptions {
  readonly work: ItemWork;
  readonly delayMs: number;
  readonly attempt: () => ItemRun;
  /** `ended`: the host's code has, too. */
  readonly onOutcome: (outcome: Outcome | { readonly type: "released" | "opened" }) => void;
  /** The place is free. */
  readonly onEnded: () => void;
}

export class ItemAttempt {
  readonly work: ItemWork;
  readonly done: Promise<void>;
  readonly #options: ItemAttemptOptions;
  #attempt: ItemRun | null = null;
  #wake: () => void = () => {};
  #stop: "cancelled" | "interrupted" | null = null;

  constructor(options: ItemAttemptOptions) {
    this.work = options.work;
    this.#options = options;
    this.done = this.#execute();
  }

  cancel(): void {
    if (this.#stop !== null) return;
    this.#stop = "cancelled";
    this.#wake();
    this.#attempt?.cancel();
  }

  interrupt(): void {
    this.#stop = "interrupted";
    this.#wake();
    this.#attempt?.interrupt();
  }

  get isInterrupted(): boolean {
    return this.#stop === "interrupted";
  }

  async #execute(): Promise<void> {
    const { delayMs, attempt: make, onOutcome, onEnded } = this.#options;
    if (delayMs > 0) await this.#sleep(delayMs);
    if (this.#stop !== null) {
      // Nothing is under way, and nothing begins.
      onOutcome({ type: this.isInterrupted ? "interrupted" : "released" });
      return onEnded();
    }
    const attempt = (this.#attempt = make());
    onOutcome(await attempt.outcome);
    // An action that goes on after its timeout keeps its place until it ends.
    await attempt.ended;
    onEnded();
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const delay = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(delay);
        resolve();
      };
    });
  }
}
