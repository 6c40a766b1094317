/** From what the store holds of a run to what the reducer and the templates read. */
import type { Plan } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { ParentRef } from "../core/ports/children.ts";
import type { StoredMessage } from "../core/ports/message.ts";
import type { Store } from "../core/ports/store.ts";
import type { StoredRun } from "../core/ports/stored-run.ts";
import type { StoredState } from "../core/run/advance.ts";
import type { RunState } from "../core/run/state.ts";
import type { Loader } from "./loader.ts";
import type { PlanKey } from "./plans.ts";
import type { RunData } from "./prepare.ts";
import { isChildRunId, runIdTime } from "./run-id.ts";
import type { Edit } from "./turn-result.ts";

export interface RunIdentity extends PlanKey {
  readonly trigger: string;
  readonly labels: { readonly [name: string]: string };
  /** Of a child. */
  readonly parent?: ParentRef | null;
}

/** The values of a run, as far as the store gave them. */
export function runData(
  id: string,
  identity: RunIdentity,
  values: Pick<StoredRun, "input" | "triggerPayload">,
): RunData {
  const { workflow, workspace } = identity;
  return {
    input: values.input ?? null,
    trigger: values.triggerPayload ?? null,
    run: { id, workflow, workspace, startedAt: startedAt(id, values.triggerPayload) },
    outputs: new Map(),
    errors: new Map(),
  };
}

/** The same wherever it is asked: the id of a child does not tell it, but the time at which its trigger fired is stored with it. */
function startedAt(id: string, payload: Json | undefined): string {
  if (!isChildRunId(id)) return new Date(runIdTime(id)).toISOString();
  return String((payload as { readonly firedAt?: Json } | null | undefined)?.firedAt ?? "");
}

/** Puts what was read into the run's data. */
export function learn(data: RunData, stored: StoredRun | null): void {
  if (!stored) return;
  for (const [id, output] of stored.outputs) data.outputs.set(id, output);
  for (const row of stored.nodes) {
    if (row.error) data.errors.set(row.node, row.error);
    // A row that changed may have another output than the one known here.
    if (row.status !== "succeeded") data.outputs.delete(row.node);
  }
}

/** Inputs that were given by hand, of the rows that came; they are in the rows, and nowhere else. */
export async function readEdits(
  store: Pick<Store, "inputs">,
  plan: Plan,
  { header, nodes }: StoredRun,
): Promise<readonly (readonly [number, Edit])[]> {
  const rows = nodes.filter((row) => row.edited !== null && row.item === -1 && plan.indexOf.has(row.node));
  if (rows.length === 0) return [];
  const inputs = await store.inputs(rows.map((row) => ({ ...row, runId: header.id })));
  return rows.map((row, i) => [
    plan.indexOf.get(row.node)!,
    { edited: row.edited!, input: inputs[i] ?? null },
  ]);
}

/** Outputs of maps that have ended by what messages say, where the reducer reads them. */
export async function endedMaps(
  loader: Loader,
  { id, plan, seq }: { readonly id: string; readonly plan: Plan | null; readonly seq: number },
  messages: readonly StoredMessage[],
): Promise<ReadonlyMap<string, Json>> {
  const ended = messages.flatMap(({ body }) => (body.kind === "mapEnded" ? [body.node] : []));
  const outputs = ended.filter((node) => plan?.reads.nodes.has(plan.indexOf.get(node) ?? -1));
  const stored = outputs.length > 0 ? await loader.load({ runId: id, since: seq, outputs }) : null;
  return stored?.outputs ?? new Map();
}

/** What the reducer needs of a stored run. */
export function storedState(stored: StoredRun, plan: Plan, data: RunData): StoredState {
  const { header } = stored;
  const pick = (values: ReadonlyMap<string, RunData["input"]>): Map<number, RunData["input"]> => {
    const picked = new Map<number, RunData["input"]>();
    for (const index of plan.reads.nodes) {
      const value = values.get(plan.nodes[index]!.id);
      if (value !== undefined) picked.set(index, value);
    }
    return picked;
  };
  return {
    status: header.status,
    paused: header.paused,
    cancelled: header.cancelled,
    compensate: header.compensate,
    trigger: plan.indexOf.get(header.trigger) ?? null,
    nodes: stored.nodes,
    values: {
      input: data.input,
      trigger: data.trigger,
      run: data.run,
      outputs: pick(data.outputs),
      errors: pick(data.errors),
    },
    kept: stored.inbox.filter((message) => message.kept).flatMap(keptMessage),
  };
}

/** Outputs that the reducer reads and that are stored, but not known here yet. */
export function unreadOutputs(plan: Plan, stored: StoredRun, data: RunData): readonly string[] {
  return stored.nodes
    .filter(({ node, status }) => status === "succeeded" && !data.outputs.has(node))
    .map(({ node }) => node)
    .filter((node) => plan.reads.nodes.has(plan.indexOf.get(node) ?? -1));
}

function keptMessage(message: StoredMessage): RunState["kept"] {
  const { id, receivedAt, body } = message;
  if (body.kind !== "signal" && body.kind !== "event") return [];
  return [{ id, receivedAt, kind: body.kind, name: body.name, payload: body.payload }];
}
