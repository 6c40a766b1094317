/**
 * What a workspace may start, asked at the door: by `runs.start` and its kin, and by webhooks. Whatever is inside already (ticks, events, polls,
 * children, deliveries that were claimed) is not asked again: nobody could be told to come back. A workspace without quotas costs nothing here.
 *
 * One call of the store at a time for each quota: what is asked meanwhile is asked together, and what comes is handed out in the order of the asks.
 */
import { type Quota, QuotaExceededError } from "../core/limits/quota-error.ts";
import type { Rate } from "../core/limits/workspace-limits.ts";
import type { Buckets } from "../core/ports/allowances.ts";
import type { Store } from "../core/ports/store.ts";
import type { LimitBook } from "../worker/limit-book.ts";
import { StoredRuns } from "./stored-runs.ts";

/** Starts that come together are let in together, or not at all. */
export interface QuotaAsk {
  readonly workspace: string;
  readonly starts: number;
  /** Of their inputs and payloads. */
  readonly bytes: number;
}

/** Stored runs go with retention, and nobody knows when. */
const STORED_RETRY_MS = 60_000;
/** What is owed is paid within this time. */
const MOST_OWED_MS = 86_400_000;
/** The store takes numbers of 32 bits. */
const MOST_TOKENS = 2_000_000_000;

export class Quotas {
  readonly #book: Pick<LimitBook, "of">;
  readonly #starts: Meter;
  readonly #bytes: Meter;
  readonly #stored: StoredRuns;

  /** `now`: monotonic, in milliseconds. */
  constructor(
    store: Pick<Store, "quotas">,
    book: Pick<LimitBook, "of">,
    now: () => number = () => performance.now(),
  ) {
    this.#book = book;
    this.#starts = new Meter((asks) => store.quotas.starts(asks));
    this.#bytes = new Meter((asks) => store.quotas.payloadBytes(asks));
    this.#stored = new StoredRuns({ count: (...ask) => store.quotas.storedRuns(...ask), now });
  }

  isLimited(workspace: string): boolean {
    const { starts, payloadBytes, storedRuns } = this.#book.of(workspace);
    return starts !== null || payloadBytes !== null || storedRuns !== null;
  }

  /** Throws `QuotaExceededError`; then nothing was used up. */
  async admit(ask: QuotaAsk): Promise<void> {
    await this.#storing(ask, () => this.#admitRates(ask));
  }

  /** What was taken is not used. */
  giveBack({ workspace, starts: runs, bytes }: QuotaAsk): void {
    const { starts, payloadBytes } = this.#book.of(workspace);
    if (starts) this.#starts.giveBack(workspace, starts, runs);
    if (payloadBytes) this.#bytes.giveBack(workspace, payloadBytes, bytes);
    this.#stored.giveBack(workspace, runs);
  }

  /**
   * Takes what is asked for whether or not it is there, and says in how many milliseconds it will be. Throws `QuotaExceededError` for too many stored
   * runs, and where that is longer than a day.
   */
  async owe(ask: QuotaAsk): Promise<number> {
    const { workspace } = ask;
    const [startsMs, bytesMs] = await this.#storing(ask, () => this.#oweRates(ask));
    const waitMs = Math.max(startsMs, bytesMs);
    if (waitMs <= MOST_OWED_MS) return waitMs;
    this.giveBack(ask);
    throw refused(workspace, startsMs === waitMs ? "starts" : "payloadBytes", waitMs);
  }

  async #oweRates({ workspace, starts: runs, bytes }: QuotaAsk): Promise<readonly [number, number]> {
    const { starts, payloadBytes } = this.#book.of(workspace);
    const startsMs = starts ? await this.#starts.owe(workspace, starts, runs) : 0;
    try {
      return [startsMs, payloadBytes ? await this.#bytes.owe(workspace, payloadBytes, bytes) : 0];
    } catch (error) {
      if (starts) this.#starts.giveBack(workspace, starts, runs);
      throw error;
    }
  }

  async #admitRates({ workspace, starts: runs, bytes }: QuotaAsk): Promise<void> {
    const { starts, payloadBytes } = this.#book.of(workspace);
    const startsMs = starts ? await this.#admitStarts(workspace, starts, runs) : 0;
    if (startsMs > 0) throw refused(workspace, "starts", startsMs);
    try {
      const bytesMs = payloadBytes ? await this.#bytes.take(workspace, payloadBytes, bytes) : 0;
      if (bytesMs > 0) throw refused(workspace, "payloadBytes", bytesMs);
    } catch (error) {
      if (starts) this.#starts.giveBack(workspace, starts, runs);
      throw error;
    }
  }

  /** More than can be paid in time is not let in together: whoever asks may ask for fewer. */
  async #admitStarts(workspace: string, rate: Rate, runs: number): Promise<number> {
    const paidMs = ((runs - rate.burst) * 1_000) / rate.perSecond;
    return paidMs > MOST_OWED_MS ? paidMs : this.#starts.take(workspace, rate, runs);
  }

  /** Counted in before anything else is asked, or else all that are asked in the same moment would find the same room. */
  async #storing<T>({ workspace, starts }: QuotaAsk, work: () => Promise<T>): Promise<T> {
    const { storedRuns: most } = this.#book.of(workspace);
    if (most === null) return work();
    if (!(await this.#stored.take(workspace, most, starts)))
      throw refused(workspace, "storedRuns", STORED_RETRY_MS);
    try {
      return await work();
    } catch (error) {
      this.#stored.giveBack(workspace, starts);
      throw error;
    }
  }
}

