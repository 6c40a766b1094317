/**
 * The breakers of a process: they say which node runs may begin, hear how these ended, and share what they know through the store.
 *
 * Nothing in the path of a step waits for the store. A round, about once a second while all is well and four times as often when a breaker is not
 * closed, reads what others have changed, writes what happened here, and lets parked node runs go on as far as they were granted.
 *
 * Invariants:
 * - a breaker is written only by who has read it, so that of all processes one sees it open, and tells of it;
 * - a node run that is parked is `ready` in its run and looked at again by itself after a while: what is lost here costs time and nothing else;
 * - whoever grants counts for all: the waves are those of the whole installation, not of each process.
 */
import { CLOSED, totalOf } from "../../core/breaker/breaker.ts";
import { type BreakerKey, breakerText } from "../../core/breaker/key.ts";
import type { ParkedNode, ParkedQuery, StoredBreaker } from "../../core/ports/breakers.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Store } from "../../core/ports/store.ts";
import type { Advance } from "../../core/run/advance.ts";
import type { Outcome } from "../attempt.ts";
import { type BreakerRules, breakersOf, type BreakerUse, policyOf } from "./breaker-uses.ts";
import { KEEP_CLOSED_MS, LocalBreaker } from "./local-breaker.ts";
import { parkedNodes, type ParkedInTurn, type ParkedRun } from "./parked-nodes.ts";

/** A breaker has opened after it was closed, or has come to be closed. Told once, by whichever process wrote it. */
export interface BreakerChange extends BreakerKey {
  readonly change: "opened" | "closed";
  /** Attempts of the window that failed, and all of them, when it opened. 0 where it closed. */
  readonly failed: number;
  readonly attempts: number;
  /** When it opened, by the store's clock; the same for both changes. */
  readonly at: number;
  /** Workflows whose attempts failed here before it opened; at most 5. */
  readonly culprits: readonly string[];
}

export interface BreakersOptions {
  readonly store: Pick<Store, "breakers">;
  readonly rules: BreakerRules;
  readonly logger: Logger;
  /** Milliseconds since 1970, by the store's clock. */
  readonly now: () => number;
  /** How many node runs could begin here at once. */
  readonly room: () => number;
  /** What this process can run. */
  readonly fits: Omit<ParkedQuery, "limit">;
  /** Looks whether the node run can begin. */
  readonly offer: (node: ParkedNode) => Promise<unknown>;
  /** Asks for a round at once. */
  readonly wake: () => void;
  readonly onChange: (change: BreakerChange) => void;
}

/** An attempt under way. */
export type BegunUse = readonly {
  readonly breaker: LocalBreaker;
  readonly generation: number;
  readonly workflow: string;
}[];

const QUIET_MS = 1_000;
const BUSY_MS = 250;
/** Clocks and transactions of others may be so late. */
const OVERLAP_MS = 5_000;
const MOST_CHANGED = 1_000;
/** Somebody else was quicker; after so many times the next round tries again. */
const MAX_TRIES = 5;
const PARKED_AT_ONCE = 500;
const LOOSE_EVERY = 5;
const TRIM_EVERY = 600;
const PRUNE_EVERY = 30;

export class Breakers {
  readonly #options: BreakersOptions;
  readonly #known = new Map<string, LocalBreaker>();
  #parked: (ParkedNode & { readonly by: BreakerKey })[] = [];
  #since = 0;
  #rounds = 0;

  constructor(options: BreakersOptions) {
    this.#options = options;
  }

  /** The breaker that keeps the node run from beginning. `null`: it begins now. */
  refuse(use: BreakerUse): BreakerKey | null {
    const used = this.#of(use);
    for (const breaker of used) if (breaker.room(1) === 0) return breaker.key;
    for (const breaker of used) breaker.spend();
    return null;
  }

  /** How many node runs of this kind may begin, as far as that is known without their inputs. Spends nothing. */
  room(use: BreakerUse, wanted: number): number {
    return this.#of(use).reduce((room, breaker) => breaker.room(room), wanted);
  }

  begin(use: BreakerUse): BegunUse {
    const { workflow } = use;
    return this.#of(use).map((breaker) => ({ breaker, generation: breaker.begin(), workflow }));
  }

