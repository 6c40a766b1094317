/**
 * Random walks: every number is one event, chosen among what may happen to the run as it stands, and among what must not
 * matter: late, repeated and senseless events. The same numbers on the same plan always give the same walk.
 */
import fc from "fast-check";
import type { Plan } from "../../../src/core/graph/plan.ts";
import { advance, newRun, type Advance } from "../../../src/core/run/advance.ts";
import type { FailureVerdict, RunEvent } from "../../../src/core/run/event.ts";
import type { RunState } from "../../../src/core/run/state.ts";
import { planOf, type PlanSpec, VALUES } from "./plans.ts";
import { EVENTS, SIGNALS, type SpecOptions, specs, START } from "./random-specs.ts";

export interface Happening {
  readonly event: RunEvent;
  readonly now: number;
}

export interface Case {
  readonly spec: PlanSpec;
  readonly plan: Plan;
  readonly steps: readonly number[];
}

export interface WalkOptions {
  /** No cancel, pause, messages or operators: only what workers and clocks do. */
  readonly quiet?: boolean;
}

const STEP = 2 ** 30;

export function cases(options: SpecOptions & { readonly steps?: number } = {}): fc.Arbitrary<Case> {
  const { steps = 60, ...about } = options;
  return (
    fc
      // Without bias: long walks are as likely as short ones.
      .tuple(specs(about), fc.noBias(fc.array(fc.nat(STEP), { maxLength: steps, size: "max" })))
      .map(([spec, numbers]) => ({ spec, plan: planOf(spec), steps: numbers }))
  );
}

/** Walks, and tells of every event and what became of it. Starts with `started`. */
export function walk(
  { plan, steps }: Case,
  visit: (happening: Happening, advanced: Advance, before: RunState) => void,
  options: WalkOptions = {},
): RunState {
  let state = newRun(plan, VALUES);
  let now = START;
  const past: RunEvent[] = [];
  // Some walks are through a world where workers die.
  const deadly = steps.length % 4 === 3;
  let afterEnd = 0;
  const go = (event: RunEvent): void => {
    const before = state;
    const advanced = advance(plan, before, event, now);
    past.push(event);
    state = advanced.state;
    visit({ event, now }, advanced, before);
  };
  const trigger = steps.length % triggersOf(plan);
  // Some begin later than they are stored, and some should have begun already.
  const at = [{}, {}, {}, { at: START - 1 }, { at: START + 20_000 }][steps.length % 5];
  // A quiet run has all the time in the world.
  const deadline = options.quiet
    ? { deadlineMs: 1e12 }
    : steps.length % 7 === 0
      ? { deadlineMs: 90_000 }
      : {};
  const room = plan.concurrency && steps.length % 2 === 0 ? { waitsForRoom: true } : {};
  go({ type: "started", trigger, ...at, ...deadline, ...room });
  for (const [count, step] of steps.entries()) {
    if (isOver(state) && afterEnd++ > 5) break;
    const choice = step % 64;
    const dice = new Dice(step >> 6);
    now += [0, 1, 5_000, 10_000, 40_000][dice.next(5)]!;
    if (choice < 5 && past.length > 0) go(past[dice.next(past.length)]!);
    else if (choice < 9) go(anything(plan, dice, count));
    else if (!options.quiet && choice < 20) go(fromOutside(state, dice, { count, now }));
    else {
      const menu = toNodes({ plan, state, deadly, quiet: options.quiet ?? false });
      if (menu.length > 0) go(menu[dice.next(menu.length)]!(dice));
    }
  }
  return state;
}

/** Nothing can happen any more. */
export function isOver({ status }: RunState): boolean {
  return status === "succeeded" || status === "cancelled";
}

export function triggersOf(plan: Plan): number {
  return plan.nodes.filter((node) => node.kind === "trigger").length;
}

/** Draws small numbers out of one. */
class Dice {
  #left: number;

  constructor(number: number) {
    this.#left = number;
  }

  next(sides: number): number {
    const side = this.#left % sides;
    // Goes on with other digits when the number is used up.
    this.#left = Math.floor(this.#left / sides) || (this.#left * 7_919 + 104_729) % STEP;
    return side;
  }
}

const ERROR = { class: "test", message: "it failed" } as const;
const RETRY = [
  { immediate: 2, backoffMs: [60_000, 300_000] },
  { immediate: 0, backoffMs: [10_000] },
  { immediate: 1, backoffMs: [] },
] as const;
const PARKED = {
  delayMs: 40_000,
  by: { workspace: "acme", scope: "target", name: "api" },
} as const;

