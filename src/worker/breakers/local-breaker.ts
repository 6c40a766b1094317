/**
 * A breaker as one process knows it: what all of them shared when it last looked, and what happened here since. What happens here counts at
 * once, so that the tenth failure of this process opens the breaker before the eleventh call; what the others know comes with the next look.
 */
import {
  addOutcomes,
  type BreakerBucket,
  type BreakerMoment,
  type BreakerState,
  CLOSED,
  grant,
  isBlank,
  observe,
  pass,
  recent,
  totalOf,
} from "../../core/breaker/breaker.ts";
import type { BreakerKey } from "../../core/breaker/key.ts";
import type { BreakerPolicy } from "../../core/breaker/policy.ts";
import type { StoredBreaker } from "../../core/ports/breakers.ts";

const MOST_CULPRITS = 5;
/** A closed breaker is stored for so long after its last change. Whoever has older attempts under way knows nothing of now. */
export const KEEP_CLOSED_MS = 86_400_000;
/** What is stored is known here nearly as long, and no longer: of what is not stored any more nobody may remember an opening. */
const KEEP_KNOWN_MS = KEEP_CLOSED_MS - 3_600_000;

interface Unsent {
  readonly generation: number;
  readonly window: readonly BreakerBucket[];
}

/** What all have. */
type KnownBreaker = Pick<StoredBreaker, "state" | "version" | "changedAt">;

/** What is to be written. */
export interface NextBreaker {
  readonly state: BreakerState;
  readonly granted: number;
}

export class LocalBreaker {
  readonly key: BreakerKey;
  readonly policy: BreakerPolicy;
  #state: BreakerState = CLOSED;
  #version = 0;
  /** Outcomes that the others do not know of. */
  #unsent: Unsent = { generation: 0, window: [] };
  /** Node runs that may begin here. */
  #grants = 0;
  /** Some could not begin here since the last look. */
  #refused = false;
  /** Attempts that have begun and not ended. */
  #underWay = 0;
  /** When it was changed, or something ended here, last. */
  #usedAt = 0;
  readonly #culprits = new Set<string>();

  constructor(key: BreakerKey, policy: BreakerPolicy) {
    this.key = key;
    this.policy = policy;
  }

  get state(): BreakerState {
    return this.#state;
  }

  get isClosed(): boolean {
    return this.#state.phase === "closed";
  }

  get grants(): number {
    return this.#grants;
  }

  /** How many of so many node runs may begin here. */
  room(wanted: number): number {
    if (this.isClosed) return wanted;
    const room = this.#state.phase === "open" ? 0 : Math.min(wanted, this.#grants);
    if (room < wanted) this.#refused = true;
    return room;
  }

  /** Workflows whose attempts failed here since it was closed, the last ones. */
  get culprits(): readonly string[] {
    return [...this.#culprits];
  }

  blame(workflow: string): void {
    if (this.#culprits.has(workflow)) return;
    if (this.#culprits.size === MOST_CULPRITS) this.#culprits.delete([...this.#culprits][0]!);
    this.#culprits.add(workflow);
  }

  forgive(): void {
    this.#culprits.clear();
  }

  spend(): void {
    if (!this.isClosed && this.#grants > 0) this.#grants--;
  }

  /** An attempt begins. Its generation, for `record`. */
  begin(): number {
    this.#underWay++;
    return this.#state.generation;
  }

  /** One has ended, whatever it says. */
  end(): void {
    this.#underWay--;
  }

  /** The outcome of what began under this generation. */
  record(outcome: { readonly generation: number; readonly failed: boolean }, now: number): void {
    const { generation, failed } = outcome;
    this.#usedAt = now;
    if (generation !== this.#state.generation) return;
    const tally = { generation, ok: failed ? 0 : 1, failed: failed ? 1 : 0 };
    const moment = this.#at(now);
    const known = this.#unsent.generation === generation ? this.#unsent.window : [];
    this.#unsent = { generation, window: addOutcomes(known, tally, moment) };
    this.#state = observe(this.#state, tally, moment);
  }

  /** The others should hear of it, or it may be time for something. */
  wantsToWrite(now: number): boolean {
    const { failed, ok } = totalOf(recent(this.#unsent.window, this.#at(now)));
    if (failed > 0 || !this.isClosed) return true;
    return ok > 0 && this.#version > 0 && !isBlank(this.#state, this.#at(now));
  }

  /**
   * Nothing would be missing without it. Calls may hang for longer than the window, and then it is their failures that open it; and who does not
   * know how often a stored breaker was open takes what fails now for what failed then.
   */
  isIdle(now: number): boolean {
    if (this.#underWay > 0 || !isBlank(this.#state, this.#at(now))) return false;
    return now - this.#usedAt > (this.#version > 0 ? KEEP_KNOWN_MS : this.policy.windowMs);
  }

  /** Takes what was not sent yet; `giveBack` returns it where it could not be written. */
  takeUnsent(): Unsent {
    const unsent = this.#unsent;
    this.#unsent = { generation: unsent.generation, window: [] };
    return unsent;
  }

  giveBack(unsent: Unsent, now: number): void {
    if (unsent.generation !== this.#unsent.generation) return;
    const window = addOutcomes(this.#unsent.window, totalOf(unsent.window), this.#at(now));
    this.#unsent = { generation: unsent.generation, window };
  }

  /** What it is to be: what is stored, with what happened here and the time that has passed. */
  next(
    stored: BreakerState,
    by: { readonly unsent: Unsent; readonly parked: number; readonly room: number },
    now: number,
  ): NextBreaker {
    const { unsent, parked, room } = by;
    const moment = this.#at(now);
    const waits = parked > 0 || this.#refused;
    const heard = this.#hasOpened(stored)
      ? this.#state
      : observe(stored, { generation: unsent.generation, ...totalOf(recent(unsent.window, moment)) }, moment);
    const passed = pass(heard, waits, moment);
    if (passed.phase === "closed" || passed.phase === "open") return { state: passed, granted: 0 };
    const had = passed.generation === this.#state.generation ? this.#grants : 0;
    return grant(passed, waits ? Math.max(0, Math.min(Math.max(1, room), passed.size) - had) : 0);
  }

  /** This is what it is for everybody now. */
  learn({ state, version, changedAt }: KnownBreaker, now: number): void {
    if (version < this.#version) return;
    if (state.generation !== this.#state.generation) this.#grants = 0;
    const isNews = version > this.#version || !this.#hasOpened(state);
    this.#version = version;
    this.#usedAt = Math.max(this.#usedAt, changedAt);
    // What is read again is older than what was decided here.
    if (!isNews) return;
    const { generation, window } = this.#unsent;
    this.#state = observe(state, { generation, ...totalOf(window) }, this.#at(now));
    if (this.#state.phase === "closed" || this.#state.phase === "open") this.#grants = 0;
  }

  /** So many more may begin here; who was refused until now has been heard. */
  allow(granted: number): void {
    this.#grants += granted;
    this.#refused = false;
  }

  /** It was decided here on what all knew; that the store was slow to hear of it changes nothing. */
  #hasOpened(stored: BreakerState): boolean {
    return this.#state.phase === "open" && this.#state.generation === stored.generation + 1;
  }

  #at(now: number): BreakerMoment {
    return { policy: this.policy, now };
  }
}
