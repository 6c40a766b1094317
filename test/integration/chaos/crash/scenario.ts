/** What runs while a worker is stopped: every kind of commit that a run can make, and how each run must end all the same. */
import { setTimeout as pause } from "node:timers/promises";
import {
  type Action,
  type ActionContext,
  type Json,
  PermanentError,
  type WorkflowDocument,
} from "../../../../src/index.ts";
import { action } from "../../engine/documents.ts";

type Note = (context: ActionContext<Json>) => Promise<void>;

/** Each execution is noted outside of the process before the action goes on. */
export function actions(note: Note): readonly Action[] {
  const noted = (name: string, run: (context: ActionContext<Json>) => Json): Action =>
    action(
      name,
      async (context) => {
        await note(context);
        // Long enough that several are under way when the process is stopped.
        await pause(2);
        return run(context);
      },
      { effect: "idempotent" },
    );
  return [
    noted("step", ({ input }) => input),
    noted("flaky", ({ input, attempt }) => {
      if (attempt < 3) throw Object.assign(new Error("try again"), { code: "ECONNREFUSED" });
      return input;
    }),
    noted("refuse", () => {
      throw new PermanentError("never");
    }),
  ];
}

const step = (n: Json, more: object = {}) =>
  ({ kind: "action", action: "step", input: { n }, ...more }) as const;

/** A chain, a fan with a retry at once and one after a pause, a join, a condition, an error edge, a timed wait and a signal. */
export const winding: WorkflowDocument = {
  format: 1,
  name: "winding",
  nodes: {
    first: step("{{ input.n }}"),
    left: step("{{ nodes.first.output.n + 1 }}"),
    right: {
      ...step("{{ nodes.first.output.n + 2 }}"),
      action: "flaky",
      retry: { immediate: 1, backoff: ["50ms"] },
    },
    both: step("{{ nodes.left.output.n + nodes.right.output.n }}", { join: "all" }),
    large: { kind: "condition", cases: [{ outcome: "yes", if: "nodes.both.output.n > 2" }] },
    refused: { ...step("{{ nodes.both.output.n }}"), action: "refuse" },
    apology: step("{{ nodes.both.output.n + 10 }}"),
    moment: { kind: "wait", for: { duration: "50ms" } },
    word: { kind: "wait", for: { signal: "word" } },
    last: step("{{ nodes.apology.output.n + nodes.word.output.n }}"),
  },
  edges: [
    { from: "first", to: "left" },
    { from: "first", to: "right" },
    { from: "left", to: "both" },
    { from: "right", to: "both" },
    { from: "both", to: "large" },
    { from: "large", to: "refused", on: "yes" },
    { from: "refused", to: "apology", on: "error" },
    { from: "apology", to: "moment" },
    { from: "moment", to: "word" },
    { from: "word", to: "last" },
  ],
  output: "{{ nodes.last.output.n }}",
};

/** Sent as soon as the run exists, so that it is there before the wait is. */
export const word = { n: 1 } as const;

export const windingResult = (n: number): number => n + 1 + (n + 2) + 10 + word.n;

/** How often each of its nodes is executed, attempts told apart: what a crash may add to, and nothing else. */
export const windingAttempts: { readonly [node: string]: number } = {
  first: 1,
  left: 1,
  right: 3,
  both: 1,
  refused: 1,
  apology: 1,
  last: 1,
};

/** Fails for good while its other branch ends. */
export const doomed: WorkflowDocument = {
  format: 1,
  name: "doomed",
  nodes: {
    first: step(1),
    refused: { ...step(2), action: "refuse" },
    other: step(3),
  },
  edges: [
    { from: "first", to: "refused" },
    { from: "first", to: "other" },
  ],
};

export const doomedAttempts: { readonly [node: string]: number } = { first: 1, refused: 1, other: 1 };
