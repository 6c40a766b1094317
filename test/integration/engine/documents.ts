/** Documents and actions that the engine suites share. */
import type { Action, ActionContext, Json, NodeDocument, WorkflowDocument } from "../../../src/index.ts";

export function action(
  name: string,
  run: (context: ActionContext<Json>) => Json | Promise<Json>,
  extra: Partial<Action> = {},
): Action {
  return { kind: "flowforge.action", name, run, ...extra };
}

/** Counts how often each node of each run was executed. */
export class Executions {
  readonly counts: Map<string, number> = new Map();

  note({ run, node }: ActionContext<Json>): void {
    const key = `${run.id} ${node.id}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Node runs that were executed more than once. */
  get repeated(): readonly string[] {
    return [...this.counts].filter(([, count]) => count > 1).map(([key]) => key);
  }
}

type Nodes = Record<string, NodeDocument>;

/** s0 -> s1 -> ...; each adds one to what the one before gave. */
export function chain(length: number, name = `chain-${length}`, actionName = "add"): WorkflowDocument {
  const nodes: Nodes = {};
  for (let i = 0; i < length; i++) {
    const input = { n: i === 0 ? "{{ input.n }}" : `{{ nodes.s${i - 1}.output.n }}` };
    nodes[`s${i}`] = { kind: "action", action: actionName, input };
  }
  const edges = Array.from({ length: length - 1 }, (_, i) => ({ from: `s${i}`, to: `s${i + 1}` }));
  return { format: 1, name, nodes, edges, output: `{{ nodes.s${length - 1}.output.n }}` };
}

/** first -> p0 .. pn -> last. */
export function fan(width: number, name = `fan-${width}`): WorkflowDocument {
  const nodes: Nodes = {
    first: { kind: "action", action: "add", input: { n: "{{ input.n }}" } },
    last: { kind: "action", action: "count", join: "all" },
  };
  const edges = [];
  for (let i = 0; i < width; i++) {
    nodes[`p${i}`] = { kind: "action", action: "add", input: { n: "{{ nodes.first.output.n }}" } };
    edges.push({ from: "first", to: `p${i}` }, { from: `p${i}`, to: "last" });
  }
  return { format: 1, name, nodes, edges, output: "{{ nodes.last.output }}" };
}

/** Adds one. */
export const add = (executions?: Executions): Action =>
  action("add", (context) => {
    executions?.note(context);
    return { n: (context.input as { n: number }).n + 1 };
  });

export const count = (executions?: Executions): Action =>
  action("count", (context) => {
    executions?.note(context);
    return "joined";
  });
