/** What the checks look at: the document with its graph, and what is known about how they came about. */
import type { WorkflowDocument } from "../definition/document.ts";
import { normaliseDocument } from "../definition/normalise.ts";
import { didYouMean } from "../suggestion.ts";
import { buildGraph, type Graph } from "./graph.ts";
import type { IssuePath } from "./issues.ts";
import { topologicalOrder, type Order } from "./order.ts";

export interface Subject {
  /** Normalised. */
  readonly document: WorkflowDocument;
  readonly graph: Graph;
  readonly order: Order;
  /** Path of an edge in the document as it was written; `null` for an edge that normalising added. */
  readonly pathOfEdge: (position: number) => IssuePath | null;
  /** The trigger was added by normalising. */
  readonly triggerAdded: boolean;
  /** Nodes whose own problems are known already: they are there, and nothing more is said about them. */
  readonly damaged: ReadonlySet<string>;
  /** Nothing was left out for being damaged, so what is missing is really missing. */
  readonly complete: boolean;
  readonly suggestions: Suggestions;
}

export interface Leftovers {
  /** Positions that the edges of the document had where it was written. Absent: the same as they have now. */
  readonly positions?: readonly number[];
  readonly damaged?: ReadonlySet<string>;
  readonly complete?: boolean;
}

export function subjectOf(document: WorkflowDocument, leftovers: Leftovers = {}): Subject {
  const normalised = normaliseDocument(document);
  // Normalising keeps the order of the edges, and puts those that it adds before them.
  const added = normalised.edges.length - document.edges.length;
  const graph = buildGraph(Object.keys(normalised.nodes), normalised.edges);
  return {
    document: normalised,
    graph,
    order: topologicalOrder(graph),
    pathOfEdge: (position) => {
      const index = position - added;
      return index < 0 ? null : ["edges", leftovers.positions?.[index] ?? index];
    },
    triggerAdded: graph.ids.length > Object.keys(document.nodes).length,
    damaged: leftovers.damaged ?? new Set(),
    complete: leftovers.complete ?? true,
    suggestions: new Suggestions(),
  };
}

/** A document with thousands of wrong names must not cost thousands times thousands of comparisons. */
const MAX_COMPARISONS = 50_000;

/** "Did you mean", as long as the budget of work lasts. */
export class Suggestions {
  #left = MAX_COMPARISONS;

  /** ` Did you mean "x"?`, or nothing. */
  for(name: string, known: readonly string[]): string {
    this.#left -= known.length;
    return this.#left < 0 ? "" : didYouMean(name, known);
  }
}
