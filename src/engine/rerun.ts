/** Running a run once more: a new run of the same version, trigger, input and labels, which says what it repeats. */
import type { NewRun, Store } from "../core/ports/store.ts";
import { runNotFound, type Target } from "./run-control.ts";

/** The run that repeats this one. Throws `run_not_found`. */
export async function rerunOf(store: Pick<Store, "load">, { runId, workspace }: Target): Promise<NewRun> {
  const [run] = await store.load([{ runId, since: Number.MAX_SAFE_INTEGER, withInput: true }]);
  if (!run || run.header.workspace !== workspace) throw runNotFound({ runId, workspace });
  const { workflow, version, trigger, labels } = run.header;
  const { input = null, triggerPayload = null } = run;
  return { workspace, workflow, version, trigger, labels, input, triggerPayload, rerunOf: runId };
}
