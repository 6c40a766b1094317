/** Runs that are undone, on each backend: after a failure, by a cancel, and when that fails too. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Action,
  defineWorkflow,
  type Engine,
  type Json,
  PermanentError,
  RunCancelledError,
  RunFailedError,
  type RunHandle,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

/** What was done and undone, in order. */
class Ledger {
  readonly lines: string[] = [];
  readonly inputs: Json[] = [];
  readonly began: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly gate: PromiseWithResolvers<Json> = Promise.withResolvers();
  /** Compensations that fail, by node. */
  readonly refuses = new Set<string>();

  readonly actions: readonly Action[] = [
    action("book", ({ node }) => {
      this.lines.push(node.id);
      return { ticket: `${node.id}-1` };
    }),
    action("slow", async ({ node }) => {
      this.lines.push(node.id);
      this.began.resolve();
      return this.gate.promise;
    }),
    action("broken", () => {
      throw new PermanentError("sold out");
    }),
    action("cancel", ({ node, input }) => {
      if (this.refuses.has(node.id)) throw new PermanentError("the office is closed");
      this.lines.push(node.id);
      this.inputs.push(input);
      return null;
    }),
  ];
}

/** `a` and `b`, then `last`; what is booked can be cancelled. */
function trip(last: string, more: Partial<WorkflowDocument> = {}): WorkflowDocument {
  const undo = (id: string) => ({
    action: "cancel",
    input: { ticket: `{{ nodes.${id}.output.ticket }}`, who: "{{ input.who }}" },
  });
  return {
    format: 1,
    name: "trip",
    nodes: {
      a: { kind: "action", action: "book", compensate: undo("a") },
      b: { kind: "action", action: "book", compensate: undo("b") },
      last: { kind: "action", action: last, compensate: undo("last") },
      after: { kind: "action", action: "book", compensate: undo("after") },
    },
    edges: [
      { from: "a", to: "b" },
      { from: "b", to: "last" },
      { from: "last", to: "after" },
    ],
    ...more,
  };
}

async function statuses(run: RunHandle): Promise<{ readonly [node: string]: string }> {
  const { nodes } = await run.detail();
  return Object.fromEntries(nodes.map(({ node, status }) => [node, status]));
}

onEachBackend("compensation", (name) => {
  describe.each([true, false])("inline: %s", (inline) => {
    let backend: Backend;
    let engine: Engine;
    let ledger: Ledger;

    beforeEach(async () => {
      backend = await openBackend(name);
      ledger = new Ledger();
      engine = backend.engine({ worker: { inline }, actions: ledger.actions });
      await engine.start();
    });

    afterEach(() => backend[Symbol.asyncDispose]());

    const start = (document: WorkflowDocument): Promise<RunHandle> =>
      engine.runs.start(defineWorkflow(document), { input: { who: "Ada" } });

    test("after a failure: what succeeded is undone, and the run is failed for good", async () => {
      const run = await start(trip("broken", { onFailure: "compensate" }));
      const error = await run.result({ timeout: "20s" }).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(RunFailedError);
      expect((error as RunFailedError).failures).toMatchObject([
        { node: "last", error: { message: "sold out" } },
      ]);
      expect(ledger.lines).toEqual(["a", "b", "b$compensate", "a$compensate"]);
      expect(ledger.inputs).toEqual([
        { ticket: "b-1", who: "Ada" },
        { ticket: "a-1", who: "Ada" },
      ]);
      expect(await statuses(run)).toMatchObject({
        last: "failed",
        after: "cancelled",
        a$compensate: "succeeded",
      });
      expect((await run.detail()).header).toMatchObject({ deadLetters: 0, compensate: true });
    });

    test("a dead letter is closed when the last branch has ended, and cannot be redriven any more", async () => {
      const nodes = {
        bad: { kind: "action", action: "broken" },
        slow: { kind: "action", action: "slow", compensate: { action: "cancel" } },
      } as const;
      const run = await start({ format: 1, name: "late", nodes, edges: [], onFailure: "compensate" });
      await ledger.began.promise;
      const letters = async () => (await engine.deadLetters.list({ runId: run.id, state: "all" })).items;
      await expect.poll(letters, { timeout: 20_000 }).toMatchObject([{ node: "bad", resolvedAt: null }]);
      ledger.gate.resolve(null);
      await expect(run.result({ timeout: "20s" })).rejects.toBeInstanceOf(RunFailedError);
      expect(ledger.lines).toEqual(["slow", "slow$compensate"]);
      const [letter] = await letters();
      expect(letter).toMatchObject({ node: "bad", resolution: "compensated" });
      const redriven = engine.deadLetters.redrive(letter!.id);
      await expect(redriven).rejects.toMatchObject({ code: "run_compensating" });
    });

    test("a run without `onFailure` keeps its dead letter", async () => {
      const run = await start(trip("broken"));
      await expect(run.result({ timeout: "20s" })).rejects.toBeInstanceOf(RunFailedError);
      expect(ledger.lines).toEqual(["a", "b"]);
      expect((await run.detail()).header).toMatchObject({ deadLetters: 1, compensate: false });
    });

    test("a cancel that undoes: what was running ends first, and is undone too", async () => {
      const run = await start(trip("slow"));
      await ledger.began.promise;
      await run.cancel({ compensate: true });
      expect(await run.status()).toBe("cancelling");
      expect(ledger.lines).toEqual(["a", "b", "last"]);
      ledger.gate.resolve({ ticket: "late" });
      await expect(run.result({ timeout: "20s" })).rejects.toBeInstanceOf(RunCancelledError);
      expect(ledger.lines.slice(3)).toEqual(["last$compensate", "b$compensate", "a$compensate"]);
      expect(ledger.inputs[0]).toEqual({ ticket: "late", who: "Ada" });
      expect((await run.detail()).header).toMatchObject({ status: "cancelled", compensate: true });
    });

    test("a cancel that undoes nothing leaves everything as it is", async () => {
      const run = await start(trip("slow"));
      await ledger.began.promise;
      await run.cancel();
      ledger.gate.resolve({ ticket: "late" });
      await expect(run.result({ timeout: "20s" })).rejects.toBeInstanceOf(RunCancelledError);
      expect(ledger.lines).toEqual(["a", "b", "last"]);
    });

    test("a compensation that gives up is a dead letter; the next one waits until it is redriven", async () => {
      ledger.refuses.add("b$compensate");
      const run = await start(trip("broken", { onFailure: "compensate" }));
      await expect(run.result({ timeout: "20s" })).rejects.toBeInstanceOf(RunFailedError);
      expect(ledger.lines).toEqual(["a", "b"]);
      const { items } = await engine.deadLetters.list({ runId: run.id, state: "open" });
      expect(items).toMatchObject([{ node: "b$compensate" }]);
      ledger.refuses.clear();
      await engine.deadLetters.redrive(items[0]!.id);
      await expect(run.result({ timeout: "20s" })).rejects.toBeInstanceOf(RunFailedError);
      await expect
        .poll(() => ledger.lines.slice(2), { timeout: 20_000 })
        .toEqual(["b$compensate", "a$compensate"]);
      await expect.poll(() => run.status()).toBe("failed");
      expect((await run.detail()).header.deadLetters).toBe(0);
    });
  });
});
