/** Every place of a document that holds an expression or a template, and what may be read there. */
import type { NodeDocument, WorkflowDocument } from "../definition/document.ts";
import type { Reference } from "../expression/expression.ts";
import type { Json } from "../json.ts";
import { isObject } from "./json-schema.ts";
import type { Graph } from "./graph.ts";
import type { IssuePath } from "./issues.ts";

type Root = Reference["root"];

/** One text: a bare expression, or a string of a template (with or without `{{ }}`). */
export interface Site {
  readonly path: IssuePath;
  readonly text: string;
  readonly form: "expression" | "template";
  readonly scope: Scope;
  /** Number of the node that reads; the number of nodes for the output of the workflow. */
  readonly reader: number;
}

export interface Scope {
  readonly roots: ReadonlySet<Root>;
  /** What the place is called in messages. */
  readonly place: string;
}

const STEP: readonly Root[] = ["input", "trigger", "nodes", "run"];

const SCOPES = {
  trigger: { roots: new Set<Root>(["trigger"]), place: "a trigger" },
  step: { roots: new Set<Root>(STEP), place: "a node" },
  match: { roots: new Set<Root>([...STEP, "event"]), place: "the match of a wait" },
  output: { roots: new Set<Root>(STEP), place: "the output of the workflow" },
} as const satisfies Record<string, Scope>;

export function sitesOf(document: WorkflowDocument, graph: Graph): readonly Site[] {
  const collector = new Collector();
  graph.ids.forEach((id, reader) => collector.node(id, { node: document.nodes[id] as NodeDocument, reader }));
  if (document.output !== undefined) collector.output(document.output, graph.ids.length);
  return collector.sites;
}

class Collector {
  readonly sites: Site[] = [];
  /** Of the value that is looked at. One list for all of them: most values hold no text with an expression. */
  readonly #path: (string | number)[] = [];
  #reader = 0;

  node(id: string, { node, reader }: { readonly node: NodeDocument; readonly reader: number }): void {
    this.#reader = reader;
    this.#at(["nodes", id], () => this.#parts(node));
  }

  output(template: Json, reader: number): void {
    this.#reader = reader;
    this.#template(template, "output", SCOPES.output);
  }

  #parts(node: NodeDocument): void {
    switch (node.kind) {
      case "trigger":
        this.#template(node.input, "input", SCOPES.trigger);
        if (node.source?.type === "event") this.#at(["source"], () => this.#filter(node.source));
        return;
      case "action":
        this.#template(node.input, "input", SCOPES.step);
        return;
      case "condition":
        node.cases.forEach((one, index) =>
          this.#at(["cases", index], () => this.#expression(one.if, "if", SCOPES.step)),
        );
        return;
      case "wait":
        this.#at(["for"], () => this.#wait(node.for));
    }
  }
}
