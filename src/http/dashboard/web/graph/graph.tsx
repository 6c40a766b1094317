/** The picture of a workflow, with what is known of each node on it. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { WorkflowDocument } from "../../../../core/definition/document.ts";
import { isTaken } from "../../../../core/graph/outcomes.ts";
import { markOf, toneOf } from "../ui/status.tsx";
import {
  type Layout,
  layoutOf,
  NODE_HEIGHT,
  NODE_WIDTH,
  type PlacedEdge,
  type PlacedNode,
} from "./layout.ts";
import { neighbourOf } from "./neighbour.ts";
import { MAX_HEIGHT, useView } from "./view.ts";

/** What is shown on a node beside its name. */
export interface NodeFacts {
  /** None: the picture is of the workflow and not of a run. */
  readonly status?: string;
  readonly outcome?: string | null;
  /** In its second line, in the place of its action. */
  readonly note?: string;
  /** Of a node without a status. */
  readonly tone?: string;
}

interface GraphProps {
  document: Pick<WorkflowDocument, "nodes" | "edges">;
  facts: ReadonlyMap<string, NodeFacts>;
  selected: string | null;
  onSelect: (node: string) => void;
}

export function Graph({ document, facts, selected, onSelect }: GraphProps): JSX.Element {
  const layout = useMemo(() => layoutOf(document, roomHere()), [document]);
  const view = useView(layout, layout.nodes.find(({ id }) => id === selected) ?? layout.first);
  const [reached, setReached] = useState<string | null>(null);
  const isHere = (id: string | null): boolean => layout.nodes.some((node) => node.id === id);
  // One stop for who goes on with the tabulator, however many nodes there are; the arrow keys go from one node to the next.
  const stop = [reached, selected].find(isHere) ?? layout.first?.id ?? null;
  const reach = (node: PlacedNode): void => {
    setReached(node.id);
    view.show(node);
  };
  // Moving the picture draws none of its parts anew.
  const parts = useMemo(
    () => (
      <Parts
        layout={layout}
        facts={facts}
        selected={selected}
        stop={stop}
        onSelect={onSelect}
        onReach={reach}
      />
    ),
    [layout, facts, selected, stop],
  );
  return (
    <div class="graph">
      <div class="graph-tools" role="group" aria-label="Size of the picture">
        <button type="button" class="small" aria-label="Larger" onClick={() => view.zoom(1 / 1.25)}>
          +
        </button>
        <button type="button" class="small" aria-label="Smaller" onClick={() => view.zoom(1.25)}>
          −
        </button>
        <button type="button" class="small" onClick={() => view.fit()}>
          Fit
        </button>
      </div>
      <svg
        ref={view.frame}
        viewBox={view.viewBox}
        style={{ height: `${view.height}px` }}
        role="group"
        aria-label="Nodes of the workflow, gone through with the arrow keys"
      >
        <Arrow />
        {parts}
      </svg>
    </div>
  );
}

interface PartsProps extends Omit<GraphProps, "document"> {
  layout: Layout;
  /** The node that the tabulator stops at. */
  stop: string | null;
  /** A node has the focus, wherever it is. */
  onReach: (node: PlacedNode) => void;
}

function Parts({ layout, facts, selected, stop, onSelect, onReach }: PartsProps): JSX.Element {
  const go = (event: KeyboardEvent, from: PlacedNode): void => {
    const next = neighbourOf(layout.nodes, from, event.key);
    if (next === null) return;
    event.preventDefault();
    const picture = (event.currentTarget as SVGGElement).ownerSVGElement!;
    picture.querySelectorAll<SVGGElement>(".node")[next]?.focus();
  };
  return (
    <>
      {layout.edges.map((edge, at) => (
        <Edge key={at} edge={edge} facts={facts.get(edge.from)} />
      ))}
      {layout.nodes.map((node) => (
        <Node
          key={node.id}
          node={node}
          facts={facts.get(node.id)}
          selected={node.id === selected}
          isStop={node.id === stop}
          onSelect={onSelect}
          onReach={onReach}
          onGo={go}
        />
      ))}
    </>
  );
}

/** As large as the picture can be on this screen, about. */
function roomHere(): { width: number; height: number } {
  return { width: Math.min(window.innerWidth - 40, 700), height: MAX_HEIGHT };
}

function Arrow(): JSX.Element {
  return (
    <defs>
      <marker
        id="arrow"
        viewBox="0 0 8 8"
        refX="7"
        refY="4"
        markerWidth="9"
        markerHeight="9"
        markerUnits="userSpaceOnUse"
        orient="auto"
      >
        <path d="M0,0 L8,4 L0,8 z" class="arrow" />
      </marker>
    </defs>
  );
}

function Edge({ edge, facts }: { edge: PlacedEdge; facts: NodeFacts | undefined }): JSX.Element {
  const outcome = facts?.outcome;
  const taken = outcome !== null && outcome !== undefined && isTaken(edge.on ?? null, outcome);
  return (
    <g class={taken ? "edge taken" : "edge"}>
      <path d={edge.path} marker-end="url(#arrow)" />
      {edge.on && (
        <text x={edge.labelX} y={edge.labelY - 6} text-anchor="middle">
          {edge.on}
        </text>
      )}
    </g>
  );
}

interface NodeProps {
  node: PlacedNode;
  facts: NodeFacts | undefined;
  selected: boolean;
  isStop: boolean;
  onSelect: (node: string) => void;
  onReach: (node: PlacedNode) => void;
  /** To another node, by a key that is pressed at this one. */
  onGo: (event: KeyboardEvent, from: PlacedNode) => void;
}

const KIND_MARKS: Readonly<Record<string, string>> = {
  trigger: "▶",
  action: "■",
  condition: "◆",
  wait: "◔",
};

/** Its title is what is read out; the texts that are drawn say the same, cut to their room. */
function Node({ node, facts, selected, isStop, onSelect, onReach, onGo }: NodeProps): JSX.Element {
  const { id, kind, detail, x, y } = node;
  const status = facts?.status;
  const second = facts?.note ?? detail;
  const select = (): void => onSelect(id);
  const press = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" && event.key !== " ") return onGo(event, node);
    event.preventDefault();
    select();
  };
  return (
    <g
      class={`node ${status ? toneOf(status) : (facts?.tone ?? "plain")} ${selected ? "selected" : ""}`}
      transform={`translate(${x},${y})`}
      role="button"
      tabindex={isStop ? 0 : -1}
      aria-pressed={selected}
      onClick={select}
      onFocus={() => onReach(node)}
      onKeyDown={press}
    >
      <title>{[id, second, kind, status].filter(Boolean).join(", ")}</title>
      <rect width={NODE_WIDTH} height={NODE_HEIGHT} rx="10" />
      <text class="kind" x="13" y="31" aria-hidden="true">
        {KIND_MARKS[kind]}
      </text>
      <text class="name" aria-hidden="true" x="34" y="22">
        {cut(id, 17)}
      </text>
      <text class="detail" aria-hidden="true" x="34" y="39">
        {cut(second, 23)}
      </text>
      {status && (
        <text class="mark" x={NODE_WIDTH - 14} y="24" text-anchor="middle" aria-hidden="true">
          {markOf(status)}
        </text>
      )}
    </g>
  );
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