const VERDICTS: readonly FailureVerdict[] = [
  { type: "retry" },
  { type: "retry" },
  { type: "retry" },
  { type: "permanent" },
  { type: "outcomeUnknown" },
  { type: "later", afterMs: 30_000 },
  { type: "later", afterMs: 50_000_000 },
  { type: "notYet", afterMs: 10_000 },
  { type: "parked", ...PARKED },
];

type Choice = (dice: Dice) => RunEvent;

interface Place {
  readonly plan: Plan;
  readonly state: RunState;
  readonly deadly: boolean;
  readonly quiet: boolean;
}

/** What may happen to the nodes now. */
function toNodes({ plan, state, deadly, quiet }: Place): readonly Choice[] {
  return state.nodes.flatMap((held, node): readonly Choice[] => {
    const { status, fence, failure, waitingFor, generation } = held;
    const childEnds: Choice = (dice) => childEnded(node, generation, dice);
    const claimed: Choice = (dice) => ({ type: "claimed", node, fence, worker: `w${dice.next(3)}` });
    switch (status) {
      case "ready":
        return [
          claimed,
          claimed,
          () => ({ type: "keyHeld", node, fence }),
          () => ({ type: "enqueued", node }),
          () => ({ type: "timerFired", node, fence }),
          () => ({ type: "parked", node, fence, ...PARKED }),
        ];
      case "queued":
        return [
          claimed,
          claimed,
          () => ({ type: "keyHeld", node, fence }),
          () => ({ type: "requeued", node, fence }),
          () => ({ type: "timerFired", node, fence }),
          () => ({ type: "givenBack", node, fence, delayMs: 3_000 }),
          () => ({ type: "parked", node, fence, ...PARKED }),
        ];
      case "running":
        if (plan.nodes[node]!.kind === "output") return [(dice) => ended(node, fence, dice)];
        if (waitingFor === "map")
          return [
            (dice) => mapEnded(node, fence, { dice, quiet }),
            () => ({ type: "timerFired", node, fence }),
            (dice) => (quiet ? mapEnded(node, fence, { dice, quiet }) : itemResolution(node, dice)),
          ];
        if (isChild(plan, node))
          return [
            () => ({ type: "childOpened", node, fence }),
            () => ({ type: "childOpened", node, fence }),
            (dice) => ended(node, fence, dice),
          ];
        if (isMap(plan, node))
          return [
            () => ({ type: "mapStarted", node, fence }),
            () => ({ type: "mapStarted", node, fence }),
            (dice) => ended(node, fence, dice),
            (dice) => broken(node, fence, dice),
          ];
        return [
          (dice) => ended(node, fence, dice),
          (dice) => (deadly ? lost(node, fence) : ended(node, fence, dice)),
          (dice) => broken(node, fence, dice),
        ];
      case "waiting":
        if (waitingFor === "concurrency") return [() => ({ type: "admitted" })];
        if (waitingFor === "child")
          return [
            childEnds,
            childEnds,
            () => ({ type: "childSeen", node, fence }),
            () => ({ type: "timerFired", node, fence }),
          ];
        return [() => ({ type: "timerFired", node, fence })];
      case "pending":
        return plan.nodes[node]!.kind === "output" ? [() => ({ type: "timerFired", node, fence })] : [];
      default:
        if (failure === "items" && !quiet) return [(dice) => itemResolution(node, dice)];
        if (failure !== "open" || quiet) return [];
        return [(dice) => resolution(node, dice), ...(isChild(plan, node) ? [childEnds] : [])];
    }
  });
}

function ended(node: number, fence: number, dice: Dice): RunEvent {
  if (dice.next(3) > 0) return { type: "succeeded", node, fence, output: dice.next(10) };
  const verdict = VERDICTS[dice.next(VERDICTS.length)]!;
  const retry = RETRY[dice.next(RETRY.length)]!;
  return { type: "failed", node, fence, error: ERROR, verdict, retry, random: dice.next(100) / 100 };
}

function isMap(plan: Plan, index: number): boolean {
  const node = plan.nodes[index]!;
  return node.kind === "action" && node.map !== null;
}

function isChild(plan: Plan, index: number): boolean {
  const node = plan.nodes[index]!;
  return node.kind === "action" && node.isChild;
}

