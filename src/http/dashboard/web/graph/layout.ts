/** Where the nodes and edges of a workflow are drawn, by dagre: from left to right, or downwards where that is easier to see. */
import dagre from "@dagrejs/dagre";
import type { EdgeDocument, WorkflowDocument } from "../../../../core/definition/document.ts";
import { extentOf } from "./extent.ts";

export const NODE_WIDTH = 172;
export const NODE_HEIGHT = 52;
/** Room for the name of an outcome on an edge. */
const RANK_GAP = 46;
const NODE_GAP = 22;
const MARGIN = 14;

/** A larger one is laid out in one direction only: it takes long, and one of the two would be thrown away. */
const MOST_TWICE = 60;

type Direction = "LR" | "TB";
type Size = Pick<Layout, "width" | "height">;

export interface PlacedNode {
  readonly id: string;
  readonly kind: string;
  /** Under its name: its action, or what it waits for. */
  readonly detail: string;
  /** Of its upper left corner. */
  readonly x: number;
  readonly y: number;
}

export interface PlacedEdge extends EdgeDocument {
  readonly path: string;
  readonly labelX: number;
  readonly labelY: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  /** Where a reader begins. */
  readonly first: PlacedNode | undefined;
}

/** `room`: how much of it can be seen at once. */
export function layoutOf(
  document: Pick<WorkflowDocument, "nodes" | "edges">,
  room: { readonly width: number; readonly height: number },
): Layout {
  const scale = ({ width, height }: Size): number => Math.max(width / room.width, height / room.height);
  if (Object.keys(document.nodes).length > MOST_TWICE) {
    const [across, down] = guesses(document);
    return laidOut(document, scale(across) <= scale(down) ? "LR" : "TB");
  }
  const [across, down] = [laidOut(document, "LR"), laidOut(document, "TB")];
  return scale(across) <= scale(down) ? across : down;
}

/** How large it would be in each direction, were no edge longer than from one rank to the next. */
function guesses(document: Pick<WorkflowDocument, "nodes" | "edges">): readonly [across: Size, down: Size] {
  const { ranks, widest } = extentOf(document);
  const size = (across: number, down: number, [x, y]: readonly [number, number]): Size => ({
    width: across * (NODE_WIDTH + x),
    height: down * (NODE_HEIGHT + y),
  });
  return [size(ranks, widest, [RANK_GAP, NODE_GAP]), size(widest, ranks, [NODE_GAP, RANK_GAP])];
}

function laidOut(document: Pick<WorkflowDocument, "nodes" | "edges">, rankdir: Direction): Layout {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir, nodesep: NODE_GAP, ranksep: RANK_GAP, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of Object.keys(document.nodes)) graph.setNode(id, { width: NODE_WIDTH, height: NODE_HEIGHT });
  document.edges.forEach(({ from, to }, at) => graph.setEdge(from, to, {}, String(at)));
  dagre.layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  const nodes = Object.entries(document.nodes).map(([id, node]) => {
    const { x, y } = graph.node(id);
    return { id, kind: node.kind, detail: detailOf(node), x: x - NODE_WIDTH / 2, y: y - NODE_HEIGHT / 2 };
  });
  return {
    width,
    height,
    nodes,
    first: nodes.find(({ kind }) => kind === "trigger") ?? nodes[0],
    edges: document.edges.map((edge, at) => ({
      ...edge,
      ...route(graph.edge({ v: edge.from, w: edge.to, name: String(at) }).points),
    })),
  };
}

function detailOf(node: WorkflowDocument["nodes"][string]): string {
  switch (node.kind) {
    case "trigger":
      return node.source?.type ?? "manual";
    case "action":
      return node.forEach === undefined ? node.action : `${node.action} ×`;
    case "condition":
      return node.cases.map(({ outcome }) => outcome).join(", ");
    case "wait":
      return waitOf(node.for);
  }
}

function waitOf(what: object): string {
  const [[name, value] = ["", ""]] = Object.entries(what);
  return `${name} ${String(value)}`;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A curve through the points that dagre gives. */
function route(points: readonly Point[]): Pick<PlacedEdge, "path" | "labelX" | "labelY"> {
  const [first = { x: 0, y: 0 }, ...rest] = points;
  let path = `M${first.x},${first.y}`;
  rest.forEach((point, at) => {
    const next = rest[at + 1];
    path += next
      ? `Q${point.x},${point.y} ${(point.x + next.x) / 2},${(point.y + next.y) / 2}`
      : `L${point.x},${point.y}`;
  });
  const middle = points[Math.floor(points.length / 2)] ?? first;
  return { path, labelX: middle.x, labelY: middle.y };
}
