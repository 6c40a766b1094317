/** Running a run once more: a new run of the same version, trigger, input and labels, which says what it repeats. */
import { FlowForgeError } from "../core/errors.ts";
import type { Plan } from "../core/graph/plan.ts";
import type { NewRun } from "../core/ports/commit.ts";
import type { Store } from "../core/ports/store.ts";
import type { RunEvent } from "../core/run/event.ts";
import { replayUpTo } from "../core/run/replay.ts";
import { runNotFound, type Target } from "./run-control.ts";

/** The run that repeats this one. Throws `run_not_found`. */
export async function rerunOf(store: Pick<Store, "load">, { runId, workspace }: Target): Promise<NewRun> {
  const [run] = await store.load([{ runId, since: Number.MAX_SAFE_INTEGER, withInput: true }]);
  if (!run || run.header.workspace !== workspace) throw runNotFound({ runId, workspace });
  const { workflow, version, trigger, labels } = run.header;
  const { input = null, triggerPayload = null } = run;
  return { workspace, workflow, version, trigger, labels, input, triggerPayload, rerunOf: runId };
}

/** What the new run takes over of the old one before this node. Throws `option_invalid` and `rerun_refused`. */
export async function takenOver(
  store: Pick<Store, "load">,
  plan: Plan,
  { runId, from }: { readonly runId: string; readonly from: string },
): Promise<readonly RunEvent[]> {
  const start = plan.nodes.find(({ id, kind }) => id === from && kind !== "trigger" && kind !== "output");
  if (!start) throw noSuchNode(plan, from);
  const outputs = plan.nodes.filter(({ kind }) => kind === "action" || kind === "wait").map(({ id }) => id);
  const [old] = await store.load([{ runId, outputs }]);
  const rows = (old?.nodes ?? []).filter(({ item }) => item === -1);
  const nodes = new Map(
    rows.map((row) => [row.node, { ...row, output: old!.outputs.get(row.node) ?? null }]),
  );
  const replay = replayUpTo(plan, start.index, { nodes, worker: `run ${runId}` });
  if (replay.ok) return replay.events;
  throw new FlowForgeError("rerun_refused", {
    subject: `a rerun of run ${runId} from node "${from}"`,
    expected: "that everything before the node has ended",
    received: replay.problems.slice(0, 10).join("; "),
    next: "Choose an earlier node, or rerun the whole run.",
  });
}

function noSuchNode(plan: Plan, from: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: 'option "from" of runs.rerun',
    expected: `a node of workflow "${plan.document.name}" that is no trigger`,
    received: JSON.stringify(from.slice(0, 80)),
    next: "Name an action, a condition or a wait.",
  });
}