function refused(workspace: string, quota: Quota, waitMs: number): QuotaExceededError {
  return new QuotaExceededError(workspace, { quota, retryAfterMs: Math.ceil(waitMs) });
}

/** What must be there, and what is owed beyond that: a bucket holds no more than its burst. */
interface Parts {
  readonly wanted: number;
  readonly owed: number;
}

function partsOf(tokens: number, { burst, perSecond }: Rate): Parts {
  const wanted = Math.min(tokens, burst);
  const most = Math.min(MOST_TOKENS - wanted, Math.floor((perSecond * MOST_OWED_MS) / 1_000));
  return { wanted, owed: Math.min(tokens - wanted, most) };
}

function sumOf({ wanted, owed }: Parts): number {
  return wanted + owed;
}

/** `wanted` is 0: something is only given back. */
interface Waiting extends Parts {
  readonly workspace: string;
  readonly rate: Rate;
  readonly resolve: (waitMs: number) => void;
  readonly reject: (error: unknown) => void;
}

/** One quota of all workspaces. */
class Meter {
  readonly #take: Buckets["take"];
  #waiting: Waiting[] = [];
  /** What came and was not enough for anybody, by workspace. Below 0: what is owed and not asked for yet. */
  readonly #over = new Map<string, number>();
  #running = false;

  constructor(take: Buckets["take"]) {
    this.#take = take;
  }

  /** 0: it is taken. Else in so many milliseconds there may be enough, and nothing was. More than the burst needs all of it, and owes the rest. */
  take(workspace: string, rate: Rate, tokens: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ workspace, rate, ...partsOf(tokens, rate), resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  giveBack(workspace: string, rate: Rate, tokens: number): void {
    this.#add(workspace, sumOf(partsOf(tokens, rate)));
    // Where the store does not take it now, it is kept here for the next ask of the workspace.
    void this.take(workspace, rate, 0).catch(() => undefined);
  }

  /** In so many milliseconds there is what would have been enough: what is owed beyond a full bucket is paid afterwards. */
  async owe(workspace: string, rate: Rate, tokens: number): Promise<number> {
    const parts = partsOf(tokens, rate);
    const [left] = await this.#take([{ workspace, rate, wanted: 0, returned: -sumOf(parts) }]);
    // It says when there is one again, in whole milliseconds, rounded up; there being none is enough.
    return Math.max(0, Math.floor(left!.waitMs - ((1 + parts.owed) * 1_000) / rate.perSecond));
  }

  async #run(): Promise<void> {
    this.#running = true;
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = Map.groupBy(this.#waiting.splice(0), ({ workspace }) => workspace);
      await this.#ask([...batch.values()]);
    }
    this.#running = false;
  }

  async #ask(groups: readonly (readonly Waiting[])[]): Promise<void> {
    const asks = groups.map((group) => {
      const { workspace, rate } = group[0]!;
      const wanted = Math.min(
        rate.burst,
        group.reduce((sum, each) => sum + each.wanted, 0),
      );
      const over = this.#over.get(workspace) ?? 0;
      this.#over.delete(workspace);
      const returned = Math.max(-MOST_TOKENS, Math.min(over, rate.burst));
      return { workspace, rate, wanted, returned };
    });
    try {
      const given = await this.#take(asks);
      groups.forEach((group, index) => this.#share(group, given[index]!.tokens));
    } catch (error) {
      for (const { workspace, returned } of asks) this.#add(workspace, returned);
      for (const { reject } of groups.flat()) reject(error);
    }
  }

  #share(group: readonly Waiting[], tokens: number): void {
    const { workspace, rate } = group[0]!;
    let left = tokens;
    let allOwed = 0;
    let isOver = false;
    for (const { wanted, owed, resolve } of group) {
      // Those that follow one that was refused do not overtake it.
      isOver ||= wanted > left;
      if (!isOver) left -= wanted;
      if (!isOver) allOwed += owed;
      resolve(isOver ? Math.max(1, ((wanted - left) * 1_000) / rate.perSecond) : 0);
    }
    if (left === allOwed) return;
    this.#add(workspace, left - allOwed);
    const nothing = { ...partsOf(0, rate), resolve: () => undefined, reject: () => undefined };
    this.#waiting.push({ workspace, rate, ...nothing });
  }

  #add(workspace: string, tokens: number): void {
    if (tokens !== 0) this.#over.set(workspace, (this.#over.get(workspace) ?? 0) + tokens);
  }
}
