/** Which rows count as lost in the queue, where several lanes have backlogs of their own. */
import { expect, test } from "vitest";
import { compilePlan } from "../../../src/core/graph/compile-plan.ts";
import { defineWorkflow, type WorkflowDocument } from "../../../src/index.ts";
import type { LostQuery, QueuedRef } from "../../../src/core/ports/store.ts";
import { LostTasks } from "../../../src/worker/loops/lost-tasks.ts";

const NOW = 1_000_000;
const LANES = ["default", "slow", "other"];

const document: WorkflowDocument = {
  format: 1,
  name: "w",
  nodes: Object.fromEntries(LANES.map((lane) => [lane, { kind: "action", action: "a", lane }])),
  edges: [],
};
const plan = compilePlan(defineWorkflow(document).document);

const row = (lane: string, dispatchedAt: number, n = 0): QueuedRef => ({
  runId: `${lane} ${dispatchedAt} ${n}`,
  node: lane,
  item: -1,
  fence: 1,
  dispatches: 0,
  workspace: "default",
  workflow: "w",
  version: 1,
  dispatchedAt,
});

interface Scene {
  readonly rows: readonly QueuedRef[];
  /** The oldest task of each lane that waits; an error: the server does not answer. */
  readonly oldest?: { readonly [lane: string]: number | Error };
  readonly lanes?: readonly string[];
  readonly wiped?: boolean;
}

function lostTasks({ rows, oldest = {}, lanes = ["default"], wiped = false }: Scene): LostTasks {
  const sorted = rows.toSorted((a, b) => a.dispatchedAt - b.dispatchedAt);
  return new LostTasks({
    lanes,
    plans: { peek: () => undefined, get: async () => plan },
    store: {
      now: async () => NOW,
      lost: async ({ dispatchedBefore, dispatchedFrom = 0, limit }: LostQuery) =>
        sorted
          .filter(({ dispatchedAt: at }) => at < dispatchedBefore && at >= dispatchedFrom)
          .slice(0, limit),
    },
    scheduler: {
      checkEpoch: async () => !wiped,
      depth: async (lane) => {
        const at = oldest[lane] ?? null;
        if (at instanceof Error) throw at;
        return { waiting: at === null ? 0 : 1, active: 0, oldest: at };
      },
    },
  });
}

const ids = (rows: readonly QueuedRef[]): string[] => rows.map(({ runId }) => runId);

test("what is older than the oldest task of its own lane, and than three seconds", async () => {
  const rows = [row("default", NOW - 9_000), row("default", NOW - 5_000), row("default", NOW - 2_999)];
  expect(ids(await lostTasks({ rows, oldest: { default: NOW - 8_000 } }).find())).toEqual(ids([rows[0]!]));
  expect(ids(await lostTasks({ rows }).find())).toEqual(ids(rows.slice(0, 2)));
});

test("the backlog of one lane hides nothing of another", async () => {
  const rows = [row("slow", NOW - 90_000), row("slow", NOW - 80_000), row("default", NOW - 10_000)];
  const found = lostTasks({ rows, lanes: ["default", "slow"], oldest: { slow: NOW - 90_000 } });
  expect(ids(await found.find())).toEqual(ids([rows[2]!]));
});

test("a process of one lane does not send the backlog of another again, and finds what is lost there", async () => {
  const waiting = [row("slow", NOW - 60_000), row("slow", NOW - 50_000)];
  const lost = row("slow", NOW - 70_000);
  const found = lostTasks({ rows: [...waiting, lost], oldest: { slow: NOW - 60_000 } });
  // The lane is learnt from its rows, and asked before they are read again.
  expect(await found.find()).toEqual([]);
  expect(ids(await found.find())).toEqual(ids([lost]));
  expect(ids(await found.find())).toEqual(ids([lost]));
});

test("page by page through a long backlog, to what is lost behind it, and from the start again", async () => {
  const backlog = Array.from({ length: 3_500 }, (_, n) => row("slow", NOW - 60_000 + n, n));
  const lost = row("default", NOW - 4_000);
  const found = lostTasks({
    rows: [...backlog, lost],
    lanes: ["default", "slow"],
    oldest: { slow: NOW - 60_000 },
  });
  const rounds = [];
  for (let n = 0; n < 8; n++) rounds.push((await found.find()).length);
  expect(rounds).toEqual([0, 0, 0, 1, 0, 0, 0, 1]);
});

test("more rows of one instant than a page has do not stop it", async () => {
  const backlog = Array.from({ length: 2_500 }, (_, n) => row("slow", NOW - 60_000, n));
  const lost = row("default", NOW - 4_000);
  const found = lostTasks({
    rows: [...backlog, lost],
    lanes: ["default", "slow"],
    oldest: { slow: NOW - 60_000 },
  });
  expect(await found.find()).toEqual([]);
  expect(ids(await found.find())).toEqual(ids([lost]));
});

test("after a wipe everything, whatever waits in the lanes by now", async () => {
  const rows = [row("default", NOW - 1), row("slow", NOW - 10_000)];
  const found = lostTasks({ rows, wiped: true, oldest: { slow: NOW - 10_000, default: NOW - 1 } });
  expect(ids(await found.find())).toEqual(ids([rows[1]!, rows[0]!]));
});

test("where the server of one lane is away, the others are looked after", async () => {
  const rows = [row("default", NOW - 5_000), row("slow", NOW - 5_000)];
  const lanes = ["default", "slow"];
  const away = new Error("away");
  expect(ids(await lostTasks({ rows, lanes, oldest: { slow: away } }).find())).toEqual(ids([rows[0]!]));
  await expect(lostTasks({ rows, lanes, oldest: { slow: away, default: away } }).find()).rejects.toBe(away);
});
