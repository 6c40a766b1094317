/**
 * The gauges of all workspaces here. What they need in advance, and what they give back, is asked for together: one call at a time, so that
 * no answer overtakes another.
 */
import type { Buckets, PlaceStore, TokenAsk, WorkspacePlaceAsk } from "../../core/ports/allowances.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { LimitBook } from "../limit-book.ts";
import { Gauge } from "./gauge.ts";

export interface AdmissionOptions {
  readonly book: LimitBook;
  readonly buckets: Buckets;
  readonly places: PlaceStore;
  readonly logger: Logger;
  /** Live workers, this one among them. */
  readonly workers: () => number;
}

const REPORT_MS = 500;
const RETRY_MS = 1_000;

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #gauges = new Map<string, Gauge>();
  #workerId: string | null = null;
  /** What is asked for with the next call, by workspace. */
  #asked = new Map<string, number>();
  #reports = false;
  #calling: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** From now on places are this worker's; `null`: it begins nothing. */
  workAs(workerId: string | null): void {
    this.#workerId = workerId;
    for (const gauge of this.#gauges.values()) gauge.reset();
  }

  /** Not to be kept: one that is idle is forgotten. */
  gauge(workspace: string): Gauge {
    const known = this.#gauges.get(workspace);
    if (known) return known;
    const { book } = this.#options;
    const limits = (): ReturnType<LimitBook["of"]> => book.of(workspace);
    const gauge = new Gauge(workspace, limits, () => performance.now());
    this.#gauges.set(workspace, gauge);
    return gauge;
  }

  /** Asks for what so many need. Never rejects. */
  ask(workspace: string, count: number): Promise<void> {
    this.#asked.set(workspace, Math.max(count, this.#asked.get(workspace) ?? 0));
    return (this.#next ??= this.#call());
  }

  /** Gives back what is not used, and says what is. Says when it wants to be called again, in milliseconds. */
  async report(): Promise<number> {
    this.#reports = true;
    await (this.#next ??= this.#call());
    for (const [workspace, gauge] of this.#gauges) if (gauge.isIdle) this.#gauges.delete(workspace);
    return REPORT_MS;
  }

  async #call(): Promise<void> {
    await this.#calling;
    this.#next = null;
    const [asked, reports] = [[...this.#asked], this.#reports];
    this.#asked = new Map();
    this.#reports = false;
    await (this.#calling = this.#send(asked, reports));
  }

  async #send(asked: readonly (readonly [string, number])[], reports: boolean): Promise<void> {
    const workers = Math.max(1, this.#options.workers());
    const tokens = new Map<string, TokenAsk>();
    const places = new Map<string, WorkspacePlaceAsk>();
    for (const gauge of reports ? this.#gauges.values() : []) {
      const [stale, report] = [gauge.staleTokens(), gauge.placeReport()];
      if (stale) tokens.set(gauge.workspace, stale);
      if (report) places.set(gauge.workspace, report);
    }
    for (const [workspace, count] of asked) {
      const gauge = this.gauge(workspace);
      const [token, place] = [gauge.tokenAsk(count, workers), gauge.placeAsk(count, workers)];
      const returned = tokens.get(workspace)?.returned ?? 0;
      if (token) tokens.set(workspace, { ...token, returned });
      if (place) places.set(workspace, place);
    }
    await Promise.all([this.#take([...tokens.values()]), this.#lease([...places.values()])]);
  }

  async #take(asks: readonly TokenAsk[]): Promise<void> {
    if (asks.length === 0) return;
    try {
      const given = await this.#options.buckets.take(asks);
      asks.forEach((ask, index) => this.gauge(ask.workspace).given(ask, given[index]!));
    } catch (error) {
      this.#failed(asks, error);
    }
  }

  async #lease(wanted: readonly WorkspacePlaceAsk[]): Promise<void> {
    const workerId = this.#workerId;
    if (wanted.length === 0 || workerId === null) return;
    const asks = wanted.map((ask) => this.gauge(ask.workspace).send(ask));
    try {
      const leased = await this.#options.places.lease(workerId, asks);
      if (this.#workerId !== workerId) return;
      asks.forEach((ask, index) => this.gauge(ask.workspace).leased(ask, leased[index]!));
    } catch (error) {
      this.#failed(asks, error);
    }
  }

  #failed(asks: readonly { readonly workspace: string }[], error: unknown): void {
    for (const { workspace } of asks) this.gauge(workspace).failed(RETRY_MS);
    const about = { error, workspaces: asks.length, workspace: asks[0]!.workspace };
    this.#options.logger.warn(about, "nobody could say what workspaces may begin; it is tried again");
  }
}
