/**
 * A circuit breaker: what it knows, and what it makes of what it hears. Pure: time is an argument, and nothing is changed in place.
 *
 *   closed --(too many failures in the window)--> open --(time)--> probing --(all probes do)--> releasing --(nothing left)--> closed
 *                                                  ^                  |                             |
 *                                                  +---(a probe fails)+-----(a wave fails)----------+
 *
 * What begins under one opening of the breaker, and ends after the next one, says nothing about now: every opening raises `generation`, and an
 * outcome counts only for the generation that it began under.
 *
 * Invariants, held by property tests:
 * - an open breaker grants nothing; a probing one no more than its probes at a time, a releasing one no more than the size of its wave;
 * - every wave is twice as large as the one before;
 * - with outcomes that are good from some time on, and nothing parked any more, it comes to be closed.
 */
import type { BreakerPolicy } from "./policy.ts";

export type BreakerPhase = "closed" | "open" | "probing" | "releasing";

/** Outcomes of a part of the window. */
export interface BreakerBucket {
  /** Number of the part, counted from 1970 in parts of this size. */
  readonly at: number;
  readonly ok: number;
  readonly failed: number;
}

export interface BreakerState {
  readonly phase: BreakerPhase;
  readonly generation: number;
  /** Since when it is in this phase, or its wave is on its way. Milliseconds since 1970, by the store's clock. */
  readonly since: number;
  /** Since when it is not closed. `null`: it is. */
  readonly openedAt: number | null;
  /** Somebody has opened it, and only somebody closes it. */
  readonly byHand: boolean;
  /** Of a closed breaker: the newest last. */
  readonly window: readonly BreakerBucket[];
  /** 0: the probes. */
  readonly wave: number;
  /** Node runs that may begin in this wave. */
  readonly size: number;
  /** Those that somebody was given already. */
  readonly granted: number;
  /** Outcomes of this wave; of an open breaker, those that opened it, or that somebody saw who did. */
  readonly ok: number;
  readonly failed: number;
}

/** Outcomes that began under this generation. */
export interface BreakerTally {
  readonly generation: number;
  readonly ok: number;
  readonly failed: number;
}

export interface BreakerMoment {
  readonly policy: BreakerPolicy;
  readonly now: number;
}

const NO_WAVE = { wave: 0, size: 0, granted: 0, ok: 0, failed: 0 } as const;
const PARTS_OF_WINDOW = 6;

export const CLOSED: BreakerState = {
  phase: "closed",
  generation: 0,
  since: 0,
  openedAt: null,
  byHand: false,
  window: [],
  ...NO_WAVE,
};

/** Takes up outcomes. */
export function observe(state: BreakerState, tally: BreakerTally, moment: BreakerMoment): BreakerState {
  if (tally.generation !== state.generation || tally.ok + tally.failed <= 0) return state;
  switch (state.phase) {
    case "closed":
      return observeClosed(state, tally, moment);
    case "open":
      return state;
    case "probing":
    case "releasing":
      return observeWave(state, tally, moment);
  }
}

/** Lets time pass. `waiting`: node runs are parked behind it. */
export function pass(state: BreakerState, waiting: boolean, { policy, now }: BreakerMoment): BreakerState {
  const age = now - state.since;
  switch (state.phase) {
    case "closed":
      return state;
    case "open":
      if (state.byHand || age < policy.probeEveryMs) return state;
      return { ...state, phase: "probing", ...NO_WAVE, since: now, size: policy.probes };
    case "probing":
      // Who was given a probe may have died with it.
      return state.granted > 0 && age >= policy.probeEveryMs ? { ...state, since: now, granted: 0 } : state;
    case "releasing":
      if (age < policy.waveMs) return state;
      if (state.granted >= state.size) return nextWave(state, now);
      // Nobody wants more than there is.
      return waiting ? state : closed(state, now);
  }
}

export interface BreakerGrant {
  readonly state: BreakerState;
  /** So many node runs may begin. */
  readonly granted: number;
}

/** Asks for so many node runs to begin. */
export function grant(state: BreakerState, wanted: number): BreakerGrant {
  switch (state.phase) {
    case "closed":
      return { state, granted: wanted };
    case "open":
      return { state, granted: 0 };
    case "probing":
    case "releasing": {
      const granted = Math.max(0, Math.min(wanted, state.size - state.granted));
      return granted === 0
        ? { state, granted }
        : { state: { ...state, granted: state.granted + granted }, granted };
    }
  }
}

