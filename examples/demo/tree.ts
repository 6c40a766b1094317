/** Draws a run as a tree that is written again at every move; where the output is no terminal, one line a move. */
import type { RunMove, WorkflowDocument } from "../../src/index.ts";

type NodeMove = Extract<RunMove, { type: "node" }>;

const MARKS: Readonly<Record<string, string>> = {
  pending: "○",
  ready: "○",
  queued: "○",
  running: "▶",
  waiting: "◷",
  succeeded: "✔",
  failed: "✘",
  skipped: "–",
  cancelled: "–",
};

export class RunTree {
  readonly #document: WorkflowDocument;
  readonly #moves = new Map<string, NodeMove>();
  readonly #startedAt = Date.now();
  readonly #terminal = process.stdout.isTTY === true;
  #drawn = 0;
  #status = "queued";

  constructor(document: WorkflowDocument) {
    this.#document = document;
  }

  show(move: RunMove): void {
    if (move.type === "run") this.#status = move.status;
    else this.#moves.set(move.node, move);
    if (this.#terminal) this.#draw();
    else if (move.type === "node") console.log(this.#line(move.node, ""));
  }

  /** The whole tree, once, at the end. */
  finish(): void {
    if (!this.#terminal) console.log(`\n${this.#lines().join("\n")}`);
  }

  #draw(): void {
    const lines = this.#lines();
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : "";
    process.stdout.write(`${up}${lines.map((line) => `\u001b[2K${line}`).join("\n")}\n`);
    this.#drawn = lines.length;
  }

  #lines(): readonly string[] {
    const { nodes, edges, name } = this.#document;
    const lines = [`${name}: ${this.#status}`];
    const drawn = new Set<string>();
    const walk = (id: string, indent: string): void => {
      if (drawn.has(id)) return;
      drawn.add(id);
      lines.push(this.#line(id, indent));
      const next = edges.filter((edge) => edge.from === id);
      // A join stands below the last of its branches.
      for (const { to } of next) {
        const waitsFor = edges.filter((edge) => edge.to === to && !drawn.has(edge.from));
        if (waitsFor.length === 0) walk(to, `${indent}  `);
      }
    };
    for (const id of Object.keys(nodes)) if (nodes[id]?.kind === "trigger") walk(id, "  ");
    for (const id of Object.keys(nodes)) walk(id, "    ");
    return lines;
  }

  #line(id: string, indent: string): string {
    const node = this.#document.nodes[id];
    const move = this.#moves.get(id);
    const status = move?.status ?? (node?.kind === "trigger" ? "succeeded" : "pending");
    const parts = [
      `${indent}${MARKS[status] ?? "?"} ${id.padEnd(Math.max(1, 24 - indent.length))} ${status.padEnd(10)}`,
    ];
    if (move?.startedAt && move.finishedAt)
      parts.push(`${Math.round(move.finishedAt - move.startedAt)} ms`.padStart(9));
    if (move && move.attempt > 1) parts.push(`attempt ${move.attempt}`);
    if (move?.outcome && node?.kind === "condition") parts.push(`-> ${move.outcome}`);
    if (move?.error) parts.push(`(${move.error.message})`);
    if (!this.#terminal && indent === "")
      parts.unshift(`+${String(Date.now() - this.#startedAt).padStart(5)} ms `);
    return parts.join(" ").trimEnd();
  }
}
