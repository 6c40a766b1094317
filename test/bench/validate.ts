/**
 * What checking a large definition costs: 10,000 nodes, 50,000 edges, four texts with references in the input of every action.
 *
 *     node test/bench/validate.ts [--nodes 10000] [--edges 50000] [--rounds 15]
 *
 * - cold: the first document of a process (each round is a process of its own)
 * - warm: the same process again, as in an editor that checks on every change
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { validateWorkflow } from "../../src/core/graph/validate.ts";
import { largeDocument } from "../unit/graph/large.ts";

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "10000" },
    edges: { type: "string", default: "50000" },
    rounds: { type: "string", default: "15" },
    cold: { type: "boolean", default: false },
  },
});

const document = largeDocument({ nodes: Number(values.nodes), edges: Number(values.edges) });

function measure(): number {
  const startedAt = performance.now();
  const { ok, issues } = validateWorkflow(document);
  const tookMs = performance.now() - startedAt;
  if (!ok) throw new Error(`The document is not valid: ${JSON.stringify(issues.slice(0, 3))}`);
  return tookMs;
}

function figures(name: string, times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(0);
  return `${name}: median ${at(0.5)} ms, best ${at(0)} ms, worst ${at(1)} ms (${sorted.length} rounds)`;
}

if (values.cold) {
  console.log(measure());
} else {
  const rounds = Array.from({ length: Number(values.rounds) });
  const self = fileURLToPath(import.meta.url);
  const size = ["--nodes", values.nodes, "--edges", values.edges];
  const cold = rounds
    .slice(0, 5)
    .map(() => Number(execFileSync(process.execPath, [self, "--cold", ...size], { encoding: "utf8" })));
  console.log(`${Object.keys(document.nodes).length} nodes, ${document.edges.length} edges`);
  console.log(figures("cold", cold));
  measure();
  console.log(figures("warm", rounds.map(measure)));
}
