/** Tells parents of their children's ends: see `ChildStore`. */
import type { ItemChildEnd } from "../../core/ports/children.ts";
import type { MessageBody } from "../../core/ports/message.ts";
import { parsed } from "./json-text.ts";
import type { MemoryRun, Tables } from "./tables.ts";

export interface Telling {
  readonly limit: number;
  readonly now: number;
  /** Somebody holds the run. */
  readonly isHeld: (runId: string) => boolean;
}

/** Ids of the runs that were told. */
export function tellParents(tables: Tables, { limit, now, isHeld }: Telling): readonly string[] {
  const told = new Set<string>();
  const due = tables.childEnds.filter(({ ofItem }) => !ofItem).slice(0, limit);
  for (const end of due) {
    const child = tables.runs.get(end.runId)!;
    const parent = tables.runs.get(child.header.parent!.runId);
    if (parent && isHeld(parent.header.id)) continue;
    tables.childEnds.splice(tables.childEnds.indexOf(end), 1);
    const id = `child ${end.runId} ${end.seq}`;
    if (!parent || child.header.finishedAt === null || parent.inbox.has(id) || parent.used.has(id)) continue;
    const body = JSON.stringify(bodyOf(child));
    parent.inbox.set(id, { id, receivedAt: now, kind: "childEnded", kept: false, body });
    parent.header = Object.freeze({ ...parent.header, seq: parent.header.seq + 1 });
    tables.noteInbox(parent);
    told.add(parent.header.id);
  }
  return [...told];
}

export function itemChildEnds({ childEnds, runs }: Tables, limit: number): readonly ItemChildEnd[] {
  return childEnds
    .filter(({ ofItem }) => ofItem)
    .slice(0, limit)
    .map(({ runId, seq }) => {
      const { header, output } = runs.get(runId)!;
      const { parent, workflow, status } = header;
      return { runId, seq, parent: parent!, workflow, status, output: parsed(output) ?? null };
    });
}

export function forgetChildEnds(
  { childEnds }: Tables,
  ends: readonly Pick<ItemChildEnd, "runId" | "seq">[],
): void {
  for (const { runId, seq } of ends) {
    const at = childEnds.findIndex((end) => end.ofItem && end.runId === runId && end.seq === seq);
    if (at >= 0) childEnds.splice(at, 1);
  }
}

function bodyOf({ header, output }: MemoryRun): MessageBody {
  const { id, workflow, status, parent } = header;
  const { node, generation } = parent!;
  const ended = status as "succeeded" | "failed" | "cancelled";
  const result = ended === "succeeded" ? (parsed(output) ?? null) : null;
  return { kind: "childEnded", node, generation, child: id, workflow, status: ended, output: result };
}
