/** What a turn is decided on: the run as this process knows it, or the same run under another version. */
import type { Plan } from "../core/graph/plan.ts";
import type { StoredMessage } from "../core/ports/message.ts";
import { moveRun } from "../core/run/move-run.ts";
import type { RunState } from "../core/run/state.ts";
import { versionMove } from "../core/run/version-move.ts";
import { movesTo } from "./intent.ts";
import type { RunData } from "./prepare.ts";
import type { RunIdentity } from "./run-data.ts";
import type { Edit } from "./turn-result.ts";

export interface Basis {
  readonly plan: Plan;
  readonly identity: RunIdentity;
  readonly data: RunData;
  readonly state: RunState;
  readonly seq: number;
  /** Of its values. */
  readonly bytes: number;
  /** Nodes that have a row. */
  readonly rows: ReadonlySet<number>;
  /** Nodes whose effect may have happened twice. */
  readonly duplicated: ReadonlySet<number>;
  readonly edits: ReadonlyMap<number, Edit>;
}

/** The run has another version by now than the one that is known here: everything that is known by its plan is worth nothing. */
export class OtherVersion extends Error {}

/** The version with which the run is to go on, by its next message; `null`: none, or the one that it has. */
export function nextVersion([message]: readonly StoredMessage[], { identity }: Basis): number | null {
  return message && isMove(message, identity.version) ? movesTo(message.body) : null;
}

/** How many messages one turn takes: a run of this version takes up to the next one for another version, but for the first. */
export function turnLength(messages: readonly StoredMessage[], version: number): number {
  const next = messages.findIndex((message, index) => index > 0 && isMove(message, version));
  return next === -1 ? messages.length : next;
}

function isMove({ body }: StoredMessage, version: number): boolean {
  return (movesTo(body) ?? version) !== version;
}

/** Outputs, by the ids of their nodes, that the reducer reads under the plan, and that are not known here. */
export function unknownOutputs({ plan: from, state, data }: Basis, plan: Plan): readonly string[] {
  return [...plan.reads.nodes]
    .map((index) => plan.nodes[index]!.id)
    .filter((id) => !data.outputs.has(id))
    .filter((id) => state.nodes[from.indexOf.get(id) ?? -1]?.status === "succeeded");
}

/** `null`: the run cannot go on with this version. */
export function movedBasis(basis: Basis, plan: Plan, version: number): Basis | null {
  const { plan: from, identity } = basis;
  const state = withValues(basis, plan);
  if (versionMove(from, plan, state).refusals.length > 0) return null;
  const rename = (index: number): readonly number[] => {
    const moved = plan.indexOf.get(from.nodes[index]!.id);
    return moved === undefined ? [] : [moved];
  };
  return {
    ...basis,
    plan,
    identity: { ...ownerOf(identity), version },
    state: moveRun(from, plan, state),
    rows: new Set([...basis.rows].flatMap(rename)),
    duplicated: new Set([...basis.duplicated].flatMap(rename)),
    edits: new Map([...basis.edits].flatMap(([index, edit]) => rename(index).map((moved) => [moved, edit]))),
  };
}

function ownerOf({
  workspace,
  workflow,
  trigger,
  labels,
  parent = null,
}: RunIdentity): Omit<RunIdentity, "version"> {
  return { workspace, workflow, trigger, labels, parent };
}

/** What conditions and waits of the other version read may be more than what those of the present one do. */
function withValues({ plan: from, state, data }: Basis, plan: Plan): RunState {
  const outputs = new Map(state.values.outputs);
  const errors = new Map(state.values.errors);
  for (const read of plan.reads.nodes) {
    const { id } = plan.nodes[read]!;
    const index = from.indexOf.get(id);
    if (index === undefined) continue;
    const output = data.outputs.get(id);
    const error = data.errors.get(id);
    if (output !== undefined) outputs.set(index, output);
    if (error !== undefined) errors.set(index, error);
  }
  return { ...state, values: { ...state.values, outputs, errors } };
}
