/** A workspace as lines of JSON, and what is said of its end. */
import { expect, test } from "vitest";
import { isNothing, NOTHING, sumOf } from "../../../src/core/ports/workspaces.ts";
import { exportLines } from "../../../src/engine/workspace-export.ts";
import { createMemoryStore } from "../../../src/testing.ts";
import { move, moved, newId, newRun, row, start } from "../../../src/testing/store-contract/entries.ts";
import { filled } from "../../../src/testing/store-contract/workspace-rules.ts";

test("what steps of a deletion removed is added up", () => {
  const some = { ...NOTHING, runs: 500, keys: 3 };
  expect(sumOf(some, { ...NOTHING, runs: 1, versions: 2 })).toEqual({
    ...NOTHING,
    runs: 501,
    keys: 3,
    versions: 2,
  });
  expect([NOTHING, some].map(isNothing)).toEqual([true, false]);
});

test("every kind has its lines, over many pages, and a secret has none", async () => {
  const store = createMemoryStore();
  const { runs } = await filled(store, "acme");
  await filled(store, "beta");
  const ids = Array.from({ length: 250 }, newId);
  for (const id of ids) {
    await moved(store, start(id, { start: newRun({ workspace: "acme" }), nodes: [row("a")] }));
    await moved(store, move(id, 1, { status: "cancelled", finished: true }));
  }
  const lines: { readonly type: string; readonly [field: string]: unknown }[] = [];
  for await (const line of exportLines(store, "acme")) {
    expect(line.endsWith("}\n")).toBe(true);
    lines.push(JSON.parse(line));
  }
  const count = (type: string): number => lines.filter((line) => line.type === type).length;
  expect(lines[0]).toMatchObject({ type: "workspace", workspace: "acme", format: 1 });
  expect(["workflow", "schedule", "credential", "delivery", "run", "deadLetter"].map(count)).toEqual([
    1, 1, 1, 1, 252, 1,
  ]);
  const text = JSON.stringify(lines);
  expect(text).toContain(runs);
  expect(text).not.toContain("beta");
  expect(text).not.toContain("c2VjcmV0");
});
