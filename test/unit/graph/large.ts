/** Large documents, the same every time: nodes in layers, each with edges from nodes of the layers before, and inputs that read them. */
import type { Json } from "../../../src/core/json.ts";

export interface Size {
  readonly nodes: number;
  readonly edges: number;
}

export interface LargeDocument {
  readonly format: 1;
  readonly name: string;
  readonly nodes: { readonly [id: string]: Json };
  readonly edges: readonly { readonly from: string; readonly to: string }[];
}

const LAYER = 50;
/** How far back an edge reaches. */
const WINDOW = 200;

/**
 * Every node but those of the first layer has about `edges / nodes` edges from the `WINDOW` nodes before its layer. Its input reads
 * two of those, an ancestor two steps back where there is one, and the run's input.
 */
export function largeDocument({ nodes, edges }: Size): LargeDocument {
  const random = generator(nodes);
  const before = Array.from({ length: nodes }, (_, node): readonly number[] =>
    predecessors(node, {
      random,
      count: Math.ceil((edges * (node + 1)) / nodes) - Math.ceil((edges * node) / nodes),
    }),
  );
  const written = before.flatMap((sources, node) =>
    sources.map((from) => ({ from: idOf(from), to: idOf(node) })),
  );
  // What the first layer could not have goes to the last node, so that the count is exact.
  const linked = new Set(before[nodes - 1]);
  for (let from = nodes - 2; written.length < edges && from >= 0; from--) {
    if (!linked.has(from)) written.push({ from: idOf(from), to: idOf(nodes - 1) });
  }
  return {
    format: 1,
    name: "large",
    nodes: Object.fromEntries(before.map((sources, node) => [idOf(node), nodeOf(node, sources, before)])),
    edges: written,
  };
}

function predecessors(
  node: number,
  { random, count }: { readonly random: () => number; readonly count: number },
): readonly number[] {
  const end = Math.floor(node / LAYER) * LAYER;
  const start = Math.max(0, end - WINDOW);
  const found = new Set<number>();
  if (end === 0) return [];
  while (found.size < Math.min(count, end - start)) found.add(start + Math.floor(random() * (end - start)));
  return [...found];
}

function nodeOf(node: number, sources: readonly number[], before: readonly (readonly number[])[]): Json {
  const [first, second = first] = sources;
  if (first === undefined || second === undefined)
    return { kind: "action", action: "shop.begin", input: { id: "{{ input.id }}" } };
  const far = before[first]?.[0] ?? first;
  return {
    kind: "action",
    action: `shop.step${node % 20}`,
    input: {
      id: "{{ input.id }}",
      cents: `{{ nodes.${idOf(first)}.output.cents }}`,
      note: `order {{ input.id }} after {{ nodes.${idOf(second)}.output.name }}`,
      limit: node,
      origin: { lines: [`{{ nodes.${idOf(far)}.output.lines[0] }}`], fixed: "constant" },
    },
  };
}

function idOf(node: number): string {
  return `n${node}`;
}

/** A small generator of its own (mulberry32), so that the document is the same on every machine. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
