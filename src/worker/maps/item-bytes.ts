/** What the values of a run come to while items of one of its maps run here: what the store last told, and what it does not know yet. */
import type { ErrorRecord } from "../../core/run/event.ts";
import type { ActiveRun } from "../active-run.ts";
import type { RunEnvironment } from "../environment.ts";
import type { Prepared } from "../prepare.ts";
import { noRoom } from "../run-size.ts";
import type { MapNode } from "./map-node.ts";

export interface ItemBytesOptions {
  readonly env: Pick<RunEnvironment<ActiveRun>, "limits">;
  readonly run: Pick<ActiveRun, "bytes">;
  readonly node: MapNode;
}

export class ItemBytes {
  readonly #options: ItemBytesOptions;
  #stored = 0;
  /** Of inputs and outputs that are known here, and not in the store yet. */
  #unwritten = 0;

  constructor(options: ItemBytesOptions) {
    this.#options = options;
  }

  /** The store has told how many it has. */
  told(stored: number): void {
    this.#stored = stored;
  }

  /** So many more are known here. Below 0: they are written. */
  add(bytes: number): void {
    this.#unwritten += bytes;
  }

  /** The input, or the refusal of one that is not stored yet and for which there is no room. */
  fitting(
    input: Prepared,
    { item, isStored }: { readonly item: number; readonly isStored: boolean },
  ): Prepared {
    const error = input.ok && !isStored ? this.noRoom("input", item, input.bytes) : null;
    return error ? { ok: false, error } : input;
  }

  /** `null`: there is room. */
  noRoom(value: "input" | "output", item: number, bytes: number): ErrorRecord | null {
    const { env, run, node } = this.#options;
    const what = `the ${value} of item ${item} of node "${node.id}"`;
    const used = Math.max(this.#stored, run.bytes) + this.#unwritten;
    return noRoom({ what, bytes, used }, env.limits);
  }
}