  /**
   * Takes up how an attempt ended. The breaker behind which the node run is to be parked, because its failure says nothing that is not known
   * already, or `null`.
   */
  ended(begun: BegunUse, outcome: Outcome): BreakerKey | null {
    for (const { breaker } of begun) breaker.end();
    if (outcome.type === "interrupted") return null;
    const now = this.#options.now();
    let by: BreakerKey | null = null;
    let isChanged = false;
    for (const { breaker, generation, workflow } of begun) {
      const { phase } = breaker.state;
      const failed = isFailure(outcome, breaker.policy.countsPermanent);
      if (failed) breaker.blame(workflow);
      breaker.record({ generation, failed }, now);
      isChanged ||= breaker.state.phase !== phase;
      if (!breaker.isClosed) by ??= breaker.key;
    }
    if (isChanged) this.#options.wake();
    return outcome.type === "failed" && outcome.verdict.type === "retry" ? by : null;
  }

  /** A turn is durable. */
  parked(run: ParkedRun, turn: ParkedInTurn, advance: Pick<Advance, "state">): void {
    if (turn.parked.length > 0) for (const node of parkedNodes(run, turn, advance)) this.park(node);
  }

  /** Its turn is durable: it waits until it is let go on, or looked at by itself. */
  park(node: ParkedNode & { readonly by: BreakerKey }): void {
    this.#parked.push(node);
  }

