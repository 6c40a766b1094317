/** The tree of a run, on a terminal and elsewhere. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RunTree, type Screen } from "../../../examples/demo/tree.ts";
import type { RunMove, WorkflowDocument } from "../../../src/index.ts";

const DOCUMENT: WorkflowDocument = {
  format: 1,
  name: "shop",
  nodes: {
    go: { kind: "trigger" },
    left: { kind: "action", action: "log" },
    right: { kind: "action", action: "log" },
    both: { kind: "action", action: "log", join: "all" },
  },
  edges: [
    { from: "go", to: "left" },
    { from: "go", to: "right" },
    { from: "left", to: "both" },
    { from: "right", to: "both" },
  ],
};

type NodeMove = Extract<RunMove, { type: "node" }>;

function move(node: string, status: NodeMove["status"], more: Partial<NodeMove> = {}): NodeMove {
  const nothing = {
    waitingFor: null,
    outcome: null,
    attempt: 1,
    error: null,
    startedAt: null,
    finishedAt: null,
  };
  return { type: "node", node, status, ...nothing, ...more };
}

/** A terminal that keeps what a human would see: it knows "up n rows" and "erase below", and wraps nothing. */
class Terminal implements Screen {
  readonly isTTY: boolean;
  readonly columns = 80;
  readonly rows: number;
  lines: string[] = [];

  constructor(isTTY = true, rows = 40) {
    this.isTTY = isTTY;
    this.rows = rows;
  }

  write(text: string): void {
    const up = text.startsWith("\u001b[") && text.endsWith("A\u001b[J") ? Number.parseInt(text.slice(2)) : 0;
    if (up > 0) this.lines = this.lines.slice(0, -up);
    const rest = up > 0 ? "" : text;
    if (rest !== "") this.lines.push(...rest.replace(/\n$/, "").split("\n"));
  }
}

beforeEach(() => {
  vi.stubEnv("NO_COLOR", "1");
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

test("on a terminal one tree is drawn again in its place, and times go on", () => {
  const screen = new Terminal();
  const tree = new RunTree(DOCUMENT, screen);
  tree.show({ type: "run", status: "running" });
  tree.show(move("left", "running"));
  vi.advanceTimersByTime(500);
  expect(screen.lines).toEqual([
    "shop: running",
    "  ✔ go                     succeeded",
    "    ▶ left                 running       500 ms",
    "    ○ right                pending",
    "      ○ both               pending",
  ]);
  tree.show(move("left", "succeeded", { startedAt: 10, finishedAt: 520 }));
  tree.show({ type: "run", status: "succeeded" });
  tree.finish();
  expect(screen.lines).toHaveLength(5);
  expect(screen.lines[0]).toBe("shop: succeeded");
  expect(screen.lines[2]).toBe("    ✔ left                 succeeded     510 ms");
  const drawn = [...screen.lines];
  vi.advanceTimersByTime(1_000);
  expect(screen.lines).toEqual(drawn);
});

test("a log line goes above the tree; a long error takes one row", () => {
  const screen = new Terminal();
  const tree = new RunTree(DOCUMENT, screen);
  tree.show(move("left", "running", { attempt: 2, error: { class: "http", message: "no ".repeat(50) } }));
  tree.note("hello");
  tree.finish();
  expect(screen.lines).toHaveLength(6);
  expect(screen.lines[0]).toBe("hello");
  expect(screen.lines[3]).toMatch(/attempt 2 \(no/);
  expect(Math.max(...screen.lines.map((line) => line.length))).toBeLessThan(80);
});

test("colours are for terminals that want them", () => {
  vi.stubEnv("NO_COLOR", "");
  const screen = new Terminal();
  new RunTree(DOCUMENT, screen).finish();
  expect(screen.lines[1]).toContain("\u001b[32m  ✔ go");
});

test.each([
  ["no terminal", new Terminal(false)],
  ["a terminal that is too small", new Terminal(true, 6)],
])("on %s: one line a move, then the tree once", (_name, screen) => {
  const tree = new RunTree(DOCUMENT, screen);
  tree.show({ type: "run", status: "running" });
  tree.show(move("left", "running"));
  vi.advanceTimersByTime(500);
  tree.show(move("left", "failed", { error: { class: "permanent", message: "no such customer" } }));
  tree.finish();
  expect(screen.lines.join("\n")).not.toContain("\u001b");
  expect(screen.lines.slice(0, 3)).toEqual([
    "+    0 ms  ▶ left                     running",
    "+  500 ms  ✘ left                     failed               (no such customer)",
    "",
  ]);
  expect(screen.lines).toHaveLength(3 + 5);
});
