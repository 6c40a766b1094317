/** Every way in which a small document can run, by trying all outcomes of all nodes. */
import type { NodeDocument, WorkflowDocument } from "../../../src/core/definition/document.ts";

/** `null`: it never ended, for somebody must look after it or something before it. */
type End = string | "skipped" | null;

/** One run: how each node ended, and which nodes started. */
export interface TriedRun {
  readonly ends: ReadonlyMap<string, End>;
  readonly started: ReadonlySet<string>;
  /** Everything has come to its end, so the output is made. */
  readonly complete: boolean;
}

export function succeeded({ ends }: TriedRun, id: string): boolean {
  const end = ends.get(id);
  return typeof end === "string" && !["skipped", "error", "timeout"].includes(end);
}

/** `order`: the nodes so that every edge leads forward. */
export function allRuns(document: WorkflowDocument, order: readonly string[]): readonly TriedRun[] {
  const triggers = order.filter((id) => document.nodes[id]?.kind === "trigger");
  return triggers.flatMap((trigger) => {
    let runs: TriedRun[] = [{ ends: new Map(), started: new Set(), complete: true }];
    for (const id of order) runs = runs.flatMap((run) => steps({ document, trigger, run }, id));
    return runs;
  });
}

interface Position {
  readonly document: WorkflowDocument;
  readonly trigger: string;
  readonly run: TriedRun;
}

function steps({ document, trigger, run }: Position, id: string): TriedRun[] {
  const node = document.nodes[id] as NodeDocument;
  const ended = (end: End, starts: boolean): TriedRun => ({
    ends: new Map(run.ends).set(id, end),
    started: starts ? new Set(run.started).add(id) : run.started,
    complete: run.complete && end !== null,
  });
  if (node.kind === "trigger") return [id === trigger ? ended("fired", true) : ended("skipped", false)];
  const inbound = document.edges.filter(({ to }) => to === id);
  const states = inbound.map(({ from, on }) => {
    const end = run.ends.get(from) as End;
    if (end === null) return "open";
    if (end === "skipped") return "dead";
    return (on === undefined ? !["error", "timeout"].includes(end) : on === end) ? "taken" : "dead";
  });
  if (states.includes("open")) return [ended(null, false)];
  const starts = node.join === "all" ? !states.includes("dead") : states.includes("taken");
  return starts ? endsOf(document, id).map((end) => ended(end, true)) : [ended("skipped", false)];
}

/** A failure that no edge is for, or a timeout that means one, holds up what is behind it. */
function endsOf({ nodes, edges }: WorkflowDocument, id: string): readonly End[] {
  const node = nodes[id] as NodeDocument;
  const handled = (outcome: string): End =>
    edges.some(({ from, on }) => from === id && on === outcome) ? outcome : null;
  switch (node.kind) {
    case "trigger":
      return ["fired"];
    case "action":
      return ["success", handled("error")];
    case "condition":
      return [...node.cases.map(({ outcome }) => outcome), "else", handled("error")];
    case "wait": {
      if ("duration" in node.for || "until" in node.for) return ["elapsed", handled("error")];
      if (node.for.timeout === undefined) return ["received", handled("error")];
      return ["received", handled("error"), node.onTimeout === "skip" ? "timeout" : handled("timeout")];
    }
  }
}
