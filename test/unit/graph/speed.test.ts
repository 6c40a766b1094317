/**
 * Validation stays usable for the largest documents. `test/bench/validate.ts` prints the figures; the bounds here are wide, so that they
 * hold on a busy machine, and narrow enough to find what grows with the square of the size.
 */
import { expect, test } from "vitest";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import { largeDocument } from "./large.ts";

const ROUNDS = 4;

/** Processor time, so that other work on the machine counts little. The best of several rounds, the first of which warm up. */
function bestMs(nodes: number): number {
  const document = largeDocument({ nodes, edges: nodes * 5 });
  const took = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    expect(validateWorkflow(document)).toMatchObject({ ok: true, issues: [] });
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  });
  return Math.min(...took);
}

test("10,000 nodes and 50,000 edges with inputs that read others", () => {
  const { nodes, edges } = largeDocument({ nodes: 10_000, edges: 50_000 });
  expect(Object.keys(nodes)).toHaveLength(10_000);
  expect(edges).toHaveLength(50_000);
  expect(bestMs(10_000)).toBeLessThan(3_000);
});

test("four times the nodes and edges take about four times as long, not sixteen times", () => {
  bestMs(2_500);
  expect(bestMs(10_000) / bestMs(2_500)).toBeLessThan(10);
});
