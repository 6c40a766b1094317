/** `validateWorkflow` on values and documents of every kind. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { NodeDocument, WorkflowDocument } from "../../../src/core/definition/document.ts";
import { compilePlan } from "../../../src/core/graph/compile-plan.ts";
import { HINT_CODES, ISSUE_CODES, type IssueCode } from "../../../src/core/graph/issues.ts";
import { validateWorkflow, type ValidationResult } from "../../../src/core/graph/validate.ts";
import { catalogue } from "../../unit/graph/documents.ts";
import { ISSUE_CASES } from "../../unit/graph/issue-cases.ts";
import { flows, idOf } from "./graphs.ts";
import { holds } from "../../support/properties.ts";

const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
  withTypedArray: true,
  key: fc.oneof(
    fc.string(),
    fc.constantFrom(
      "__proto__",
      "constructor",
      "format",
      "nodes",
      "edges",
      "kind",
      "for",
      "input",
      "toString",
    ),
  ),
});

/** What holds of every answer. */
function expectAnswer({ ok, document, issues }: ValidationResult): void {
  expect(document === null).toBe(!ok);
  expect(ok).toBe(issues.every(({ severity }) => severity === "hint"));
  for (const { code, severity, path, message, next } of issues) {
    expect(ISSUE_CODES).toHaveProperty(code);
    expect(severity).toBe(HINT_CODES.has(code) ? "hint" : "error");
    for (const key of path) expect(["string", "number"]).toContain(typeof key);
    expect(message).not.toBe("");
    expect(next).not.toBe("");
  }
}

test("any value gets an answer", () => {
  holds(anything, (value) => expectAnswer(validateWorkflow(value, catalogue)), 3_000);
});

test("any value as the fields of a workflow gets an answer", () => {
  const fields = fc.record(
    {
      format: fc.oneof(fc.constant(1), anything),
      name: fc.oneof(fc.constant("w"), anything),
      nodes: anything,
      edges: anything,
      output: anything,
      input: anything,
    },
    { requiredKeys: [] },
  );
  holds(fields, (value) => expectAnswer(validateWorkflow(value, catalogue)), 2_000);
});

const TEXTS = [
  "{{ nodes.n1.output.a }}",
  "{{ nodes.n0.output }} and {{ nodes.n3.error }}",
  "{{ input.a }}",
  "\\{{ text",
  "{{",
  "{{ 1 + }}",
  "{{ nodes.none.output }}",
  "{{ event.a }}",
  "5m",
  "else",
  "error",
  "n1",
  "toString",
  "__proto__",
  "",
];

/** A document with a few of its parts replaced by something else, at places of their own choosing. */
const damaged = fc
  .tuple(
    fc.oneof(
      flows(4),
      fc.constantFrom(...Object.values(ISSUE_CASES).map(({ document }) => document as WorkflowDocument)),
    ),
    fc.array(
      fc.tuple(
        fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
        fc.oneof(anything, fc.constantFrom(...TEXTS)),
      ),
      {
        maxLength: 4,
      },
    ),
  )
  .map(([document, changes]) =>
    changes.reduce((value, [way, part]) => replaced(value, way, part), document as unknown),
  );

function replaced(value: unknown, [step = 0, ...way]: readonly number[], part: unknown): unknown {
  if (way.length === 0 || typeof value !== "object" || value === null) return part;
  const keys = Object.keys(value);
  if (keys.length === 0) return part;
  const key = keys[step % keys.length] as string;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as {
    [key: string]: unknown;
  };
  copy[key] = replaced(copy[key], way, part);
  return copy;
}

test("a document with damaged parts gets an answer", () => {
  holds(damaged, (value) => expectAnswer(validateWorkflow(value, catalogue)), 3_000);
});

test("the answer is the same the second time, and for the document in normal form", () => {
  holds(damaged, (value) => {
    const first = validateWorkflow(value, catalogue);
    expect(validateWorkflow(value, catalogue)).toEqual(first);
    if (first.document === null) return;
    const again = validateWorkflow(first.document, catalogue);
    expect(again.document).toEqual(first.document);
    expect(again.issues.map(({ code }) => code).sort(byText)).toEqual(
      first.issues.map(({ code }) => code).sort(byText),
    );
  });
});

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Flows with templates, conditions and durations, of which some are wrong. */
const written = fc
  .tuple(flows(4), fc.array(fc.constantFrom(...TEXTS, 5, null), { minLength: 6, maxLength: 6 }), fc.boolean())
  .map(([document, texts, back]) => {
    const nodes = Object.entries(document.nodes).map(([id, node], at) => [
      id,
      withText(node, texts[at] ?? null),
    ]);
    const last = idOf(nodes.length - 1);
    const edges = back ? [...document.edges, { from: last, to: idOf(2) }] : document.edges;
    return { ...document, nodes: Object.fromEntries(nodes) as WorkflowDocument["nodes"], edges };
  });

function withText(node: NodeDocument, text: string | number | null): NodeDocument {
  if (node.kind === "action") return { ...node, input: { text } };
  if (node.kind === "wait" && typeof text === "string" && "event" in node.for) {
    return { ...node, for: { ...node.for, match: text } };
  }
  return node.kind === "wait" && "duration" in node.for ? { ...node, for: { duration: text ?? "1s" } } : node;
}

/** What a plan does not look at: what an expression reads may have been allowed by an earlier version, and its run goes on. */
const NOT_OF_THE_PLAN: ReadonlySet<IssueCode> = new Set<IssueCode>([
  "reference_not_ancestor",
  "reference_out_of_scope",
  "reference_unknown",
]);

test("a plan can be made of a document exactly when it is valid, but for what its expressions read", () => {
  const seen = { plans: 0, refused: 0 };
  holds(
    written,
    (document) => {
      const { ok, document: normal, issues } = validateWorkflow(document);
      const errors = issues.filter(
        ({ code, severity }) => severity === "error" && !NOT_OF_THE_PLAN.has(code),
      );
      // Shapes come first: a plan is only ever made of what has the shape of a document.
      if (errors.some(({ code }) => code === "field_invalid" || code === "duration_invalid")) return;
      if (ok) {
        seen.plans++;
        expect(compilePlan(normal as WorkflowDocument).document).toEqual(normal);
      }
      if (errors.length === 0) compilePlan(document);
      else {
        seen.refused++;
        expect(() => compilePlan(document)).toThrow(/\[(definition|expression)_invalid\]$/);
      }
    },
    1_000,
  );
  expect(Math.min(seen.plans, seen.refused)).toBeGreaterThan(50);
});
