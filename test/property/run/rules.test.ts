/**
 * What holds for every run, whatever its workflow and whatever happens to it. How to replay a failure, and how to try more
 * cases: `test/support/run/settings.ts`.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isCompensation, type Plan } from "../../../src/core/graph/plan.ts";
import { type Advance, advance, newRun } from "../../../src/core/run/advance.ts";
import type { RunEvent } from "../../../src/core/run/event.ts";
import { type NodeState, type RunState, TERMINAL } from "../../../src/core/run/state.ts";
import { changedNodes, sameStored } from "../../support/run/compare.ts";
import { drive, success } from "../../support/run/drive.ts";
import { edgeState } from "../../support/run/model-rules.ts";
import { chainOf, VALUES } from "../../support/run/plans.ts";
import { EVENTS, SIGNALS, START } from "../../support/run/random-specs.ts";
import { holds, seed, timeoutMs } from "../../support/run/settings.ts";
import { cases, type Happening, isOver, walk } from "../../support/run/walk.ts";

const LATER = START + 10_000_000;
const STARTING: readonly string[] = ["dispatch", "retryNow", "renderOutput", "finish"];
const ENDING: readonly string[] = ["abort", "deadLetter", "record", "finish"];
const STARTED: readonly string[] = ["ready", "queued", "running", "waiting", "succeeded", "failed"];

/** Looks at every step of random walks. */
function always(
  look: (step: Advance & Happening & { readonly before: RunState; readonly plan: Plan }) => void,
): void {
  holds(cases(), (one) => {
    walk(one, (happening, advanced, before) => look({ ...happening, ...advanced, before, plan: one.plan }));
  });
}

function isOpen({ status, failure }: NodeState): boolean {
  return !TERMINAL.has(status) || failure === "open" || failure === "items";
}

function hasStarted({ status }: NodeState): boolean {
  return STARTED.includes(status);
}

