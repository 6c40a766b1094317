/**
 * Counts what this process sees, and adds it to what the store has every few seconds: a step costs no statement. What was not added when a
 * process is killed is not counted anywhere; while PostgreSQL cannot be reached, it is kept.
 */
import { FlowForgeError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { CountsRow, StatisticsStore } from "../core/ports/statistics.ts";
import { addCounts, newTally, type Tally } from "../core/statistics/counts.ts";
import { addTo } from "../core/statistics/histogram.ts";
import { HOUR_MS, MINUTE_MS } from "../core/statistics/series.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import type { Outcome } from "../worker/attempt.ts";
import type {
  AttemptWatch,
  Batch,
  DefinitionPlace,
  ObservedAttempt,
  ObservedNode,
  ObservedRun,
  Observer,
} from "../worker/observer.ts";

/** Rows that wait to be added, while PostgreSQL is away. More are dropped: a process must not grow without bounds. */
const MAX_WAITING = 20_000;
/** Rows of one statement. */
const PAGE = 1_000;
/** Nodes of which totals are kept for Prometheus. */
const MAX_TOTALS = 10_000;

interface Counted {
  readonly workspace: string;
  readonly workflow: string;
  readonly node: string;
  readonly tally: Tally;
}

export interface Total {
  readonly workflow: string;
  /** Empty: runs, and not attempts. */
  readonly node: string;
  readonly counts: Tally;
}

export interface ProcessTotals {
  fenced: number;
  batches: number;
  entries: number;
  batchMs: number;
  /** Definitions that were needed, by where they were. */
  definitions: Record<DefinitionPlace, number>;
}

export interface StatisticsOptions {
  readonly store: Pick<StatisticsStore, "add">;
  /** Milliseconds since 1970 by the store's clock. */
  readonly now: () => number;
  readonly logger: Logger;
  /** Of an item; those of node runs are told with their turns. */
  readonly onItemLetter: (node: ObservedNode, error: ErrorRecord) => void;
}

export class Statistics implements Observer {
  readonly #options: StatisticsOptions;
  /** Of this minute, by place. */
  #counted = new Map<string, Counted>();
  #minute = 0;
  #waiting: CountsRow[] = [];
  #adding: Promise<void> | null = null;
  /** Since this process began, over all workspaces. */
  readonly #totals = new Map<string, Total>();
  readonly process: ProcessTotals = {
    fenced: 0,
    batches: 0,
    entries: 0,
    batchMs: 0,
    definitions: { memory: 0, redis: 0, postgres: 0 },
  };

  constructor(options: StatisticsOptions) {
    this.#options = options;
  }

  runBegan(run: ObservedRun): void {
    this.#of(run, "").started++;
  }

  runEnded(run: ObservedRun, { status, ms }: { readonly status: string; readonly ms: number }): void {
    const tally = this.#of(run, "");
    if (status === "succeeded" || status === "failed" || status === "cancelled") tally[status]++;
    tally.runMs += ms;
    addTo(tally.runBins, ms);
  }

  taken(node: ObservedNode, queuedMs: number): void {
    const tally = this.#of(node, node.node);
    tally.queued++;
    tally.queuedMs += queuedMs;
  }

  attempt(attempt: ObservedAttempt): AttemptWatch {
    const startedAt = performance.now();
    return { ended: (outcome) => this.#attemptEnded(attempt, outcome, performance.now() - startedAt) };
  }

  deadLetter(node: ObservedNode, error: ErrorRecord): void {
    if (node.item >= 0) this.#options.onItemLetter(node, error);
    this.#of(node, node.node).deadLetters++;
  }

  fenced(): void {
    this.process.fenced++;
  }

  batch({ entries, ms }: Batch): void {
    this.process.batches++;
    this.process.entries += entries;
    this.process.batchMs += ms;
  }

  definition(from: DefinitionPlace): void {
    this.process.definitions[from]++;
  }

  /** Since this process began, by workflow, and with a node by node, over all workspaces. */
  totals(): readonly Total[] {
    this.#close();
    return [...this.#totals.values()];
  }

  /** Adds what was counted. Rejects never; what could not be added comes with the next call. */
  async flush(): Promise<void> {
    await this.#adding;
    this.#close();
    this.#adding = this.#add();
    await this.#adding;
  }

  // oxlint-disable-next-line max-params -- what, how it ended, and how long it took
  #attemptEnded(attempt: ObservedAttempt, outcome: Outcome, ms: number): void {
    // Given up by this process, it is counted where it runs to its end.
    if (outcome.type === "interrupted") return;
    const tally = this.#of(attempt, attempt.node);
    tally.attempts++;
    tally.attemptMs += ms;
    addTo(tally.attemptBins, ms);
    if (outcome.type === "failed" && outcome.verdict.type !== "notYet") tally.failures++;
    if (attempt.attempt > 1) tally.retries++;
  }

  #of({ workspace, workflow }: ObservedRun, node: string): Tally {
    const minute = Math.floor(this.#options.now() / MINUTE_MS) * MINUTE_MS;
    if (minute !== this.#minute) {
      this.#close();
      this.#minute = minute;
    }
    const key = `${workspace}\n${workflow}\n${node}`;
    let counted = this.#counted.get(key);
    if (!counted) this.#counted.set(key, (counted = { workspace, workflow, node, tally: newTally() }));
    return counted.tally;
  }

  /** What was counted becomes rows: of each node, its workflow, its workspace, and of all. */
  #close(): void {
    const rows = new Map<string, CountsRow & Tally>();
    for (const { workspace, workflow, node, tally } of this.#counted.values()) {
      const hour = Math.floor(this.#minute / HOUR_MS) * HOUR_MS;
      const places = [
        { workspace: "", workflow: "", node: "" },
        { workspace, workflow: "", node: "" },
        { workspace, workflow, node: "" },
      ];
      for (const place of places) {
        addCounts(rowOf(rows, { ...place, unitMs: MINUTE_MS, at: this.#minute }), tally);
        addCounts(rowOf(rows, { ...place, unitMs: HOUR_MS, at: hour }), tally);
      }
      this.#total(workflow, node, tally);
      if (node !== "")
        addCounts(rowOf(rows, { workspace, workflow, node, unitMs: HOUR_MS, at: hour }), tally);
    }
    this.#counted = new Map();
    this.#waiting.push(...rows.values());
    if (this.#waiting.length > MAX_WAITING) this.#waiting.splice(0, this.#waiting.length - MAX_WAITING);
  }

  // oxlint-disable-next-line max-params -- of which node, and what
  #total(workflow: string, node: string, tally: Tally): void {
    const key = `${workflow}\n${node}`;
    let total = this.#totals.get(key);
    if (!total && this.#totals.size >= MAX_TOTALS) return;
    if (!total) this.#totals.set(key, (total = { workflow, node, counts: newTally() }));
    addCounts(total.counts, tally);
  }

  async #add(): Promise<void> {
    while (this.#waiting.length > 0) {
      const page = this.#waiting.splice(0, PAGE);
      try {
        await this.#options.store.add(page);
      } catch (error) {
        // Nothing was sent. What was may be stored already, and nothing is counted twice.
        if (FlowForgeError.is(error) && error.code === "postgres_unreachable") this.#waiting.unshift(...page);
        this.#options.logger.debug({ error, rows: page.length }, "counts could not be stored");
        return;
      }
    }
  }
}

type RowKey = Pick<CountsRow, "workspace" | "workflow" | "node" | "unitMs" | "at">;

function rowOf(rows: Map<string, CountsRow & Tally>, key: RowKey): Tally {
  const name = `${key.unitMs}\n${key.at}\n${key.workspace}\n${key.workflow}\n${key.node}`;
  let row = rows.get(name);
  if (!row) rows.set(name, (row = { ...newTally(), ...key }));
  return row;
}
