/**
 * A run that goes on with another version ends as a run of that version would, had it come to the same results; a move that is refused
 * changes nothing. How to replay a failure, and how to try more cases: `test/support/run/settings.ts`.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Plan } from "../../../src/core/graph/plan.ts";
import { advance, newRun } from "../../../src/core/run/advance.ts";
import type { RunEvent } from "../../../src/core/run/event.ts";
import { moveRun } from "../../../src/core/run/move-run.ts";
import type { RunState } from "../../../src/core/run/state.ts";
import { versionMove } from "../../../src/core/run/version-move.ts";
import { textOf } from "../../support/run/compare.ts";
import { drive } from "../../support/run/drive.ts";
import { deepFreeze } from "../../support/run/freeze.ts";
import { type EdgeSpec, type NodeSpec, planOf, type PlanSpec, VALUES } from "../../support/run/plans.ts";
import { specs, START } from "../../support/run/random-specs.ts";
import { holds, runs, seed, timeoutMs } from "../../support/run/settings.ts";

const NOW = START + 1_000;
const ERROR = { class: "test", message: "it failed" } as const;

/** Only actions and conditions, whose end does not depend on who comes first or on messages. */
function plain({ nodes, ...spec }: PlanSpec): PlanSpec {
  const simple = Object.entries(nodes).map(([id, node]): [string, NodeSpec] => {
    const join = "join" in node && node.join ? { join: node.join } : {};
    return [id, node.kind === "wait" || node.kind === "action" ? { kind: "action", ...join } : node];
  });
  const { deadline: _deadline, ...rest } = spec;
  const edges = spec.edges.map(([from, to, on]): EdgeSpec => {
    const known = on !== undefined && ["elapsed", "received", "timeout"].includes(on) ? "success" : on;
    return known === undefined ? [from, to] : [from, to, known];
  });
  return { ...rest, nodes: Object.fromEntries(simple), edges: unique(edges) };
}

function unique(edges: readonly EdgeSpec[]): readonly EdgeSpec[] {
  return [...new Map(edges.map((edge) => [edge.join(" "), edge])).values()];
}

type Change = readonly [what: number, which: number, where: number];

/** Another version: edges and nodes come and go, and joins change. */
function changed(spec: PlanSpec, changes: readonly Change[]): PlanSpec {
  return changes.reduce((version, change, index) => one(version, change, index), spec);
}

function one(spec: PlanSpec, [what, which, where]: Change, count: number): PlanSpec {
  const ids = Object.keys(spec.nodes);
  const { edges } = spec;
  switch (what) {
    case 0:
      return { ...spec, edges: edges.filter((_, index) => index !== which % edges.length) };
    case 1: {
      const id = ids[which % ids.length]!;
      const node = spec.nodes[id]!;
      if (node.kind === "trigger" || spec.reads?.includes(id)) return spec;
      const { [id]: _gone, ...nodes } = spec.nodes;
      return { ...spec, nodes, edges: edges.filter(([from, to]) => from !== id && to !== id) };
    }
    case 2: {
      const [from, to] = [which % ids.length, where % ids.length].sort((a, b) => a - b);
      if (from === to || spec.nodes[ids[to!]!]!.kind === "trigger") return spec;
      return { ...spec, edges: unique([...edges, [ids[from!]!, ids[to!]!]]) };
    }
    case 3: {
      const id = ids[which % ids.length]!;
      const node = spec.nodes[id]!;
      if (node.kind === "trigger") return spec;
      return {
        ...spec,
        nodes: { ...spec.nodes, [id]: { ...node, join: where % 2 === 0 ? "all" : "settled" } },
      };
    }
    default: {
      // A new node at the end, or before some node.
      const id = `x${count}`;
      const at = 1 + (which % ids.length);
      const from = ids[where % at]!;
      const entries = Object.entries(spec.nodes);
      const nodes = [...entries.slice(0, at), [id, { kind: "action" }] as const, ...entries.slice(at)];
      const next = ids[at];
      const on: readonly EdgeSpec[] =
        next !== undefined && what === 5 && spec.nodes[next]!.kind !== "trigger" ? [[id, next]] : [];
      return { ...spec, nodes: Object.fromEntries(nodes), edges: [...edges, [from, id], ...on] };
    }
  }
}

interface Moves {
  readonly from: PlanSpec;
  readonly to: PlanSpec;
  readonly mask: number;
  readonly letter: number;
}

const moves: fc.Arbitrary<Moves> = fc
  .tuple(
    specs({ first: false, undo: false }),
    fc.array(fc.tuple(fc.nat(5), fc.nat(999), fc.nat(999)), { minLength: 1, maxLength: 3 }),
    fc.nat(),
    fc.nat(99),
  )
  .map(([spec, changes, mask, letter]) => {
    const from = plain(spec);
    return { from, to: changed(from, changes), mask, letter };
  })
  .filter(readsFit);