describe(`random runs (seed ${seed})`, { timeout: timeoutMs }, () => {
  test("no node starts before its inbound edges are settled, nor against its join", () => {
    always(({ plan, state, before, changed }) => {
      for (const index of changed) {
        const { kind, inbound, join } = plan.nodes[index]!;
        const { status } = state.nodes[index]!;
        if (before.nodes[index]!.status !== "pending" || kind === "trigger" || kind === "output") continue;
        if (isCompensation(plan.nodes[index]!)) continue;
        if (status === "cancelled") continue;
        const edges = inbound.map(({ from, on }) => edgeState(state.nodes[from]!, on));
        const taken = edges.filter((edge) => edge === "taken").length;
        const starts = taken > 0 && (join !== "all" || taken === inbound.length);
        const early = edges.includes("open") && (join !== "first" || taken === 0);
        if (early || hasStarted(state.nodes[index]!) !== starts)
          expect.fail(`node ${index} is ${status} with edges ${edges.join(", ")} and join ${join}`);
      }
    });
  });

  test("at most one start per join, but for redrives", () => {
    holds(cases(), (one) => {
      const starts = new Map<number, number>();
      walk(one, ({ event }, { state, changed }, before) => {
        for (const index of changed) {
          const fromPending = before.nodes[index]!.status === "pending" && hasStarted(state.nodes[index]!);
          const again = before.nodes[index]!.failure === "open" && event.type === "redriven";
          if (one.plan.nodes[index]!.kind === "output") continue;
          if (fromPending) starts.set(index, (starts.get(index) ?? 0) + 1);
          if (again) expect(event.node).toBe(index);
        }
      });
      for (const count of starts.values()) expect(count).toBe(1);
    });
  });

  test("a node that ended stays as it ended, but for an open failure", () => {
    always(({ state, before }) => {
      for (const [index, node] of before.nodes.entries()) {
        if (isOpen(node) || state.nodes[index] === node) continue;
        if (!sameStored(node, state.nodes[index]!)) expect(state.nodes[index]).toEqual(node);
      }
    });
  });

  test("every run comes to its end once its actions do, and every node in exactly one terminal state", () => {
    holds(cases({ steps: 30 }), (one) => {
      const end = toTheEnd(
        one.plan,
        walk(one, () => undefined),
      );
      const left = one.plan.nodes.filter(({ index }) => isOpen(end.nodes[index]!));
      expect(left.filter((node) => !isCompensation(node) || end.nodes[node.index]!.fence > 0)).toEqual([]);
      const isExpired = end.nodes.at(-1)!.outcome === "deadline";
      expect(isOver(end) || (end.status === "failed" && (end.compensate || isExpired))).toBe(true);
    });
  });

  test("a failure stops nothing but what depends on it", () => {
    holds(fc.tuple(cases({ steps: 0, undo: false }), fc.nat()), ([{ plan }, mask]) => {
      const end = drive(begun(plan), {
        plan,
        now: LATER,
        answer: (node, fence) =>
          ((mask >> (node % 30)) & 1) === 1 ? failure(node, fence) : success(node, fence),
      });
      const held = new Set<number>();
      for (const { index, inbound, kind } of plan.nodes) {
        const { failure, status } = end.nodes[index]!;
        const byInbound = inbound.some(({ from }) => held.has(from));
        if (failure === "open" || status === "waiting" || byInbound) held.add(index);
        else if (kind !== "output") expect(TERMINAL.has(status)).toBe(true);
      }
      const dead = end.nodes.filter((node) => node.failure === "open").length;
      const waiting = end.nodes.some((node) => node.status === "waiting");
      expect(end.status).toBe(waiting ? "waiting" : dead > 0 ? "failed" : "succeeded");
    });
  });

  test("a run that nobody resumes starts nothing", () => {
    always(({ state, before, commands }) => {
      if (!before.paused || !state.paused) return;
      const begun = commands.find(({ type }) => STARTING.includes(type));
      if (begun) expect.fail(`${begun.type} while the run is paused`);
      for (const [index, { status, waitingFor }] of state.nodes.entries()) {
        // A map of which somebody mends an item is looked at again; whether an item begins is the store's to say.
        if (waitingFor === "map") continue;
        if ((status === "queued" || status === "running") && before.nodes[index]!.status !== status)
          expect.fail(`node ${index} became ${status} while the run is paused`);
      }
    });
  });

  test("a cancelled run starts nothing but what undoes it, and only its running actions are still alive", () => {
    always(({ plan, state, before, commands }) => {
      if (!state.cancelled) return;
      const undoes = (index: number): boolean => isCompensation(plan.nodes[index]!);
      const hasChild = (index: number): boolean => state.nodes[index]!.waitingFor === "child";
      const begun = commands.find((command) => {
        if (!("node" in command)) return !ENDING.includes(command.type);
        if (command.type === "schedule" && hasChild(command.node)) return false;
        return ![...ENDING, "openMap", "cancelChild"].includes(command.type) && !undoes(command.node);
      });
      if (begun) expect.fail(`${begun.type} though the run is cancelled`);
      for (const [index, { status, waitingFor }] of state.nodes.entries()) {
        if (TERMINAL.has(status) || undoes(index) || waitingFor === "map") continue;
        if (hasChild(index) && before.nodes[index]!.waitingFor === "child") continue;
        const runs = status === "running" && before.nodes[index]!.status === "running";
        if (!runs || plan.nodes[index]!.kind !== "action")
          expect.fail(`node ${index} is ${status} though the run is cancelled`);
      }
    });
  });

  test("a late or repeated event gives the same state object and no command", () => {
    always(({ plan, state, event, now }) => {
      // What carries a fence was answered by this very event, but for tasks, which may be sent any number of times.
      if (!("fence" in event || event.type === "childEnded") || event.type === "requeued") return;
      const again = advance(plan, state, event, now);
      if (again.state !== state || again.commands.length > 0 || again.changed.length > 0)
        expect.fail(`${JSON.stringify(event)} counted twice`);
    });
  });

  test("a signal wakes one wait, and whatever was kept is used once", () => {
    always(({ plan, state, before, changed, commands, event }) => {
      const used = commands.flatMap((command) => (command.type === "dropMessage" ? [command.id] : []));
      const kept = new Map(before.kept.map((message) => [message.id, message]));
      const woken = changed.filter((index) => {
        const node = plan.nodes[index]!;
        const ended = before.nodes[index]!.failure !== "open" && state.nodes[index]!.outcome === "received";
        return node.kind === "wait" && node.for.type === "signal" && ended;
      });
      const signals = used.filter((id) => kept.get(id)?.kind === "signal").length;
      const came = event.type === "signalled" ? 1 : 0;
      if (woken.length > signals + came)
        expect.fail(`${woken.length} waits woken by ${signals + came} signals`);
      if (used.some((id, at) => !kept.has(id) || used.indexOf(id) !== at))
        expect.fail(`used ${used.join(", ")} of ${[...kept.keys()].join(", ")}`);
    });
  });

  test("fences, generations and what was decided only ever go forward", () => {
    always(({ state, before, changed }) => {
      for (const index of changed) {
        const [was, is] = [before.nodes[index]!, state.nodes[index]!];
        if (is.fence < was.fence || is.generation < was.generation || is.attempt < 0)
          expect.fail(`node ${index} went back from ${JSON.stringify(was)} to ${JSON.stringify(is)}`);
        // Whoever held the node no longer does: its fence is another, or it has ended.
        const goesOn = !TERMINAL.has(is.status) && is.status !== "pending";
        if (was.status === "running" && goesOn && is.fence === was.fence)
          expect.fail(`node ${index} can be answered twice under fence ${is.fence}`);
      }
    });
  });

  test("`changed` names exactly the nodes whose stored fields differ", () => {
    always(({ state, before, changed }) => {
      const differ = changedNodes(before, state);
      if (changed.join() !== differ.join()) expect(changed).toEqual(differ);
    });
  });

  test("attempts are 1 + immediate + pauses, whatever is given back or lost in between", () => {
    const policies = fc.record({
      immediate: fc.nat(10),
      backoffMs: fc.array(fc.nat(100_000), { maxLength: 20 }),
    });
    const accidents = fc.array(fc.nat(3), { maxLength: 60 });
    const plan = chainOf({ a: { kind: "action" } });
    holds(fc.tuple(policies, accidents, fc.nat(99)), ([retry, list, jitter]) => {
      let tries = 0;
      let losses = 0;
      const left = [...list];
      const end = drive(begun(plan), {
        plan,
        now: LATER,
        answer: (node, fence) => {
          const accident = left.pop() ?? 0;
          // Never three losses in a row, which would be poison.
          if (accident === 1 && losses++ < 2)
            return { type: "leaseLost", node, fence, error: ERROR, verdict: { type: "retry" } };
          if (accident === 2) return { type: "released", node, fence };
          losses = 0;
          const verdict =
            accident === 3 ? ({ type: "later", afterMs: 5 } as const) : ({ type: "retry" } as const);
          if (accident !== 3) tries++;
          return { type: "failed", node, fence, error: ERROR, verdict, retry, random: jitter / 100 };
        },
      });
      expect(tries).toBe(1 + retry.immediate + retry.backoffMs.length);
      expect(end.nodes[1]).toMatchObject({ status: "failed", failure: "open", attempt: tries });
    });
  });
});

