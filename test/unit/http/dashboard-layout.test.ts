/** In which direction the picture of a workflow is laid out. */
import { describe, expect, test } from "vitest";
import type { WorkflowDocument } from "../../../src/core/definition/document.ts";
import { extentOf } from "../../../src/http/dashboard/web/graph/extent.ts";
import { layoutOf } from "../../../src/http/dashboard/web/graph/layout.ts";

type Drawn = Pick<WorkflowDocument, "nodes" | "edges">;

const ROOM = { width: 700, height: 600 };
const name = (at: number): string => `node_${at}`;
const of = (count: number, edges: Drawn["edges"]): Drawn => ({
  nodes: Object.fromEntries(
    Array.from({ length: count }, (_, at) => [name(at), { kind: "action", action: "a", input: {} } as const]),
  ),
  edges,
});
const chain = (count: number): Drawn =>
  of(
    count,
    Array.from({ length: count - 1 }, (_, at) => ({ from: name(at), to: name(at + 1) })),
  );
const fan = (count: number): Drawn =>
  of(
    count,
    Array.from({ length: count - 1 }, (_, at) => ({ from: name(0), to: name(at + 1) })),
  );

test("as many ranks as its longest way has nodes, as wide as its widest rank", () => {
  expect(extentOf(chain(5))).toEqual({ ranks: 5, widest: 1 });
  expect(extentOf(fan(5))).toEqual({ ranks: 2, widest: 4 });
  const shortcut = { ...chain(3), edges: [...chain(3).edges, { from: name(0), to: name(2) }] };
  expect(extentOf(shortcut)).toEqual({ ranks: 3, widest: 1 });
});

// On both sides of the size from which a direction is tried no more, but guessed.
describe.each([20, 100])("of %d nodes", (count) => {
  test("a chain goes down, and a fan across: both are tall, because nodes are wide", () => {
    for (const drawn of [chain(count), fan(count)]) {
      const { width, height } = layoutOf(drawn, ROOM);
      expect(height).toBeGreaterThan(width);
    }
  });
});