/** By somebody who knows why: it stays open until somebody closes it. */
export function openByHand(state: BreakerState, now: number): BreakerState {
  if (state.phase === "open" && state.byHand) return state;
  return { ...opened(state, now, state), byHand: true };
}

/** By somebody who knows that it works again: what is parked begins in waves, which begin with the first one. */
export function releaseByHand(state: BreakerState, { policy, now }: BreakerMoment): BreakerState {
  if (state.phase === "closed" || state.phase === "releasing") return state;
  return releasing({ ...state, generation: state.generation + 1, byHand: false }, policy, now);
}

/** It remembers nothing that still says anything. */
export function isBlank({ phase, window }: BreakerState, { policy, now }: BreakerMoment): boolean {
  return phase === "closed" && recent(window, { policy, now }).length === 0;
}

/** The buckets with so many outcomes more, and without those that are too old. */
export function addOutcomes(
  window: readonly BreakerBucket[],
  { ok, failed }: Pick<BreakerTally, "ok" | "failed">,
  moment: BreakerMoment,
): readonly BreakerBucket[] {
  const at = partOf(moment);
  const kept = recent(window, moment);
  const last = kept.at(-1);
  if (last === undefined || last.at < at) return [...kept, { at, ok, failed }];
  return [...kept.slice(0, -1), { at: last.at, ok: last.ok + ok, failed: last.failed + failed }];
}

export function totalOf(window: readonly BreakerBucket[]): Pick<BreakerTally, "ok" | "failed"> {
  return {
    ok: window.reduce((sum, { ok }) => sum + ok, 0),
    failed: window.reduce((sum, { failed }) => sum + failed, 0),
  };
}

/** Those of the window that is over now, at most. */
export function recent(window: readonly BreakerBucket[], moment: BreakerMoment): readonly BreakerBucket[] {
  const oldest = partOf(moment) - PARTS_OF_WINDOW;
  return window.filter(({ at }) => at > oldest);
}

function partOf({ policy, now }: BreakerMoment): number {
  return Math.floor(now / (policy.windowMs / PARTS_OF_WINDOW));
}

function observeClosed(state: BreakerState, tally: BreakerTally, moment: BreakerMoment): BreakerState {
  const { policy, now } = moment;
  const window = addOutcomes(state.window, tally, moment);
  const { ok, failed } = totalOf(window);
  const all = ok + failed;
  // What has just succeeded opens nothing, though it may be the one that makes them enough.
  if (tally.failed > 0 && all >= policy.minimum && failed >= policy.ratio * all)
    return opened(state, now, { ok, failed });
  return { ...state, window };
}

function observeWave(state: BreakerState, tally: BreakerTally, { policy, now }: BreakerMoment): BreakerState {
  const ok = state.ok + tally.ok;
  const failed = state.failed + tally.failed;
  const next = { ...state, ok, failed };
  if (state.phase === "probing") {
    if (failed > 0) return opened(next, now, next);
    return ok >= policy.probes ? releasing(next, policy, now) : next;
  }
  if (failed > 0 && failed >= policy.ratio * state.size) return opened(next, now, next);
  return ok + failed >= state.size ? nextWave(next, now) : next;
}

function opened(
  { generation, openedAt }: BreakerState,
  now: number,
  { ok, failed }: Pick<BreakerTally, "ok" | "failed">,
): BreakerState {
  return {
    phase: "open",
    generation: generation + 1,
    since: now,
    openedAt: openedAt ?? now,
    byHand: false,
    window: [],
    ...NO_WAVE,
    ok,
    failed,
  };
}

function releasing(state: BreakerState, policy: BreakerPolicy, now: number): BreakerState {
  return { ...state, phase: "releasing", ...NO_WAVE, wave: 1, size: policy.firstWave, since: now };
}

function nextWave(state: BreakerState, now: number): BreakerState {
  const { wave, size } = state;
  return { ...state, ...NO_WAVE, wave: wave + 1, size: Math.min(size * 2, MAX_WAVE), since: now };
}

/** Far above what anybody has room for. */
const MAX_WAVE = 1 << 20;

/** It keeps its generation: what began in the waves says something about now. */
function closed({ generation }: BreakerState, now: number): BreakerState {
  return { ...CLOSED, generation, since: now };
}
