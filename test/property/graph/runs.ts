/** Every way in which a small document can run, by trying all outcomes of all nodes. */
import type { NodeDocument, WorkflowDocument } from "../../../src/core/definition/document.ts";

/** `null`: it never ended, for somebody must look after it or something before it. */
type End = string | "skipped" | null;

/** One run: how each node ended, and which nodes started. */
export interface TriedRun {
  readonly ends: ReadonlyMap<string, End>;
  readonly started: ReadonlySet<string>;
  /** What has certainly ended when a node is decided, however fast the others are. */
  readonly before: ReadonlyMap<string, ReadonlySet<string>>;
  /** Everything has come to its end, so the output is made. */
  readonly complete: boolean;
}

export function succeeded({ ends }: TriedRun, id: string): boolean {
  const end = ends.get(id);
  return typeof end === "string" && !["skipped", "error", "timeout"].includes(end);
}

/** A join that starts in this run may be faster than the node, which leads nowhere else, and call it off. */
export function mayBeCalledOff({ nodes, edges }: WorkflowDocument, run: TriedRun, id: string): boolean {
  const others = Object.keys(nodes).filter((join) => join !== id && typeof nodes[join]?.join === "object");
  return others.some((join) => {
    if (!run.started.has(join) || run.before.get(join)?.has(id)) return false;
    const seen = new Set([id]);
    for (const at of seen) {
      const next = edges.filter(({ from }) => from === at).map(({ to }) => to);
      if (next.length === 0) return false;
      for (const to of next) if (to !== join) seen.add(to);
    }
    return true;
  });
}

/** `order`: the nodes so that every edge leads forward. */
export function allRuns(document: WorkflowDocument, order: readonly string[]): readonly TriedRun[] {
  const triggers = order.filter((id) => document.nodes[id]?.kind === "trigger");
  return triggers.flatMap((trigger) => {
    let runs: TriedRun[] = [{ ends: new Map(), started: new Set(), before: new Map(), complete: true }];
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
  const inbound = document.edges.filter(({ to }) => to === id);
  const first = node.join === "first" || typeof node.join === "object";
  const ended = (end: End, starts: boolean): TriedRun => {
    const ways = inbound.map(({ from }) => new Set(run.before.get(from)).add(from));
    const chosen = first && starts ? ways.filter((_, at) => states[at] === "taken") : ways;
    const all = new Set(chosen.flatMap((way) => [...way]));
    const before =
      first && starts ? new Set([...all].filter((one) => chosen.every((way) => way.has(one)))) : all;
    return {
      ends: new Map(run.ends).set(id, end),
      started: starts ? new Set(run.started).add(id) : run.started,
      before: new Map(run.before).set(id, before),
      complete: run.complete && end !== null,
    };
  };
  const states = inbound.map(({ from, on }) => {
    const end = run.ends.get(from) as End;
    if (end === null) return "open";
    if (end === "skipped") return "dead";
    return (on === undefined ? !["error", "timeout"].includes(end) : on === end) ? "taken" : "dead";
  });
  if (node.kind === "trigger") return [id === trigger ? ended("fired", true) : ended("skipped", false)];
  if (states.includes("open") && !(first && states.includes("taken"))) return [ended(null, false)];
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
