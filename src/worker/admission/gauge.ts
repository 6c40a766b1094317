/**
 * What one workspace may begin here, decided without asking anybody: tokens and places that were taken in advance are spent, and what is
 * over is given back. It counts what runs here whether or not there are limits, so that limits may come and go.
 */
import type { LimitsInForce } from "../../core/limits/workspace-limits.ts";
import { blockOf } from "../../core/limits/bucket.ts";
import type { Places, TokenAsk, Tokens, WorkspacePlaceAsk } from "../../core/ports/allowances.ts";

/** Tokens that are not used for so long go back. */
const TOKENS_MS = 400;
/** Before an empty bucket is asked again. */
const MOST_WAIT_MS = 100;
/** After this the store is asked again for places that it did not have. */
const PLACES_MS = 100;

export class Gauge {
  readonly workspace: string;
  readonly #limits: () => LimitsInForce;
  readonly #now: () => number;
  /** Executions of actions here that have not ended. */
  #running = 0;
  #tokens = 0;
  #tokensAt = 0;
  #places = 0;
  #cap: number | null = null;
  /** There is a row of this worker that says something. */
  #hasRow = false;
  /** Before this nobody is asked again. */
  #tokensWait = 0;
  #placesWait = 0;
  /** Somebody was refused since the store was last told. */
  #wanting = false;
  /** The most that ran at once since then. */
  #peak = 0;

  /** `now`: monotonic, in milliseconds. */
  constructor(workspace: string, limits: () => LimitsInForce, now: () => number) {
    this.workspace = workspace;
    this.#limits = limits;
    this.#now = now;
  }

  get running(): number {
    return this.#running;
  }

  get weight(): number {
    return this.#limits().weight;
  }

  get isLimited(): boolean {
    const { rate, concurrency } = this.#limits();
    return rate !== null || concurrency !== null;
  }

  /** Nothing of it is worth remembering. */
  get isIdle(): boolean {
    return this.#running === 0 && this.#tokens === 0 && !this.#hasRow;
  }

  // ------------------------------------------------------------------ spending

