/** What a turn has put off: whoever takes it up again is told when, so that it need not look all the time. */
import type { Moved } from "./observer.ts";
import type { RunListener } from "./run-table-options.ts";
import type { Turn } from "./turn.ts";

export function tellDue(
  listener: Pick<RunListener, "dueIn" | "readyIn">,
  { due }: Pick<Turn, "due">,
  { state }: Moved,
): void {
  for (const [node, when] of due) {
    if (when === null || typeof when !== "object" || !("inMs" in when)) continue;
    if (state.nodes[node]!.status === "ready") listener.readyIn(when.inMs);
    else listener.dueIn(when.inMs);
  }
}
