/** The places in which items of a map run here: those of this worker, as far as the workspace may use them. */
import type { Gauge } from "../admission/gauge.ts";
import type { ActiveRun } from "../active-run.ts";
import type { RunEnvironment } from "../environment.ts";
import type { Slots } from "../slots.ts";

export interface ItemPlacesOptions {
  readonly env: RunEnvironment<ActiveRun>;
  readonly run: ActiveRun;
  readonly slots: Slots;
  /** The workspace may have allowances again. */
  readonly onRoom: () => void;
}

const SOONEST_MS = 20;

export class ItemPlaces {
  readonly #options: ItemPlacesOptions;
  #isPausing = false;

  constructor(options: ItemPlacesOptions) {
    this.#options = options;
  }

  /** Places of this worker that the workspace may take now, whatever its allowances are. */
  get open(): number {
    return this.#options.slots.open(this.#gauge.workspace);
  }

  /** Up to so many. */
  async take(most: number): Promise<number> {
    const { env, slots } = this.#options;
    const wanted = Math.min(most, this.open);
    if (wanted > 0 && this.#gauge.lacks(wanted))
      await env.admission.allowances.ask(this.#gauge.workspace, wanted);
    const room = Math.min(most, this.#gauge.room);
    if (room < 1) void this.#pause();
    const places = slots.take(this.#gauge.workspace, room);
    for (let taken = 0; taken < places; taken++) this.#gauge.begin(false);
    return places;
  }

  /** Nothing began in these. */
  giveBack(places: number): void {
    this.#options.env.leave(this.#gauge.workspace, places);
    this.#gauge.undo(places, places);
  }

  /** An item has left its place. Below 0: it takes one, whether there is one or not. */
  leave(count = 1): void {
    this.#options.env.leave(this.#gauge.workspace, count);
    this.#gauge.end(count);
  }

  async #pause(): Promise<void> {
    if (this.#isPausing) return;
    this.#isPausing = true;
    await this.#options.env.pause(Math.max(SOONEST_MS, this.#gauge.waitMs));
    this.#isPausing = false;
    this.#options.onRoom();
  }

  get #gauge(): Gauge {
    const { env, run } = this.#options;
    return env.admission.allowances.gauge(run.identity!.workspace);
  }
}
