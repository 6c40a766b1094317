/** Where the arrow keys lead in the picture of a workflow. */
import { expect, test } from "vitest";
import { neighbourOf } from "../../../src/http/dashboard/web/graph/neighbour.ts";

/** Columns of a picture from left to right: one node, three of them, one again. */
const nodes = (
  [
    ["start", 0, 100],
    ["above", 200, 0],
    ["middle", 200, 100],
    ["below", 200, 200],
    ["end", 400, 100],
  ] as const
).map(([id, x, y]) => ({ id, kind: "action", detail: "", x, y }));

test.each([
  ["start", "ArrowRight", "middle"],
  ["middle", "ArrowRight", "end"],
  ["middle", "ArrowUp", "above"],
  ["above", "ArrowDown", "middle"],
  ["below", "ArrowLeft", "start"],
  ["start", "ArrowLeft", undefined],
  ["below", "ArrowDown", undefined],
  ["start", "PageDown", undefined],
])("from %s with %s to %s", (from, key, to) => {
  const at = neighbourOf(
    nodes,
    nodes.find(({ id }) => id === from)!,
    key,
  );
  expect(at === null ? undefined : nodes[at]!.id).toBe(to);
});
