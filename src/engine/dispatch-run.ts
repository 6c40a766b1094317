/** Hands over what is ready in a run, without waiting for the dispatcher's next round. */
import type { StoredRun } from "../core/ports/stored-run.ts";
import type { Loader } from "../worker/loader.ts";
import type { RunTable } from "../worker/run-table.ts";

/** `false`: there is no such run. */
export async function dispatchRun(
  { table, loader }: { readonly table: RunTable; readonly loader: Loader },
  run: { readonly id: string; readonly workspace: string },
): Promise<boolean> {
  const stored = await loader.load({ runId: run.id });
  if (stored?.header.workspace !== run.workspace) return false;
  await askForRoom(table, stored);
  const now = table.clock.now();
  const ready = stored.nodes.filter(({ status, item, dueAt }) => {
    return status === "ready" && item === -1 && (dueAt ?? 0) <= now;
  });
  await Promise.all(
    ready.map(({ node, fence }) =>
      table.submitFor({ runId: run.id, node }, (index) => ({ type: "offer", node: index, fence })),
    ),
  );
  return true;
}

/** Only of a run that waits for room among those of its workflow. */
async function askForRoom(table: RunTable, { header, nodes }: StoredRun): Promise<void> {
  if (!nodes.some(({ waitingFor }) => waitingFor === "concurrency")) return;
  await table.submit(header.id, { type: "look" });
  table.askForRoom(header.id);
}
