/** Who asks the store to let runs in, and when. */
import { expect, test } from "vitest";
import type { Admitted, GateRef } from "../../../src/core/ports/gates.ts";
import type { Logger } from "../../../src/core/ports/logger.ts";
import { createMemoryStore } from "../../../src/testing/memory-store.ts";
import { move, moved, newId, seqOf, start } from "../../../src/testing/store-contract/entries.ts";
import { Admissions } from "../../../src/worker/admissions.ts";
import { gatesRound } from "../../../src/worker/loops/gates.ts";

const gate = (key: string): GateRef => ({ workspace: "acme", workflow: "w", key });

/** `answers`: of the store, one after the other; then nobody is told. */
function admissions(...answers: readonly (Partial<Admitted> | Error)[]) {
  const asked: string[][] = [];
  const looked: string[] = [];
  const warnings: string[] = [];
  const pauses: number[] = [];
  const silent = (): void => undefined;
  const logger: Logger = {
    debug: silent,
    info: silent,
    error: silent,
    warn: (_, text) => void warnings.push(text),
  };
  const store = {
    admit: async (gates: readonly GateRef[]): Promise<Admitted> => {
      const answer = answers[asked.push(gates.map(({ key }) => key)) - 1] ?? {};
      if (answer instanceof Error) throw answer;
      return { told: [], busy: [], ...answer };
    },
  };
  const look = (runId: string): void => void looked.push(runId);
  const pause = async (ms: number): Promise<void> => void pauses.push(ms);
  return { subject: new Admissions({ store, logger, look, pause }), asked, looked, warnings, pauses };
}

test("whoever is told is looked at", async () => {
  const { subject, looked } = admissions({ told: ["a", "b"] });
  subject.ask([gate("k")]);
  await subject.idle();
  expect(looked).toEqual(["a", "b"]);
});

test("what is asked for during a call is asked for together, each gate once", async () => {
  const { subject, asked } = admissions();
  for (const key of ["a", "b", "a", "c", "b"]) subject.ask([gate(key)]);
  await subject.idle();
  expect(asked).toEqual([["a"], ["b", "a", "c"]]);
});

test("a gate that somebody else is changing is asked for again after a pause, but not for ever", async () => {
  const { subject, asked, pauses } = admissions({ busy: [gate("a")], told: ["x"] }, { busy: [gate("a")] });
  subject.ask([gate("a"), gate("b")]);
  await subject.idle();
  expect(asked).toEqual([["a", "b"], ["a"], ["a"]]);
  expect(pauses).toEqual([5, 5]);
  const stuck = admissions(...Array.from({ length: 1_000 }, () => ({ busy: [gate("a")] })));
  stuck.subject.ask([gate("a")]);
  await stuck.subject.idle();
  expect(stuck.asked.length).toBeLessThan(100);
});

test("after an error it goes on with what is asked for next", async () => {
  const { subject, asked, warnings } = admissions(new Error("away"));
  subject.ask([gate("a")]);
  await subject.idle();
  subject.ask([gate("b")]);
  await subject.idle();
  expect(asked).toEqual([["a"], ["b"]]);
  expect(warnings).toHaveLength(1);
});

test("nothing to ask: no call", async () => {
  const { subject, asked } = admissions();
  subject.ask([]);
  await subject.idle();
  expect(asked).toEqual([]);
});

test("the loop lets in who waits although there is room, whoever did not ask", async () => {
  const store = createMemoryStore();
  const at = (as: "take" | "wait") =>
    ({ type: "enter", ...gate("k"), limit: 1, onLimit: "queue", as }) as const;
  const [holder, waiter] = [newId(), newId()];
  await moved(store, start(holder, { gate: at("take") }));
  await moved(store, start(waiter, { gate: at("wait"), status: "queued" }));
  const looked: string[] = [];
  const real = new Admissions({
    store,
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    look: (runId) => void looked.push(runId),
    pause: async () => undefined,
  });
  const round = gatesRound(store, real);
  await round();
  expect(looked).toEqual([]);
  const end = { status: "succeeded", finished: true, gate: { type: "leave" } } as const;
  await moved(store, move(holder, await seqOf(store, holder), end));
  expect(await round()).toBeGreaterThan(0);
  expect(looked).toEqual([waiter]);
});

test("the loop goes through all gates, page by page", async () => {
  const asked: (GateRef | undefined)[] = [];
  const pages = [Array.from({ length: 1_000 }, (_, n) => gate(`${n}`)), [gate("last")], []];
  const { subject } = admissions();
  const store = {
    waitingGates: async ({ after }: { readonly after?: GateRef }) => {
      asked.push(after);
      return pages.shift()!;
    },
  };
  const round = gatesRound(store, subject);
  for (let n = 0; n < 3; n++) await round();
  expect(asked).toEqual([undefined, gate("999"), undefined]);
});
