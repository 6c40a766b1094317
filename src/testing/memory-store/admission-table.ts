/** What workspaces with limits spend, and the node runs that wait for room. */
import { type Bucket, freshTokens, fullTokens, take } from "../../core/limits/bucket.ts";
import type { Rate } from "../../core/limits/workspace-limits.ts";
import { type PlaceHolder, shareOfPlaces } from "../../core/limits/places.ts";
import type {
  Buckets,
  Places,
  PlaceStore,
  QuotaStore,
  TokenAsk,
  Tokens,
  WorkspacePlaceAsk,
} from "../../core/ports/allowances.ts";
import type { HeldRef, HeldStore, Line, LineRef } from "../../core/ports/held.ts";
import type { MemoryNode, Tables } from "./tables.ts";
import { nodeRef } from "./worker-table.ts";

/** A want that nobody has spoken of for so long is forgotten. */
const WANT_MS = 5_000;

export class BucketTable implements Buckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;
  readonly #fresh: (rate: Rate) => number;

  constructor(now: () => number, fresh: (rate: Rate) => number = freshTokens) {
    this.#now = now;
    this.#fresh = fresh;
  }

  async take(asks: readonly TokenAsk[]): Promise<readonly Tokens[]> {
    return asks.map((ask) => {
      const known = this.#buckets.get(ask.workspace) ?? null;
      const { bucket, tokens, waitMs } = take(known, ask, this.#now(), this.#fresh);
      this.#buckets.set(ask.workspace, bucket);
      return { tokens, waitMs };
    });
  }

  forget(workspace: string): void {
    this.#buckets.delete(workspace);
  }
}

export class QuotaTable implements QuotaStore {
  readonly #tables: Tables;
  readonly #starts: BucketTable;
  readonly #payloadBytes: BucketTable;

  constructor(tables: Tables, now: () => number) {
    this.#tables = tables;
    this.#starts = new BucketTable(now, fullTokens);
    this.#payloadBytes = new BucketTable(now, fullTokens);
  }

  readonly starts: QuotaStore["starts"] = (asks) => this.#starts.take(asks);
  readonly payloadBytes: QuotaStore["payloadBytes"] = (asks) => this.#payloadBytes.take(asks);

  async storedRuns(workspace: string, most: number): Promise<number> {
    let count = 0;
    for (const { header } of this.#tables.runs.values()) if (header.workspace === workspace) count++;
    return Math.min(most, count);
  }

  forget(workspace: string): void {
    this.#starts.forget(workspace);
    this.#payloadBytes.forget(workspace);
  }
}

export class PlaceTable implements PlaceStore {
  /** By workspace and worker. */
  readonly #rows = new Map<string, Map<string, PlaceHolder & { readonly at: number }>>();
  readonly #parts: { readonly now: () => number; readonly isAlive: (worker: string) => boolean };

  constructor(parts: { readonly now: () => number; readonly isAlive: (worker: string) => boolean }) {
    this.#parts = parts;
  }

  async lease(worker: string, asks: readonly WorkspacePlaceAsk[]): Promise<readonly Places[]> {
    return asks.map((ask) => this.#lease(worker, ask));
  }

  forget(workspace: string): void {
    this.#rows.delete(workspace);
  }

  #lease(worker: string, ask: WorkspacePlaceAsk): Places {
    const { now, isAlive } = this.#parts;
    const at = now();
    const rows = this.#rows.get(ask.workspace) ?? new Map<string, PlaceHolder & { readonly at: number }>();
    this.#rows.set(ask.workspace, rows);
    const others = [...rows].flatMap(([id, { places, since, at: saidAt }]) => {
      const wants = saidAt > at - WANT_MS ? since : null;
      const counts = id !== worker && isAlive(id) && (places > 0 || wants !== null);
      return counts ? [{ places, since: wants }] : [];
    });
    const { places, cap, since } = shareOfPlaces(ask, { own: rows.get(worker) ?? null, others, now: at });
    if (places === 0 && ask.wanted === 0) rows.delete(worker);
    else rows.set(worker, { places, since, at });
    return { places, cap };
  }
}

export class HeldTable implements HeldStore {
  readonly #tables: Tables;
  readonly #capacity: () => number;

  constructor(tables: Tables, capacity: () => number) {
    this.#tables = tables;
    this.#capacity = capacity;
  }

  async lines(page: {
    readonly lanes: readonly string[];
    readonly after?: LineRef;
    readonly limit: number;
  }): Promise<readonly Line[]> {
    const { lanes, after, limit } = page;
    const lines = new Map<string, Line>();
    for (const { held } of this.#tables.held) {
      const { lane, workspace, at } = held!;
      const key = lineKey(held!);
      const since = Math.min(at, lines.get(key)?.since ?? Infinity);
      if (lanes.includes(lane)) lines.set(key, { lane, workspace, since });
    }
    return [...lines]
      .filter(([key]) => !after || key > lineKey(after))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([, line]) => line);
  }

  async first(lines: readonly (LineRef & { readonly limit: number })[]): Promise<readonly HeldRef[]> {
    const all = [...this.#tables.held].filter(({ run }) => !run.header.paused);
    return lines.flatMap((line) =>
      all
        .filter(({ held }) => lineKey(held!) === lineKey(line))
        .sort((a, b) => a.held!.at - b.held!.at)
        .slice(0, line.limit)
        .map(heldRef),
    );
  }

  async queued(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const { header, nodes } of this.#tables.runs.values())
      for (const { record } of nodes.values())
        if (record.dispatchedAt !== null)
          counts.set(header.workspace, (counts.get(header.workspace) ?? 0) + 1);
    return counts;
  }

  async capacity(): Promise<number> {
    return this.#capacity();
  }
}

function lineKey({ lane, workspace }: LineRef): string {
  return `${lane}\0${workspace}`;
}

function heldRef(node: MemoryNode): HeldRef {
  const { workspace, workflow, version } = node.run.header;
  const { lane, at } = node.held!;
  const { dispatches } = node.record;
  return { ...nodeRef(node), dispatches, workspace, workflow, version, lane, heldAt: at };
}
