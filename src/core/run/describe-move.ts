/** The difference between two versions, as a run meets it, in lines for people. */
import type { NodeFate, NodeMove, VersionMove } from "./version-move.ts";

const FATES: Readonly<Record<NodeFate, readonly [sign: string, text: string]>> = {
  reused: ["=", "its result is kept"],
  failed: ["!", "failed"],
  open: [" ", "not begun"],
  added: ["+", "new"],
  removed: ["-", "removed"],
};

/** A line for each node, then one for each reason why the run cannot go on so. */
export function describeMove({ nodes, refusals }: VersionMove): readonly string[] {
  const width = Math.max(0, ...nodes.map(({ node }) => node.length));
  const reasons = refusals.map(({ code, message }) => `refused, ${code}: ${message}`);
  return [...nodes.map((node) => lineOf(node, width)), ...reasons];
}

function lineOf({ node, fate, changed }: NodeMove, width: number): string {
  const [sign, text] = FATES[fate];
  const differs = changed.length > 0 ? `; differs in ${changed.join(", ")}` : "";
  return `${sign === " " && differs !== "" ? "~" : sign} ${node.padEnd(width)}  ${text}${differs}`;
}
