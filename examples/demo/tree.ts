/**
 * Shows a run as it moves: on a terminal as one tree that is drawn again and again, elsewhere (or where the tree is taller than the
 * terminal) as one line a move, with the tree at the end.
 */
import { styleText } from "node:util";
import type { RunMove, WorkflowDocument } from "../../src/index.ts";

type NodeMove = Extract<RunMove, { type: "node" }>;
type Colour = Parameters<typeof styleText>[0];

/** What of `process.stdout` is used. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const TICK_MS: number = 100;
const NAME_WIDTH: number = 24;

const LOOKS: Readonly<Record<string, readonly [mark: string, colour: Colour]>> = {
  pending: ["○", "gray"],
  ready: ["○", "gray"],
  queued: ["○", "gray"],
  running: ["▶", "cyan"],
  waiting: ["◷", "yellow"],
  succeeded: ["✔", "green"],
  failed: ["✘", "red"],
  skipped: ["–", "gray"],
  cancelled: ["–", "gray"],
};

interface Seen {
  readonly move: NodeMove;
  /** When this process first heard of the node. */
  readonly since: number;
  readonly at: number;
}

export class RunTree {
  readonly #document: WorkflowDocument;
  readonly #screen: Screen;
  readonly #seen = new Map<string, Seen>();
  readonly #startedAt = Date.now();
  readonly #live: boolean;
  readonly #rows: readonly { readonly id: string; readonly depth: number }[];
  #timer: NodeJS.Timeout | undefined;
  #drawn = 0;
  #status = "queued";

  constructor(document: WorkflowDocument, screen: Screen = process.stdout) {
    this.#document = document;
    this.#screen = screen;
    this.#rows = order(document);
    this.#live = screen.isTTY === true && this.#rows.length + 2 < (screen.rows || 24);
    if (this.#live) this.#timer = setInterval(() => this.#draw(), TICK_MS).unref();
  }

  show(move: RunMove): void {
    if (move.type === "run") this.#status = move.status;
    else {
      const at = Date.now();
      this.#seen.set(move.node, { move, since: this.#seen.get(move.node)?.since ?? at, at });
    }
    if (this.#live) this.#draw();
    else if (move.type === "node") this.#print([`${this.#clock()}  ${this.#line(move.node, "")}`]);
  }

  /** A line of somebody else's, which must not tear the tree. */
  note(text: string): void {
    this.#erase();
    this.#print(text.split("\n"));
    if (this.#live) this.#draw();
  }

  /** Stops drawing. Elsewhere than on a terminal the whole tree comes now, once. */
  finish(): void {
    clearInterval(this.#timer);
    if (this.#live) this.#draw();
    else this.#print(["", ...this.#lines()]);
  }

  #draw(): void {
    this.#erase();
    const lines = this.#lines();
    this.#print(lines);
    this.#drawn = lines.length;
  }

  #erase(): void {
    if (this.#drawn > 0) this.#screen.write(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }

  #print(lines: readonly string[]): void {
    this.#screen.write(lines.map((line) => `${line}\n`).join(""));
  }

  #lines(): readonly string[] {
    const title = `${this.#document.name}: ${this.#status}`;
    return [title, ...this.#rows.map(({ id, depth }) => this.#painted(id, "  ".repeat(depth + 1)))];
  }

  /** One row of the terminal, never two: the next drawing goes up by rows. */
  #painted(id: string, indent: string): string {
    const line = this.#line(id, indent);
    if (!this.#live) return line;
    const cut = line.slice(0, (this.#screen.columns || 80) - 1);
    return process.env["NO_COLOR"]
      ? cut
      : styleText(look(this.#statusOf(id))[1], cut, { validateStream: false });
  }

  #line(id: string, indent: string): string {
    const status = this.#statusOf(id);
    const name = id.padEnd(Math.max(1, NAME_WIDTH - indent.length));
    const parts = [`${indent}${look(status)[0]} ${name} ${status.padEnd(10)} ${this.#time(id).padStart(9)}`];
    const move = this.#seen.get(id)?.move;
    if (move && move.attempt > 1) parts.push(`attempt ${move.attempt}`);
    if (move?.outcome && this.#document.nodes[id]?.kind === "condition") parts.push(`-> ${move.outcome}`);
    // What a retry has put right is the attempt's business, not the node's.
    if (move?.error && status !== "succeeded") parts.push(`(${move.error.message})`);
    return parts.join(" ").trimEnd();
  }

  #statusOf(id: string): string {
    const move = this.#seen.get(id)?.move;
    return move?.status ?? (this.#document.nodes[id]?.kind === "trigger" ? "succeeded" : "pending");
  }

  /** How long it took, or has taken so far. A wait has no start of its own: it is timed from here. */
  #time(id: string): string {
    const seen = this.#seen.get(id);
    if (!seen || seen.move.status === "skipped") return "";
    const { startedAt, finishedAt } = seen.move;
    if (startedAt !== null && finishedAt !== null) return `${Math.round(finishedAt - startedAt)} ms`;
    if (finishedAt === null && !this.#live) return "";
    return `${(finishedAt === null ? Date.now() : seen.at) - seen.since} ms`;
  }

  #clock(): string {
    return `+${String(Date.now() - this.#startedAt).padStart(5)} ms`;
  }
}

function look(status: string): readonly [mark: string, colour: Colour] {
  return LOOKS[status] ?? ["?", "gray"];
}

/** Depth first from the nodes where the run begins; a join stands below the last of its branches. */
function order({
  nodes,
  edges,
}: WorkflowDocument): readonly { readonly id: string; readonly depth: number }[] {
  const rows = new Map<string, number>();
  const walk = (id: string, depth: number): void => {
    if (rows.has(id)) return;
    rows.set(id, depth);
    for (const { to } of edges.filter((edge) => edge.from === id)) {
      if (edges.every((edge) => edge.to !== to || rows.has(edge.from))) walk(to, depth + 1);
    }
  };
  const ids = Object.keys(nodes);
  for (const id of ids) if (edges.every((edge) => edge.to !== id)) walk(id, 0);
  for (const id of ids) walk(id, 0);
  return [...rows].map(([id, depth]) => ({ id, depth }));
}
