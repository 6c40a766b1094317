/** Which node comes next for who goes through a picture with the arrow keys. */
import type { PlacedNode } from "./layout.ts";

type Way = readonly [x: -1 | 0 | 1, y: -1 | 0 | 1];

const WAYS: Readonly<Record<string, Way>> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowDown: [0, 1],
  ArrowUp: [0, -1],
};
/** How much a step aside counts beside one ahead: what stands straight ahead comes before what is nearer and askew. */
const ASIDE = 2;

/** The place in the list of the nearest node on that side; `null`: there is none there, or the key is no arrow. */
export function neighbourOf(nodes: readonly PlacedNode[], from: PlacedNode, key: string): number | null {
  const way = WAYS[key];
  if (!way) return null;
  let best: number | null = null;
  let least = Infinity;
  nodes.forEach((node, at) => {
    const [ahead, aside] = distances(from, node, way);
    if (ahead <= 0 || ahead + ASIDE * aside >= least) return;
    least = ahead + ASIDE * aside;
    best = at;
  });
  return best;
}

function distances(from: PlacedNode, to: PlacedNode, [x, y]: Way): readonly [ahead: number, aside: number] {
  const [right, down] = [to.x - from.x, to.y - from.y];
  return x === 0 ? [down * y, Math.abs(right)] : [right * x, Math.abs(down)];
}
