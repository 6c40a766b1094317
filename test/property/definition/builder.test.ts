/** What holds for everything that the builder can write. See `test/support/properties.ts` for how to replay a failure. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Arrival, WorkflowBuilder } from "../../../src/core/definition/builder-types.ts";
import { escapeText, makeExpr, makeText, templateOf } from "../../../src/core/definition/interpolation.ts";
import { makeRef, sourceOf, type Source } from "../../../src/core/definition/refs.ts";
import { defineWorkflow } from "../../../src/core/definition/workflow.ts";
import { compileTemplate } from "../../../src/core/expression/template.ts";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import type { Json } from "../../../src/core/json.ts";
import { holds } from "../../support/properties.ts";

/** One node: what it is, which earlier nodes it reads (by number, modulo), and what it comes after. */
interface Step {
  readonly kind: "action" | "condition" | "time" | "message" | "trigger";
  readonly reads: readonly { readonly node: number; readonly member: "output" | "error" | "status" }[];
  readonly after: readonly { readonly node: number; readonly outcome: number }[];
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("action", "action", "condition", "time", "message", "trigger"),
    reads: fc.array(fc.record({ node: fc.nat(), member: fc.constantFrom("output", "error", "status") }), {
      maxLength: 3,
    }),
    after: fc.array(fc.record({ node: fc.nat(), outcome: fc.nat() }), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 15 },
);

interface Made {
  readonly handle: Arrival & { on(outcome: string): Arrival };
  readonly outcomes: readonly string[];
  readonly reads: Readonly<Record<string, unknown>>;
}

function write(
  program: readonly Step[],
  { action, condition, wait, trigger, expr, text }: WorkflowBuilder,
): void {
  const made: Made[] = [];
  const keep = (handle: object, outcomes: readonly string[]): void => {
    const reads = handle as Record<string, unknown>;
    made.push({ handle: handle as Made["handle"], outcomes, reads });
  };
  // A workflow of triggers alone is allowed, one of nothing is not.
  action("first", "log");
  program.forEach((step, number) => {
    const id = `n${number}`;
    if (step.kind === "trigger") return keep(trigger(id, { type: "manual" }), ["fired"]);
    const earlier = (at: number): Made | undefined => made[at % made.length];
    const read = step.reads.flatMap(({ node, member }) => earlier(node)?.reads[member] ?? []);
    const seen = new Set<string>();
    const after = step.after.flatMap(({ node, outcome }) => {
      const from = earlier(node);
      const name = from?.outcomes[outcome % (from.outcomes.length + 1)];
      const key = `${node % Math.max(1, made.length)} ${name}`;
      if (from === undefined || seen.has(key)) return [];
      seen.add(key);
      return [name === undefined ? from.handle : from.handle.on(name)];
    });
    const options = { after, ...(after.length > 0 ? { join: "settled" as const } : {}) };
    const [first = 1, second = 2] = read as Json[];
    switch (step.kind) {
      case "action":
        return keep(action(id, "log", { all: read as Json[], joined: text`${first}:${second}` }, options), [
          "success",
          "error",
        ]);
      case "condition":
        return keep(condition(id, { yes: expr`${first} == ${second}`, no: expr`true` }, options), [
          "yes",
          "no",
          "else",
          "error",
        ]);
      case "time":
        return keep(wait(id, { until: text`2027-01-01T00:00:0${first}Z`, ...options }), ["elapsed", "error"]);
      case "message":
        return keep(
          wait(id, { event: "paid", match: expr`[${first}].size() == 1`, timeout: "1d", ...options }),
          ["received", "timeout", "error"],
        );
    }
  });
}

describe("workflows from the builder", () => {
  test("are valid, and the same again from their JSON", () => {
    holds(steps, (program) => {
      const { document } = defineWorkflow({
        name: "w",
        build: (builder) => write(program, builder as WorkflowBuilder),
      });
      const text = JSON.stringify(document);
      const again = validateWorkflow(JSON.parse(text));
      expect(again.issues.filter(({ severity }) => severity === "error")).toEqual([]);
      expect(JSON.stringify(again.document)).toBe(text);
    });
  });
});

const owner = { workflow: "w" };
const value = makeRef({ expression: "input", reads: [], owner }).at("value");
const render = (template: Json, input: Json): Json =>
  compileTemplate(template).render({ input: { value: input } });
const templated = (made: unknown): string => templateOf(sourceOf(made) as Source);

/** Texts of characters that mean something in templates. */
const tricky = fc.oneof(
  fc.string({ unit: fc.constantFrom("{", "}", "\\", '"', "'", " ", "a", "{{", "}}", "\n"), maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 12 }),
);

describe("texts and expressions", () => {
  test("a plain text stands for itself", () => {
    holds(tricky, (plain) => {
      expect(render(escapeText(plain), null)).toBe(plain);
    });
  });

  test("a text`` is its parts, one after the other, whatever they are", () => {
    const text = makeText(owner);
    holds(fc.tuple(tricky, tricky, tricky, tricky), ([before, middle, after, given]) => {
      const made = text`${before}${value}${middle}${value}${after}`;
      expect(render(templated(made), given)).toBe(before + given + middle + given + after);
    });
  });

  test("a value in expr`` is that value", () => {
    const expr = makeExpr(owner);
    // Keys with a meaning in JavaScript are refused.
    const json = (fc.jsonValue({ maxDepth: 3, stringUnit: "grapheme" }) as fc.Arbitrary<Json>).filter(
      (value) => !/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value)),
    );
    holds(fc.oneof(json, tricky), (constant) => {
      const plain: unknown = JSON.parse(JSON.stringify(constant));
      expect(render(templated(expr`[${constant}, ${value}]`), 1)).toEqual([plain, 1]);
    });
  });
});