  /** How many may begin now. */
  get room(): number {
    return Math.min(this.#tokenRoom, this.#placeRoom);
  }

  /** How many may begin soon: what runs ends, and the bucket fills. */
  get soon(): number {
    const { rate, concurrency } = this.#limits();
    return Math.min(
      rate === null ? Infinity : this.#tokens + blockOf(rate),
      concurrency === null ? Infinity : this.#placeRoom + this.#running + 1,
    );
  }

  /** `reused`: in the place of one that ends. */
  mayBegin(reused: boolean): boolean {
    if (!this.isLimited) return true;
    const { concurrency } = this.#limits();
    const hasPlace = reused
      ? concurrency === null || this.#running <= Math.min(this.#places, this.#cap ?? Infinity)
      : this.#placeRoom > 0;
    const may = hasPlace && this.#tokenRoom > 0;
    if (!may) this.#wanting = true;
    return may;
  }

  begin(reused: boolean): void {
    if (!reused) this.#running++;
    this.#peak = Math.max(this.#peak, this.#running);
    if (this.#limits().rate !== null) this.#tokens = Math.max(0, this.#tokens - 1);
  }

  /** So many did not begin after all; `placed` of them in places of their own. */
  undo(begun: number, placed: number): void {
    this.#running -= placed;
    if (this.#limits().rate !== null && begun > 0) {
      this.#tokens += begun;
      this.#tokensAt = this.#now();
    }
  }

  /** So many have ended; below 0: they run here, whatever the limits say. */
  end(count = 1): void {
    this.#running -= count;
  }

  get #tokenRoom(): number {
    return this.#limits().rate === null ? Infinity : this.#tokens;
  }

  get #placeRoom(): number {
    if (this.#limits().concurrency === null) return Infinity;
    return Math.max(0, Math.min(this.#places, this.#cap ?? Infinity) - this.#running);
  }

  // ------------------------------------------------------------------ taking in advance

  /** Whether it is worth asking for what so many need. */
  lacks(count: number, reused = 0): boolean {
    return this.tokenAsk(count) !== null || this.placeAsk(count - reused) !== null;
  }

  /** When it is worth asking again. */
  get waitMs(): number {
    const now = this.#now();
    const waits = [
      this.#tokenRoom > 0 ? 0 : this.#tokensWait - now,
      this.#placeRoom > 0 ? 0 : this.#placesWait - now,
    ];
    return Math.max(0, ...waits);
  }

  tokenAsk(count: number, workers = 1): TokenAsk | null {
    const { rate } = this.#limits();
    if (rate === null || count <= this.#tokens || this.#now() < this.#tokensWait) return null;
    const block = blockOf(rate);
    const wanted = Math.min(block, Math.max(count - this.#tokens, Math.ceil(block / workers)));
    return { workspace: this.workspace, rate, wanted, returned: 0 };
  }

  placeAsk(count: number, workers = 1): WorkspacePlaceAsk | null {
    const { concurrency: limit } = this.#limits();
    if (limit === null || count <= this.#placeRoom || this.#now() < this.#placesWait) return null;
    const spare = Math.min(8, Math.ceil(limit / (2 * workers)));
    const wanted = Math.max(count, spare);
    return { workspace: this.workspace, limit, used: this.#running, wanted };
  }

  /** The ask as it is sent: until the answer is there, nothing begins beyond what it says is used. */
  send(ask: WorkspacePlaceAsk): WorkspacePlaceAsk {
    const { wanted } = ask;
    const kept = this.#cap === null ? Math.min(this.#places, wanted > 0 ? Infinity : this.#peak) : 0;
    this.#places = Math.max(this.#running, kept);
    this.#peak = this.#running;
    // What is no limit any more leaves nothing behind.
    return ask.limit === 0 ? ask : { ...ask, used: this.#places };
  }

  given(ask: TokenAsk, { tokens, waitMs }: Tokens): void {
    this.#tokens += tokens;
    if (tokens > 0) this.#tokensAt = this.#now();
    if (tokens >= ask.wanted) return;
    // The bucket is empty. There is no hurry: it keeps what comes into it until it is full.
    const { burst, perSecond } = ask.rate;
    this.#tokensWait = this.#now() + Math.max(5, waitMs, Math.min(MOST_WAIT_MS, (burst / perSecond) * 500));
  }

  leased({ used, wanted }: WorkspacePlaceAsk, { places, cap }: Places): void {
    this.#places = places;
    this.#cap = cap;
    this.#hasRow = places > 0 || wanted > 0;
    if (places < used + wanted) this.#placesWait = this.#now() + PLACES_MS * (0.75 + Math.random() / 2);
  }

  /** Nobody could be asked. */
  failed(retryMs: number): void {
    this.#tokensWait = this.#placesWait = this.#now() + retryMs;
  }

  // ------------------------------------------------------------------ giving back

  /** Tokens that nobody used, as an ask that gives them back. */
  staleTokens(): TokenAsk | null {
    const { rate } = this.#limits();
    if (this.#tokens === 0 || this.#now() < this.#tokensAt + TOKENS_MS) return null;
    const returned = this.#tokens;
    this.#tokens = 0;
    return rate && { workspace: this.workspace, rate, wanted: 0, returned };
  }

  /** What this worker says of its places now and then, so that others have what it does not need. `null`: it has nothing to say. */
  placeReport(): WorkspacePlaceAsk | null {
    if (!this.#hasRow) return null;
    const { concurrency } = this.#limits();
    const wanted = this.#wanting && concurrency !== null ? 1 : 0;
    this.#wanting = false;
    // A limit that is no more: all of the row goes.
    if (concurrency === null) return { workspace: this.workspace, limit: 0, used: 0, wanted: 0 };
    return { workspace: this.workspace, limit: concurrency, used: this.#running, wanted };
  }

  /** This worker goes on under another id: what it had went with the old one. */
  reset(): void {
    this.#places = 0;
    this.#cap = null;
    this.#hasRow = false;
    this.#placesWait = 0;
  }
}
