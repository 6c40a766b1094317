import { describe, expect, test } from "vitest";
import type { WorkflowDocument } from "../../../src/core/definition/document.ts";
import { canonicalJson, normaliseDocument } from "../../../src/core/definition/normalise.ts";

const wait = { kind: "wait", for: { duration: 1 } } as const;

describe("normaliseDocument", () => {
  test("orders fields, nodes and labels, and leaves templates alone", () => {
    const normal = normaliseDocument({
      output: { z: 1, a: 2 },
      edges: [{ on: "elapsed", to: "b", from: "a" }],
      labels: { z: "1", a: "2" },
      nodes: { b: { for: { duration: 1 }, kind: "wait" }, a: wait, t: { kind: "trigger" } },
      name: "w",
      format: 1,
    });
    expect(JSON.stringify(normal)).toBe(
      '{"format":1,"name":"w","labels":{"a":"2","z":"1"},"nodes":{"a":{"kind":"wait","for":{"duration":1}},' +
        '"b":{"kind":"wait","for":{"duration":1}},"t":{"kind":"trigger"}},' +
        '"edges":[{"from":"a","to":"b","on":"elapsed"}],"output":{"z":1,"a":2}}',
    );
  });

  test.each([
    ["first", "first"],
    [{ first: true }, "first"],
    [{ first: true, cancelOthers: false }, "first"],
    [
      { cancelOthers: true, first: true },
      { first: true, cancelOthers: true },
    ],
  ] as const)("writes joins that mean the same in one way: %j", (join, normal) => {
    const { nodes } = normaliseDocument({ format: 1, name: "w", nodes: { a: { ...wait, join } }, edges: [] });
    expect(JSON.stringify(nodes.a?.join)).toBe(JSON.stringify(normal));
  });

  test("adds a manual trigger before everything that nothing leads to", () => {
    const document: WorkflowDocument = {
      format: 1,
      name: "w",
      nodes: { start: wait, start_2: wait, b: wait },
      edges: [{ from: "start", to: "b" }],
    };
    const normal = normaliseDocument(document);
    expect(normal.nodes.start_3).toEqual({ kind: "trigger", source: { type: "manual" } });
    expect(normal.edges).toEqual([
      { from: "start_3", to: "start" },
      { from: "start_3", to: "start_2" },
      { from: "start", to: "b" },
    ]);
    expect(document.nodes).not.toHaveProperty("start_3");
  });

  test("fields that are undefined are left out, unknown ones come last by name", () => {
    const nodes = { t: { kind: "trigger", zebra: 1, apple: 2, source: undefined } as never };
    expect(JSON.stringify(normaliseDocument({ format: 1, name: "w", nodes, edges: [] }).nodes)).toBe(
      '{"t":{"kind":"trigger","apple":2,"zebra":1}}',
    );
  });
});

describe("canonicalJson", () => {
  test.each<[unknown, string]>([
    [{ b: 1, a: [{ d: null, c: "x" }], u: undefined }, '{"a":[{"c":"x","d":null}],"b":1}'],
    [[], "[]"],
    ["x", '"x"'],
    [null, "null"],
    [1.5, "1.5"],
  ])("%j", (value, text) => {
    expect(canonicalJson(value as never)).toBe(text);
  });
});
