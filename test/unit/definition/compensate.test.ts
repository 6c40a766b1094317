/** Compensations, as the builder writes them and as validation reads them. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineAction } from "../../../src/core/definition/action.ts";
import { defineWorkflow } from "../../../src/core/definition/workflow.ts";
import { DefinitionError } from "../../../src/core/graph/definition-error.ts";
import { brief, check, edges, step } from "../graph/documents.ts";

const book = defineAction({ name: "book", output: z.object({ id: z.string() }), run: () => ({ id: "b_1" }) });
const cancel = defineAction({ name: "cancel", input: z.object({ id: z.string() }), run: () => null });

describe("in the builder", () => {
  test("a compensation belongs to its node, and may read it", () => {
    const { document, actions } = defineWorkflow({
      name: "trip",
      onFailure: "compensate",
      build({ action }) {
        const booked = action("booked", book, {});
        booked.compensate(cancel, { id: booked.output.id }, { timeout: "1m" });
        const named = action("named", book, {}, { after: booked });
        named.compensate("by.name");
      },
    });
    expect(document.onFailure).toBe("compensate");
    expect(document.nodes["booked"]).toMatchObject({
      compensate: { action: "cancel", input: { id: "{{ nodes.booked.output.id }}" }, timeout: "1m" },
    });
    expect(document.nodes["named"]).toMatchObject({ compensate: { action: "by.name" } });
    expect(actions.map(({ name }) => name)).toEqual(["book", "cancel"]);
  });

  test("a second one for the same node is refused", () => {
    const define = (): unknown =>
      defineWorkflow({
        name: "trip",
        build({ action }) {
          const booked = action("booked", book, {});
          booked.compensate("one");
          booked.compensate("two");
        },
      });
    expect(define).toThrow(DefinitionError);
    expect(define).toThrow('"booked" has a compensation already.');
  });

  test("one that comes after `build` has returned is refused", () => {
    let late: () => void = () => undefined;
    defineWorkflow({
      name: "trip",
      build({ action }) {
        const booked = action("booked", book, {});
        late = () => booked.compensate("late");
      },
    });
    expect(late).toThrow("is added after `build` has returned");
  });
});

describe("in validation", () => {
  const undo = (compensate: object): object => ({ ...step, compensate });

  test("its action and input are checked like those of a node", () => {
    const nodes = {
      a: undo({ action: "mial" }),
      b: undo({ action: "charge", input: { cents: 0 } }),
      c: undo({ action: "any", input: "{{ nodes. }}" }),
    };
    expect(brief(check({ nodes })).toSorted()).toEqual([
      "action_input_invalid nodes.b.compensate.input.cents",
      "action_unknown nodes.a.compensate.action",
      "expression_invalid nodes.c.compensate.input",
    ]);
  });

  test("it reads its node and what comes before, and nothing else", () => {
    const input = (id: string): object => ({ action: "any", input: { read: `{{ nodes.${id}.output }}` } });
    const nodes = (id: string): object => ({ before: step, own: undo(input(id)), after: step });
    const issuesOf = (id: string): readonly string[] =>
      brief(check({ nodes: nodes(id), edges: edges("before -> own", "own -> after") }));
    expect(issuesOf("before")).toEqual([]);
    expect(issuesOf("own")).toEqual([]);
    expect(issuesOf("after")).toEqual(["reference_not_ancestor nodes.own.compensate.input.read"]);
  });
});

test("a race in a document with a circle: the circle is what is said", () => {
  const nodes = { a: step, b: step, c: step, win: { ...step, join: { first: true, cancelOthers: true } } };
  const read = { ...step, input: "{{ nodes.win.output }}" };
  const issues = brief(
    check({
      nodes: { ...nodes, read },
      edges: edges("a -> win", "b -> win", "b -> c", "c -> b", "win -> read"),
    }),
  );
  expect(issues.some((issue) => issue.startsWith("cycle "))).toBe(true);
});
