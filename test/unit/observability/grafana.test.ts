/** The board of docs/how-to asks for what the engine exports, and for all of it. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { exposition } from "../../../src/observability/prometheus.ts";
import { newTally } from "../../../src/core/statistics/counts.ts";

interface Target {
  readonly expr: string;
  readonly legendFormat: string;
}
interface Board {
  readonly panels: readonly { readonly title: string; readonly targets: readonly Target[] }[];
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] };
}

const read = (name: string): string =>
  readFileSync(new URL(`../../../docs/how-to/${name}`, import.meta.url), "utf8");
const board = JSON.parse(read("grafana-board.json")) as Board;
const targets = board.panels.flatMap((panel) => panel.targets);
const variables = board.templating.list.map(({ query }) => (typeof query === "string" ? query : query.query));

/** By name of the series, the labels that it has. */
function exported(): ReadonlyMap<string, ReadonlySet<string>> {
  const counts = newTally();
  const totals = [
    { workflow: "w", node: "", counts },
    { workflow: "w", node: "a", counts },
  ];
  const text = exposition(
    {
      totals: () => totals,
      process: {
        fenced: 0,
        batches: 0,
        entries: 0,
        batchMs: 0,
        definitions: { memory: 0, redis: 0, postgres: 0 },
      },
    },
    {
      lanes: [{ lane: "default", ready: 0, held: 0, queued: 0, running: 0 }],
      active: 0,
      deadLetters: 0,
      stuck: 0,
      openBreakers: 0,
      workers: 0,
    },
  );
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const [, name, labels = ""] = /^(\w+)(\{.*\})? /.exec(line)!;
      return [name!, new Set([...labels.matchAll(/(\w+)="/g)].map(([, label]) => label!))];
    }),
  );
}

const series = exported();
const namesIn = (text: string): readonly string[] =>
  [...text.matchAll(/flowforge_\w+/g)].map(([name]) => name);

test.each([...targets.map(({ expr }) => expr), ...variables.filter((query) => query.includes("("))])(
  "%s asks for series that there are",
  (expr) => {
    const names = namesIn(expr);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect([...series.keys()]).toContain(name);
    // What is asked of one series, it has.
    for (const [, name, matchers] of expr.matchAll(/(flowforge_\w+)\{([^}]*)\}/g))
      for (const [, label] of matchers!.matchAll(/(\w+)\s*(?:=|!)/g))
        expect(series.get(name!)).toContain(label);
    for (const [, list] of expr.matchAll(/\bby \(([^)]*)\)/g))
      for (const label of list!.split(", "))
        for (const name of names) expect(series.get(name), `${label} of ${name}`).toContain(label);
    for (const [, name, label] of expr.matchAll(/label_values\((\w+), (\w+)\)/g))
      expect(series.get(name!)).toContain(label);
    expect(expr.split("(").length).toBe(expr.split(")").length);
  },
);

test("legends name labels that the query keeps", () => {
  for (const { expr, legendFormat } of targets)
    for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
      expect(expr, legendFormat).toMatch(new RegExp(`by \\([^)]*\\b${label}\\b[^)]*\\)`));
});

test("gauges are of all processes, and so never summed over them", () => {
  for (const { expr } of targets)
    for (const name of namesIn(expr).filter((each) => !/_(total|bucket)$/.test(each)))
      expect(expr).toMatch(new RegExp(`max(?: by \\([^)]*\\) )?\\(?\\s*\\(?${name}`));
});

test("every metric is on the board", () => {
  const family = (name: string): string => name.replace(/_(bucket|sum|count)$/, "");
  const shown = new Set(targets.flatMap(({ expr }) => namesIn(expr)).map(family));
  const all = new Set([...series.keys()].map(family));
  expect([...all].filter((name) => !shown.has(name))).toEqual([]);
});

test("rules of the page ask for series that there are", () => {
  const names = namesIn(read("watch-with-grafana.md"));
  expect(names.length).toBeGreaterThan(5);
  for (const name of names) expect([...series.keys()]).toContain(name);
});

test("panels have titles of their own", () => {
  const titles = board.panels.map(({ title }) => title);
  expect(new Set(titles).size).toBe(titles.length);
});
