/** Holds states of the reducer against the model, and against each other. */
import { isDeepStrictEqual } from "node:util";
import type { Command } from "../../../src/core/run/command.ts";
import type { NodeState, RunState } from "../../../src/core/run/state.ts";
import type { Model } from "./model.ts";
import { isAlive, isLeft } from "./model-facts.ts";
import type { PlanSpec } from "./plans.ts";

/** What differs, in words; `null`: nothing. */
export function difference(state: RunState, model: Model, spec: PlanSpec): string | null {
  for (const key of ["status", "paused", "cancelled", "compensate"] as const)
    if (state[key] !== model[key]) return `${key}: ${state[key]}, and the model says ${model[key]}`;
  for (const [index, id] of model.ids.entries()) {
    const node: object = state.nodes[index]!;
    const told = { ...model.told(id), ...model.inbound(id) };
    for (const [field, expected] of Object.entries(told)) {
      const found: unknown = node[field as keyof typeof node];
      if (found !== expected)
        return `${id}.${field}: ${String(found)}, and the model says ${String(expected)}`;
    }
  }
  return countsDiffer(state, model) ?? valuesDiffer(state, model, spec) ?? keptDiffer(state, model);
}

function countsDiffer({ counts }: RunState, model: Model): string | null {
  const all = model.ids.map((id) => model.told(id));
  const live = all.filter(isAlive).map(({ status }) => status);
  const expected = {
    startable: live.filter((status) => status === "ready" || status === "queued").length,
    running: live.filter((status) => status === "running").length,
    waiting: live.filter((status) => status === "waiting").length,
    deadLetters: all.filter(isLeft).length,
    begun: all.some(({ fence }) => fence > 0),
  };
  for (const key of Object.keys(expected) as (keyof typeof expected)[])
    if (counts[key] !== expected[key])
      return `counts.${key}: ${counts[key]}, and the model says ${expected[key]}`;
  return null;
}

function valuesDiffer({ values }: RunState, model: Model, { reads = [] }: PlanSpec): string | null {
  for (const id of reads) {
    const index = model.ids.indexOf(id);
    const output = JSON.stringify(values.outputs.get(index));
    if (output !== JSON.stringify(model.outputs.get(id))) return `output of ${id}: ${output}`;
    const error = values.errors.get(index) as { class: string } | undefined;
    if (error?.class !== model.errors.get(id)) return `error of ${id}: ${error?.class}`;
  }
  const known = new Set(reads.map((id) => model.ids.indexOf(id)));
  const extra = [...values.outputs.keys(), ...values.errors.keys()].find((index) => !known.has(index));
  return extra === undefined ? null : `a value of node ${extra}, which nothing reads`;
}

function keptDiffer(state: RunState, model: Model): string | null {
  const kept = JSON.stringify(state.kept);
  const expected = JSON.stringify(
    model.kept.map(({ id, kind, name, payload, receivedAt }) => ({ id, kind, name, payload, receivedAt })),
  );
  return kept === expected ? null : `kept: ${kept}, and the model says ${expected}`;
}

/** A command as the model writes it. */
export function written(command: Command): string {
  switch (command.type) {
    case "dispatch":
    case "abort":
    case "openMap":
    case "cancelChild":
    case "renderOutput":
      return `${command.type} ${command.node}`;
    case "openChild":
      return `openChild ${command.node} ${command.isFirst}`;
    case "retryNow":
      return `retryNow ${command.node} ${command.fence} ${command.delayMs}`;
    case "schedule":
      return `schedule ${command.node} ${command.delayMs}`;
    case "record":
      return `record ${command.node} ${JSON.stringify(command.output)} ${command.error?.class ?? null}`;
    case "deadLetter":
      return `deadLetter ${command.node} ${command.error.class}`;
    case "keepMessage":
    case "dropMessage":
      return `${command.type} ${command.id}`;
    case "finish":
      return `finish ${command.status}`;
  }
}

/** The fields of a node that the store keeps. */
const STORED: readonly Exclude<keyof NodeState, "open" | "taken">[] = [
  "status",
  "outcome",
  "fence",
  "attempt",
  "losses",
  "generation",
  "dispatches",
  "worker",
  "waitingFor",
  "dueAt",
  "failure",
  "deadlineAt",
  "putOffMs",
  "keyFence",
];

/** Indexes of the nodes whose stored fields differ. */
export function changedNodes(before: RunState, after: RunState): readonly number[] {
  return after.nodes.flatMap((node, index) => (sameStored(node, before.nodes[index]!) ? [] : [index]));
}

export function sameStored(one: NodeState, other: NodeState): boolean {
  return one === other || STORED.every((field) => one[field] === other[field]);
}

export function isSame(one: RunState, other: RunState): boolean {
  const { counts, values } = one;
  if (one.status !== other.status || one.paused !== other.paused || one.cancelled !== other.cancelled)
    return false;
  if (one.trigger !== other.trigger || one.nodes.length !== other.nodes.length) return false;
  const sameNodes = one.nodes.every((node, index) => {
    const against = other.nodes[index]!;
    return sameStored(node, against) && node.open === against.open && node.taken === against.taken;
  });
  return (
    sameNodes &&
    isDeepStrictEqual(counts, other.counts) &&
    isDeepStrictEqual(values, other.values) &&
    isDeepStrictEqual(one.kept, other.kept)
  );
}

/** A whole state as text: equal texts, equal states. */
export function textOf(state: RunState): string {
  return JSON.stringify(state, (_key, value: unknown) =>
    value instanceof Map ? [...value].sort(([a], [b]) => Number(a) - Number(b)) : value,
  );
}
