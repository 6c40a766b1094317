/** Reads runs in batches: the requests of one turn of the loop are one round trip. */
import type { Store } from "../core/ports/store.ts";
import type { LoadRequest, StoredRun } from "../core/ports/stored-run.ts";

const MAX_BATCH = 200;

interface Waiting {
  readonly request: LoadRequest;
  readonly resolve: (run: StoredRun | null) => void;
  readonly reject: (error: unknown) => void;
}

export class Loader {
  readonly #store: Pick<Store, "load">;
  #waiting: Waiting[] = [];
  /** Round trips so far: a figure of the bench. */
  batches = 0;

  constructor(store: Pick<Store, "load">) {
    this.#store = store;
  }

  /** `null`: no such run. Rejects where the store cannot be reached. */
  load(request: LoadRequest): Promise<StoredRun | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const all = this.#waiting;
    this.#waiting = [];
    for (let i = 0; i < all.length; i += MAX_BATCH) void this.#read(all.slice(i, i + MAX_BATCH));
  }

  async #read(batch: readonly Waiting[]): Promise<void> {
    this.batches++;
    try {
      const runs = await this.#store.load(batch.map((waiting) => waiting.request));
      batch.forEach((waiting, index) => waiting.resolve(runs[index] ?? null));
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }
}
