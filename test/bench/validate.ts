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

interface Took {
  readonly wallMs: number;
  /** Of this thread alone: what the wall clock would show on a machine with nothing else to do. */
  readonly cpuMs: number;
}

function measure(): Took {
  const startedAt = performance.now();
  const usedBefore = process.threadCpuUsage();
  const { ok, issues } = validateWorkflow(document);
  const used = process.threadCpuUsage(usedBefore);
  const wallMs = performance.now() - startedAt;
  if (!ok) throw new Error(`The document is not valid: ${JSON.stringify(issues.slice(0, 3))}`);
  return { wallMs, cpuMs: (used.user + used.system) / 1000 };
}

function figures(name: string, took: readonly Took[]): string {
  const line = (clock: keyof Took): string => {
    const sorted = took.map((one) => one[clock]).sort((a, b) => a - b);
    const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(0);
    return `median ${at(0.5)}, best ${at(0)}, worst ${at(1)} ms`;
  };
  return `${name}: wall ${line("wallMs")}; thread ${line("cpuMs")} (${took.length} rounds)`;
}

if (values.cold) {
  console.log(JSON.stringify(measure()));
} else {
  const rounds = Array.from({ length: Number(values.rounds) });
  const command = [
    fileURLToPath(import.meta.url),
    "--cold",
    "--nodes",
    values.nodes,
    "--edges",
    values.edges,
  ];
  const cold = rounds
    .slice(0, 5)
    .map(() => JSON.parse(execFileSync(process.execPath, command, { encoding: "utf8" })) as Took);
  console.log(`${Object.keys(document.nodes).length} nodes, ${document.edges.length} edges`);
  console.log(figures("cold", cold));
  measure();
  console.log(figures("warm", rounds.map(measure)));
}