function childEnded(node: number, generation: number, dice: Dice): RunEvent {
  const status = (["succeeded", "succeeded", "failed", "cancelled"] as const)[dice.next(4)]!;
  const error = { class: "child_failed", message: "it failed" };
  return { type: "childEnded", node, generation, status, output: dice.next(10), error };
}

/** Of a quiet run: nobody mends what failed, and nothing is called off. */
function mapEnded(node: number, fence: number, { dice, quiet }: { dice: Dice; quiet: boolean }): RunEvent {
  const [open, failed, unfinished] = [dice.next(4), dice.next(3), dice.next(4)].map((n) =>
    Math.max(0, n - 1),
  );
  const error = { class: "items_failed", message: "some failed" };
  const left = quiet ? 0 : unfinished!;
  return {
    type: "mapEnded",
    node,
    fence,
    open: open!,
    failed: failed!,
    unfinished: left,
    error,
    output: dice.next(10),
  };
}

function itemResolution(node: number, dice: Dice): RunEvent {
  const item = dice.next(3);
  switch (dice.next(3)) {
    case 0:
      return { type: "redriven", node, item, newKey: dice.next(2) === 0 };
    case 1:
      return { type: "completed", node, item, output: dice.next(10) };
    default:
      return { type: "discarded", node, item };
  }
}

function broken(node: number, fence: number, dice: Dice): RunEvent {
  if (dice.next(4) === 0) return { type: "released", node, fence };
  return { type: "leaseLost", node, fence, error: ERROR, verdict: VERDICTS[dice.next(VERDICTS.length)]! };
}

function lost(node: number, fence: number): RunEvent {
  return { type: "leaseLost", node, fence, error: ERROR, verdict: { type: "retry" } };
}

const OUTCOMES = ["a", "b", "else", "elapsed", "received", "timeout", "error", undefined] as const;

function resolution(node: number, dice: Dice): RunEvent {
  switch (dice.next(4)) {
    case 0:
    case 3:
      return { type: "redriven", node, newKey: dice.next(2) === 0 };
    case 1:
      return { type: "discarded", node };
    default: {
      const outcome = OUTCOMES[dice.next(OUTCOMES.length)];
      return {
        type: "completed",
        node,
        output: dice.next(10),
        ...(outcome === undefined ? {} : { outcome }),
      };
    }
  }
}

/** What people and other systems send. */
function fromOutside(state: RunState, dice: Dice, { count, now }: { count: number; now: number }): RunEvent {
  const which = dice.next(17);
  if (which === 16) return { type: "admitted" };
  if (which === 0) return { type: "cancelled", compensate: dice.next(3) > 0 };
  if (which < 6) return state.paused ? { type: "resumed" } : { type: "paused" };
  const sent = {
    id: `m${count}`,
    payload: dice.next(10),
    receivedAt: now - [0, 0, 5_000, 20_000][dice.next(4)]!,
  };
  return which < 11
    ? { type: "signalled", name: SIGNALS[dice.next(SIGNALS.length)]!, ...sent }
    : { type: "eventReceived", name: EVENTS[dice.next(EVENTS.length)]!, ...sent };
}

/** Any event for any node under any fence: mostly senseless. Nothing that would move a quiet run. */
function anything(plan: Plan, dice: Dice, count: number): RunEvent {
  const node = dice.next(plan.nodes.length + 2) - 1;
  const fence = dice.next(4);
  switch (dice.next(16)) {
    case 12:
      return { type: "childOpened", node, fence };
    case 13:
      return { type: "childSeen", node, fence };
    case 14:
      return childEnded(node, fence - 1, dice);
    case 11:
      return { type: "keyHeld", node, fence };
    case 15:
      return { type: "parked", node, fence, ...PARKED };
    case 0:
      return { type: "started", trigger: node };
    case 1:
      return { type: "claimed", node, fence, worker: "late" };
    case 2:
      return { type: "requeued", node, fence };
    case 3:
      return { type: "givenBack", node, fence, delayMs: 1_000 };
    case 4:
      return { type: "released", node, fence };
    case 5:
      return { type: "leaseLost", node, fence, error: ERROR, verdict: { type: "permanent" } };
    case 6:
      return { type: "succeeded", node, fence, output: count };
    case 7:
      return { type: "timerFired", node, fence };
    case 8:
      return { type: "resumed" };
    case 9:
      return { type: "mapStarted", node, fence };
    case 10:
      return mapEnded(node, fence, { dice, quiet: false });
    default:
      return { type: "enqueued", node };
  }
}