  /** Says after how many milliseconds the next round is wanted. */
  async round(): Promise<number> {
    const { store, now, fits } = this.#options;
    await this.#flushParked();
    await this.#learn();
    await this.#share();
    await this.#goOn();
    const rounds = this.#rounds++;
    if (rounds % LOOSE_EVERY === 0)
      this.#offer(await store.breakers.loose({ ...fits, limit: PARKED_AT_ONCE }));
    if (rounds % TRIM_EVERY === TRIM_EVERY - 1)
      await store.breakers.trim({ olderThanMs: KEEP_CLOSED_MS, limit: PARKED_AT_ONCE });
    if (rounds % PRUNE_EVERY === 0)
      for (const [text, breaker] of this.#known) if (breaker.isIdle(now())) this.#known.delete(text);
    return [...this.#known.values()].every(({ isClosed }) => isClosed) ? QUIET_MS : BUSY_MS;
  }

  /** The process ends. */
  async stop(): Promise<void> {
    await this.#flushParked().catch((error: unknown) => {
      this.#options.logger.warn(
        { error },
        "parked node runs were not noted; they are looked at by themselves later",
      );
    });
  }

  // ------------------------------------------------------------------ sharing

  async #flushParked(): Promise<void> {
    while (this.#parked.length > 0) {
      const some = this.#parked.slice(0, PARKED_AT_ONCE);
      await this.#options.store.breakers.park(some);
      this.#parked.splice(0, some.length);
    }
  }

  async #learn(): Promise<void> {
    const { store } = this.#options;
    const { now, breakers } = await store.breakers.changed({ since: this.#since, limit: MOST_CHANGED });
    for (const stored of breakers) this.#take(stored);
    // Where there were more, the rest is read in the next round.
    const last = breakers.length === MOST_CHANGED ? breakers.at(-1)!.changedAt : now - OVERLAP_MS;
    this.#since = Math.max(this.#since, last);
  }

  #take({ workspace, scope, name, ...stored }: StoredBreaker): void {
    const key = { workspace, scope, name };
    const policy = policyOf(this.#options.rules[scope], name);
    if (policy) this.#one(key, policy).learn(stored, this.#options.now());
  }

  async #share(): Promise<void> {
    const { now } = this.#options;
    let open = [...this.#known.values()].filter((breaker) => breaker.wantsToWrite(now()));
    for (let tries = 0; open.length > 0 && tries < MAX_TRIES; tries++) open = await this.#write(open);
  }

  /** Those that somebody else has changed meanwhile. */
  async #write(breakers: readonly LocalBreaker[]): Promise<LocalBreaker[]> {
    const { store, now, room } = this.#options;
    const keys = breakers.map(({ key }) => key);
    const [stored, parked] = await Promise.all([store.breakers.read(keys), this.#counts(breakers)]);
    const moves = breakers.map((breaker, index) => {
      const before = stored[index]?.state ?? CLOSED;
      const unsent = breaker.takeUnsent();
      const next = breaker.next(before, { unsent, parked: parked.get(breaker) ?? 0, room: room() }, now());
      const { version = 0, changedAt = 0 } = stored[index] ?? {};
      return { breaker, before, version, changedAt, unsent, ...next };
    });
    const changed = moves.filter(({ before, state }) => before !== state);
    const writes = changed.map(({ breaker: { key }, version, state }) => ({ key, version, state }));
    let written: readonly boolean[];
    try {
      written = await store.breakers.write(writes);
    } catch (error) {
      for (const { breaker, unsent } of moves) breaker.giveBack(unsent, now());
      throw error;
    }
    const isWritten = new Set(changed.filter((_, index) => written[index]));
    const again: LocalBreaker[] = [];
    for (const move of moves) {
      const { breaker, before, state, version, changedAt, unsent, granted } = move;
      if (before === state) breaker.learn({ state, version, changedAt }, now());
      else if (isWritten.has(move)) {
        breaker.learn({ state, version: version + 1, changedAt: now() }, now());
        breaker.allow(granted);
        this.#tell(move);
      } else {
        breaker.giveBack(unsent, now());
        again.push(breaker);
      }
    }
    return again;
  }

  async #counts(breakers: readonly LocalBreaker[]): Promise<ReadonlyMap<LocalBreaker, number>> {
    const open = breakers.filter(({ isClosed }) => !isClosed);
    if (open.length === 0) return new Map();
    const counts = await this.#options.store.breakers.parked(open.map(({ key }) => key));
    return new Map(open.map((breaker, index) => [breaker, counts[index] ?? 0]));
  }

  #tell({ breaker, before, state, unsent }: Pick<Move, "breaker" | "before" | "state" | "unsent">): void {
    const { key } = breaker;
    const { onChange, logger } = this.#options;
    if (before.phase === "closed" && state.phase !== "closed") {
      const [known, own] = [totalOf(before.window), totalOf(unsent.window)];
      const failed = known.failed + own.failed;
      const attempts = failed + known.ok + own.ok;
      logger.warn({ ...key, failed, attempts }, "a breaker has opened: node runs behind it are parked");
      const at = state.openedAt ?? state.since;
      onChange({ ...key, change: "opened", failed, attempts, at, culprits: breaker.culprits });
    } else if (before.phase !== "closed" && state.phase === "closed") {
      logger.info({ ...key }, "a breaker is closed again");
      breaker.forgive();
      const at = before.openedAt ?? before.since;
      onChange({ ...key, change: "closed", failed: 0, attempts: 0, at, culprits: [] });
    }
  }

  // ------------------------------------------------------------------ going on

  async #goOn(): Promise<void> {
    const { store, fits } = this.#options;
    for (const { key, grants, isClosed } of this.#known.values())
      if (!isClosed && grants > 0)
        this.#offer(await store.breakers.unpark(key, { ...fits, limit: Math.min(grants, PARKED_AT_ONCE) }));
  }

  #offer(nodes: readonly ParkedNode[]): void {
    const { offer, logger } = this.#options;
    for (const node of nodes)
      void offer(node).catch((error: unknown) =>
        logger.warn(
          { error, ...node },
          "a parked node run could not be offered; it is looked at by itself later",
        ),
      );
  }

  #of(use: BreakerUse): readonly LocalBreaker[] {
    return breakersOf(use, this.#options.rules).map(({ key, policy }) => this.#one(key, policy));
  }

  #one(key: BreakerKey, policy: LocalBreaker["policy"]): LocalBreaker {
    const text = breakerText(key);
    const known = this.#known.get(text);
    if (known) return known;
    const breaker = new LocalBreaker(key, policy);
    this.#known.set(text, breaker);
    return breaker;
  }
}

interface Move {
  readonly breaker: LocalBreaker;
  readonly before: StoredBreaker["state"];
  readonly state: StoredBreaker["state"];
  readonly unsent: ReturnType<LocalBreaker["takeUnsent"]>;
}

/** Whoever says that it cannot be done has answered: only where the host wants it so, that counts as a failure. */
function isFailure(outcome: Exclude<Outcome, { type: "interrupted" }>, countsPermanent: boolean): boolean {
  if (outcome.type === "succeeded") return false;
  switch (outcome.verdict.type) {
    case "notYet":
      return false;
    case "permanent":
      return countsPermanent;
    default:
      return true;
  }
}
