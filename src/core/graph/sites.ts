/** Every place of a document that holds an expression or a template, and what may be read there. */
import type { ActionDocument, NodeDocument, WorkflowDocument } from "../definition/document.ts";
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
  /** The node that it stands in may be read too: it has succeeded then. */
  readonly self?: true;
  /** What the place is called in messages. */
  readonly place: string;
}

const STEP: readonly Root[] = ["input", "trigger", "nodes", "run"];

const SCOPES = {
  trigger: { roots: new Set<Root>(["trigger"]), place: "a trigger" },
  filter: { roots: new Set<Root>(["trigger", "event"]), place: "the filter of a trigger" },
  step: { roots: new Set<Root>(STEP), place: "a node" },
  item: { roots: new Set<Root>([...STEP, "item", "index"]), place: "the input of an item" },
  compensation: { roots: new Set<Root>(STEP), self: true, place: "a compensation" },
  itemCompensation: {
    roots: new Set<Root>([...STEP, "item", "index"]),
    self: true,
    place: "the compensation of an item",
  },
  match: { roots: new Set<Root>([...STEP, "event"]), place: "the match of a wait" },
  output: { roots: new Set<Root>(STEP), place: "the output of the workflow" },
  concurrency: { roots: new Set<Root>(["input", "trigger"]), place: "the key of a workflow's concurrency" },
} as const satisfies Record<string, Scope>;

export function sitesOf(document: WorkflowDocument, graph: Graph): readonly Site[] {
  const sites: Site[] = [];
  graph.ids.forEach((id, reader) => {
    const node = document.nodes[id] as NodeDocument;
    new Collector(sites, ["nodes", id], reader).node(node);
  });
  const whole = new Collector(sites, [], graph.ids.length);
  if (document.output !== undefined) whole.template(document.output, ["output"], SCOPES.output);
  const key = document.concurrency?.key;
  if (key !== undefined) whole.template(key, ["concurrency", "key"], SCOPES.concurrency);
  return sites;
}

class Collector {
  readonly #sites: Site[];
  readonly #base: IssuePath;
  readonly #reader: number;

  constructor(sites: Site[], base: IssuePath, reader: number) {
    this.#sites = sites;
    this.#base = base;
    this.#reader = reader;
  }

  node(node: NodeDocument): void {
    switch (node.kind) {
      case "trigger":
        if (node.input !== undefined) this.template(node.input, ["input"], SCOPES.trigger);
        if (node.source?.type === "event")
          this.expression(node.source.filter, ["source", "filter"], SCOPES.filter);
        return;
      case "action":
        this.expression(node.forEach, ["forEach"], SCOPES.step);
        if (node.idempotencyKey !== undefined)
          this.template(node.idempotencyKey, ["idempotencyKey"], SCOPES.step);
        this.#inputs(node);
        return;
      case "condition":
        node.cases.forEach((one, index) => this.expression(one.if, ["cases", index, "if"], SCOPES.step));
        return;
      case "wait":
        if ("until" in node.for) this.template(node.for.until, ["for", "until"], SCOPES.step);
        if ("event" in node.for) this.expression(node.for.match, ["for", "match"], SCOPES.match);
    }
  }

  #inputs({ input, compensate, forEach }: ActionDocument): void {
    const isMap = forEach !== undefined;
    if (input !== undefined) this.template(input, ["input"], isMap ? SCOPES.item : SCOPES.step);
    if (compensate?.input !== undefined) {
      const scope = isMap ? SCOPES.itemCompensation : SCOPES.compensation;
      this.template(compensate.input, ["compensate", "input"], scope);
    }
  }

  /** The strings of a template, at any depth. The depth of a document is limited before. */
  template(template: Json, path: IssuePath, scope: Scope): void {
    // One list for the whole walk: most values hold no expression, and need no path of their own.
    this.#walk(template, [...path], scope);
  }

  #walk(template: Json, path: (string | number)[], scope: Scope): void {
    if (typeof template === "string") {
      // Most strings are plain texts.
      if (template.includes("{{")) this.#add({ text: template, form: "template", scope }, path);
    } else if (Array.isArray(template)) {
      for (let index = 0; index < template.length; index++) {
        path.push(index);
        this.#walk(template[index] as Json, path, scope);
        path.pop();
      }
    } else if (isObject(template)) {
      for (const key of Object.keys(template)) {
        path.push(key);
        this.#walk(template[key] as Json, path, scope);
        path.pop();
      }
    }
  }

  expression(text: string | undefined, path: IssuePath, scope: Scope): void {
    if (text !== undefined) this.#add({ text, form: "expression", scope }, path);
  }

  #add(found: Pick<Site, "text" | "form" | "scope">, path: IssuePath): void {
    this.#sites.push({ ...found, path: [...this.#base, ...path], reader: this.#reader });
  }
}
