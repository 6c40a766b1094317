/** One poll: what it starts, what it stores, and what is left when something goes wrong in the middle. */
import { expect, test } from "vitest";
import { ActionRegistry } from "../../../src/actions/registry.ts";
import type { PollSource } from "../../../src/core/definition/document.ts";
import type { Logger } from "../../../src/core/ports/logger.ts";
import type { PollRecord } from "../../../src/core/ports/polls.ts";
import { DEFAULT_LIMITS } from "../../../src/core/values.ts";
import { defineAction, FlowForgeError, NotYet, RetryableError } from "../../../src/index.ts";
import { createMemoryStore } from "../../../src/testing/memory-store.ts";
import { StoreClock } from "../../../src/worker/clock.ts";
import { type ItemStart, Polls } from "../../../src/worker/polls.ts";

const PLACE = { workspace: "acme", workflow: "w", node: "mail" };
const NOON = Date.UTC(2030, 0, 1, 12);

type Answer = unknown;

/** `answers`: of the action, one poll after the other; an error is thrown. */
async function scene(source: Partial<PollSource>, answers: readonly Answer[]) {
  let now = NOON;
  const store = createMemoryStore({ clock: { now: () => now } });
  const asked: unknown[] = [];
  const action = defineAction({
    name: "mail.list",
    run: async ({ input }) => {
      const answer = answers[asked.push(input) - 1] ?? { items: [] };
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const written: PollSource = { type: "poll", action: "mail.list", every: "1m", first: "all", ...source };
  const mail = { kind: "trigger", source: written } as const;
  await store.saveWorkflow("acme", { format: 1, name: "w", nodes: { mail }, edges: [] }, "c");
  await store.register({ id: "me", host: "h", pid: 1, lanes: [], concurrency: 1 });
  await store.polls.sync();
  const started: ItemStart[] = [];
  const fate: { start: (item: string) => Error | null } = { start: () => null };
  const silent = (): void => undefined;
  const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent };
  const clock = new StoreClock();
  clock.set(NOON, performance.now(), performance.now());
  const outside = async (): Promise<never> => {
    throw new Error("Nobody is called here.");
  };
  const polls = new Polls({
    store,
    logger,
    clock,
    registry: new ActionRegistry([action]),
    credentials: async () => null,
    outbound: { fetch: outside, connect: outside },
    outgoing: { publish: outside, addJob: outside },
    sandbox: { run: outside } as never,
    limits: DEFAULT_LIMITS,
    random: () => 0,
    runs: {
      async start(item) {
        const error = fate.start(String(item.item["id"]));
        if (error) throw error;
        started.push(item);
      },
    },
    onEnded: () => undefined,
  });
  const record = async (): Promise<PollRecord> => (await store.polls.get(PLACE))!;
  /** What is due is asked, to the end; `false`: nothing was due. */
  const poll = async (): Promise<boolean> => {
    const [due] = await store.polls.due({ worker: "me", actions: ["mail.list"], limit: 1 });
    if (!due) return false;
    polls.begin(due, "me");
    await expect.poll(async () => (await record()).rev, { interval: 1 }).toBe(due.rev + 2);
    return true;
  };
  return { asked, started, fate, record, poll, later: (ms: number) => void (now += ms) };
}

const items = (...ids: readonly string[]) => ids.map((id) => ({ id, subject: `about ${id}` }));
const idsOf = (started: readonly ItemStart[]) => started.map(({ item }) => item["id"]);

test("what is new is started once, and the next poll has the cursor", async () => {
  const answers = [
    { items: items("a", "b"), cursor: 1 },
    { items: items("b", "c"), cursor: 2 },
  ];
  const { asked, started, record, poll, later } = await scene({ input: { folder: "in" } }, answers);
  expect(await poll()).toBe(true);
  expect(await poll()).toBe(false);
  later(60_000);
  await poll();
  expect(asked).toEqual([
    { folder: "in", cursor: null },
    { folder: "in", cursor: 1 },
  ]);
  expect(idsOf(started)).toEqual(["a", "b", "c"]);
  expect(started[0]).toMatchObject({ place: PLACE, version: 1, item: { id: "a", subject: "about a" } });
  expect(new Set(started.map(({ runId }) => runId)).size).toBe(3);
  expect(await record()).toMatchObject({ cursor: 2, stage: "live", lastItems: 1, lastError: null });
});

test("first: now starts nothing of what is there, to its last page; then what is new", async () => {
  const answers = [
    { items: items("a", "b"), cursor: 1, more: true },
    { items: items("c"), cursor: 2 },
    { items: items("a", "d"), cursor: 3 },
  ];
  const { started, record, poll, later } = await scene({ first: "now" }, answers);
  await poll();
  expect(await record()).toMatchObject({ stage: "first", cursor: 1 });
  // At once: there is more.
  expect(await poll()).toBe(true);
  expect(await record()).toMatchObject({ stage: "live", cursor: 2, lastItems: 0 });
  later(60_000);
  await poll();
  expect(idsOf(started)).toEqual(["d"]);
});

test("a start that fails in the middle: nothing is stored, and the same runs are asked for again", async () => {
  const answers = Array(3).fill({ items: items("a", "b", "c"), cursor: 9 });
  const { started, fate, record, poll, later } = await scene({}, answers);
  const away = new FlowForgeError("postgres_unreachable", { subject: "the store", next: "Wait." });
  fate.start = (id) => (id === "b" ? away : null);
  await poll();
  expect(await record()).toMatchObject({ cursor: null, failures: 1, stage: "first", lastAt: null });
  expect((await record()).lastError).toMatch(/^start_failed: .*the store/);
  fate.start = () => null;
  later(9_999);
  expect(await poll()).toBe(false);
  later(1);
  await poll();
  expect(await record()).toMatchObject({ cursor: 9, failures: 0, lastError: null, lastItems: 3 });
  const ids = new Map(started.map(({ item, runId }) => [item["id"], runId]));
  expect(new Set(ids.values()).size).toBe(3);
  expect(new Set(started.map(({ runId }) => runId)).size).toBe(3);
});

test("an item that is refused is seen and told; one for which there is no room is tried again", async () => {
  const answers = Array(3).fill({ items: items("a", "b", "c"), cursor: 9 });
  const { started, fate, record, poll, later } = await scene({}, answers);
  const wrong = new FlowForgeError("input_invalid", { subject: "the input", next: "Correct it." });
  const full = new FlowForgeError("concurrency_limit_reached", { subject: "w", next: "Wait." });
  fate.start = (id) => (id === "b" ? wrong : id === "c" ? full : null);
  await poll();
  expect(await record()).toMatchObject({ cursor: null, failures: 1 });
  fate.start = (id) => (id === "b" ? wrong : null);
  later(60_000);
  await poll();
  expect(await record()).toMatchObject({ cursor: 9, failures: 0 });
  expect((await record()).lastRefusal).toMatchObject({ item: "b", error: wrong.message });
  started.length = 0;
  later(60_000);
  await poll();
  expect(started).toEqual([]);
});

test("failures are kept with their pause, and what the other side asks for is kept to", async () => {
  const answers = [
    new RetryableError("busy"),
    new RetryableError("busy", { after: "2h" }),
    { items: [{}] },
    new NotYet({ after: "3m" }),
    { items: items("a"), cursor: 5 },
  ];
  const { record, poll, later } = await scene({}, answers);
  const pause = async (): Promise<number> => {
    const { dueAt } = await record();
    const ms = dueAt - NOON - passed;
    later(ms);
    passed += ms;
    return ms;
  };
  let passed = 0;
  await poll();
  expect(await record()).toMatchObject({ failures: 1, lastError: expect.stringMatching(/busy$/) as string });
  expect(await pause()).toBe(10_000);
  await poll();
  expect((await record()).failures).toBe(2);
  expect(await pause()).toBe(2 * 3_600_000);
  await poll();
  expect((await record()).lastError).toMatch(/^invalid_output: .*items\.0\.id/);
  expect(await pause()).toBe(300_000);
  await poll();
  expect(await record()).toMatchObject({ failures: 3 });
  expect(await pause()).toBe(180_000);
  await poll();
  expect(await record()).toMatchObject({ failures: 0, lastError: null, cursor: 5, lastItems: 1 });
});