const ERROR = { class: "test", message: "it failed" } as const;

function failure(node: number, fence: number): RunEvent {
  const retry = { immediate: 1, backoffMs: [1_000] };
  return { type: "failed", node, fence, error: ERROR, verdict: { type: "retry" }, retry, random: 0 };
}

function begun(plan: Plan): RunState {
  return advance(plan, newRun(plan, VALUES), { type: "started", trigger: 0 }, START).state;
}

/** Resumes, answers, sends every message that may be waited for, and gives every dead letter up. */
function toTheEnd(plan: Plan, from: RunState): RunState {
  let state = from;
  const tell = (event: RunEvent): void => {
    state = drive(advance(plan, state, event, LATER).state, { plan, now: LATER });
  };
  const giveUpAll = (): void => {
    for (const [node, { failure }] of state.nodes.entries()) {
      if (failure === "open") tell({ type: "discarded", node });
      if (failure === "items") tell({ type: "discarded", node, item: 0 });
    }
  };
  tell({ type: "resumed" });
  for (let round = 0; round < plan.nodes.length; round++) {
    giveUpAll();
    for (const message of messages(round)) tell(message);
  }
  // Some events match nothing at all: then only somebody who cancels ends the wait.
  if (state.status === "waiting") tell({ type: "cancelled", compensate: true });
  giveUpAll();
  return state;
}

function messages(round: number): readonly RunEvent[] {
  const sent = { payload: 6, receivedAt: START };
  return [
    ...SIGNALS.map((name) => ({ type: "signalled", id: `${name}-${round}`, name, ...sent }) as const),
    ...EVENTS.map((name) => ({ type: "eventReceived", id: `${name}-${round}`, name, ...sent }) as const),
  ];
}