/** What a condition reads comes before it in every version: anything else the validator refuses. */
function readsFit({ from, to }: Moves): boolean {
  const old = ancestors(from);
  const now = ancestors(to);
  return Object.entries(to.nodes).every(
    ([id, { kind }]) =>
      kind !== "condition" ||
      (from.reads ?? []).every((read) => !old.get(id)?.has(read) || now.get(id)!.has(read)),
  );
}

function ancestors({ nodes, edges }: PlanSpec): ReadonlyMap<string, ReadonlySet<string>> {
  const all = new Map<string, Set<string>>();
  for (const id of Object.keys(nodes)) {
    const sources = edges.filter(([, target]) => target === id).map(([source]) => source);
    all.set(id, new Set(sources.flatMap((source) => [source, ...all.get(source)!])));
  }
  return all;
}

/** The same for the same node, whatever plan it is in. */
function outputOf(id: string): number {
  return id.split("").reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 10, 7);
}

function answer(plan: Plan, fails: (id: string) => boolean) {
  return (node: number, fence: number): RunEvent => {
    const { id } = plan.nodes[node]!;
    if (!fails(id)) return { type: "succeeded", node, fence, output: outputOf(id) };
    const retry = { immediate: 0, backoffMs: [] };
    return { type: "failed", node, fence, error: ERROR, verdict: { type: "permanent" }, retry, random: 0 };
  };
}

function begun(plan: Plan): RunState {
  return advance(plan, newRun(plan, VALUES), { type: "started", trigger: 0 }, START).state;
}

function endOf(plan: Plan, state: RunState, fails: (id: string) => boolean): RunState {
  return drive(state, { plan, now: NOW, answer: answer(plan, fails) });
}

function lettersOf({ nodes }: RunState): readonly number[] {
  return nodes.flatMap(({ failure }, index) => (failure === "open" ? [index] : []));
}

function outcome(plan: Plan, { status, nodes }: RunState): string {
  const each = plan.nodes.map(({ id, index }) => {
    const { status: end, outcome: how, failure } = nodes[index]!;
    return `${id} ${end} ${how} ${failure}`;
  });
  return [status, ...each].join("\n");
}

describe(`runs that move (seed ${seed})`, { timeout: timeoutMs }, () => {
  test("end as a run of the other version with those results would", () => {
    let moved = 0;
    let refused = 0;
    holds(moves, ({ from, to, mask, letter }) => {
      const plan = planOf(from);
      const other = planOf(to);
      const breaks = (id: string): boolean => ((mask >> (outputOf(id) * 3 + id.length)) & 1) === 1;
      const state = deepFreeze(endOf(plan, begun(plan), breaks));
      const letters = lettersOf(state);
      if (letters.length === 0) return;
      const before = textOf(state);
      const { refusals, nodes } = versionMove(plan, other, state);
      expect(textOf(state)).toBe(before);
      if (refusals.length > 0) return void refused++;
      moved++;

      const { id: redriven } = plan.nodes[letters[letter % letters.length]!]!;
      const arrived = moveRun(plan, other, state);
      let now = resolve(other, arrived, { id: redriven, moved: true });
      // Others were not mended by it.
      for (const index of lettersOf(now))
        if (plan.indexOf.has(other.nodes[index]!.id))
          now = resolve(other, now, { id: other.nodes[index]!.id });

      // Those of which the failure was handled are as they were.
      const handled = new Set(
        plan.nodes.filter(({ index }) => state.nodes[index]!.failure === "handled").map(({ id }) => id),
      );
      const fresh = endOf(other, begun(other), (id) => handled.has(id) && nodes.some(isReused(id)));
      expect(outcome(other, now)).toBe(outcome(other, fresh));
      for (const { node, fate } of nodes)
        if (fate === "reused")
          expect(now.nodes[other.indexOf.get(node)!]!.fence).toBe(
            state.nodes[plan.indexOf.get(node)!]!.fence,
          );
    });
    // Both were tried.
    expect(moved).toBeGreaterThan(runs / 50);
    expect(refused).toBeGreaterThan(runs / 50);
  });
});

function isReused(id: string) {
  return ({ node, fate }: { readonly node: string; readonly fate: string }): boolean =>
    node === id && fate === "reused";
}

/** Redrives the dead letter, and lets the run go on until it rests. */
function resolve(plan: Plan, state: RunState, letter: { id: string; moved?: true }): RunState {
  const { id, ...moved } = letter;
  const event: RunEvent = {
    type: "redriven",
    node: plan.indexOf.get(id)!,
    newKey: false,
    ...moved,
  };
  return endOf(plan, advance(plan, state, event, NOW).state, () => false);
}
