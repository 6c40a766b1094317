/** Polls: they follow the triggers of the newest versions, are held by one worker at a time, and know what they have seen. */
import type { PollSource, WorkflowDocument } from "../../core/definition/document.ts";
import type { PollEnd, PollPlace, PollRecord } from "../../core/ports/polls.ts";
import type { Store } from "../../core/ports/store.ts";
import { newId, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

const SOURCE: PollSource = { type: "poll", action: "mail.list", input: { folder: "in" }, every: "1m" };
const PLACE: PollPlace = { workspace: WORKSPACE, workflow: "w", node: "mail" };
const END: PollEnd = {
  stage: "live",
  cursor: { page: "ä", at: [1, null] },
  failures: 0,
  lastItems: 2,
  delayMs: 60_000,
  lastError: null,
  lastRefusal: null,
  succeeded: true,
  seen: ["a", "b", "a"],
};

function document(source: PollSource | null, name = "w"): WorkflowDocument {
  const mail = { kind: "trigger", ...(source ? { source } : {}) } as const;
  return { format: 1, name, nodes: { mail }, edges: [] };
}

async function worker(store: Store): Promise<string> {
  const id = newId();
  await store.register({ id, host: "h", pid: 1, lanes: ["default"], concurrency: 1 });
  return id;
}

async function found(store: Store): Promise<PollRecord> {
  const record = await store.polls.get(PLACE);
  if (!record) throw new Error("There is no poll.");
  return record;
}

async function dueFor(store: Store, id: string, actions = ["mail.list"]): Promise<readonly string[]> {
  const due = await store.polls.due({ worker: id, actions, limit: 10 });
  return due.map(({ workflow, version }) => `${workflow} ${version}`);
}

let checksum = 0;
async function save(store: Store, written: WorkflowDocument): Promise<void> {
  await store.saveWorkflow(WORKSPACE, written, `c${checksum++}`);
  await store.polls.sync();
}

export function pollRules(kit: Kit): void {
  kit.describe("polls", () => {
    followRules(kit);
    claimRules(kit);
    itemRules(kit);
  });
}

function followRules({ rule, expect }: Kit): void {
  rule("follow the triggers, and begin anew only where they ask for something else", async (bench) => {
    const { store } = bench;
    await save(store, document(SOURCE));
    const first = await found(store);
    expect(first).toEqual({
      ...PLACE,
      source: SOURCE,
      rev: 0,
      paused: false,
      stage: "first",
      cursor: null,
      holder: null,
      failures: 0,
      lastAt: null,
      lastItems: 0,
      lastError: null,
      lastRefusal: null,
      series: first.series,
      dueAt: first.series,
    });
    expect(first.series).toBeLessThanOrEqual(await store.now());
    await store.polls.sync();
    expect(await found(store)).toEqual(first);
    expect(await store.polls.claim(PLACE, 0, await worker(store))).toBe(true);
    expect(await store.polls.finish(PLACE, 1, END)).toBe(true);
    const live = await found(store);

    const often = { ...SOURCE, every: "10s" };
    await bench.advance(1_000);
    await save(store, document(often));
    const sooner = await found(store);
    expect(sooner).toEqual({ ...live, source: often, dueAt: sooner.dueAt });
    expect(sooner.dueAt).toBeLessThanOrEqual(await store.now());
    expect(await store.polls.seen(live, ["a"])).toEqual(new Set(["a"]));

    const other = { ...SOURCE, input: { folder: "out" } };
    await save(store, document(other));
    const anew = await found(store);
    const begun = { stage: "first", cursor: null, rev: live.rev + 1, source: other } as const;
    expect(anew).toMatchObject({ ...begun, holder: null, failures: 0 });
    expect(anew.series > live.series).toBe(true);
    expect(await store.polls.seen(anew, ["a"])).toEqual(new Set());

    await save(store, document(null));
    expect(await store.polls.get(PLACE)).toBeNull();
    expect(await store.polls.claim(PLACE, anew.rev, "x")).toBe(false);
    expect(await store.polls.setPaused(PLACE, true)).toBe(false);
    expect(await store.polls.hurry(PLACE)).toBe(false);
  });

  rule(
    "of a disabled workflow are not due, lose who holds them, and note what they find then",
    async (bench) => {
      const { store } = bench;
      await save(store, document(SOURCE));
      const id = await worker(store);
      await store.polls.claim(PLACE, 0, id);
      await store.enableWorkflow(WORKSPACE, "w", false);
      expect(await dueFor(store, id)).toEqual([]);
      await store.polls.sync();
      await store.polls.sync();
      expect(await found(store)).toMatchObject({ stage: "again", holder: null, rev: 2 });
      expect(await store.polls.finish(PLACE, 1, END)).toBe(false);
      await save(store, document(SOURCE, "v"));
      await store.enableWorkflow(WORKSPACE, "w", true);
      await store.polls.sync();
      expect(await found(store)).toMatchObject({ stage: "again", rev: 2 });
      expect(new Set(await dueFor(store, id))).toEqual(new Set(["w 1", "v 1"]));
    },
  );

  rule("are listed by workspace, page by page in the order of code points", async ({ store }) => {
    for (const name of ["b", "a", "Z"]) await store.saveWorkflow(WORKSPACE, document(SOURCE, name), "c");
    await store.saveWorkflow("elsewhere", document(SOURCE, "a"), "c");
    await store.polls.sync();
    const names = async (page: { workflow?: string; after?: PollPlace; limit: number }) =>
      (await store.polls.list({ workspace: WORKSPACE, ...page })).map(({ workflow }) => workflow);
    expect(await names({ limit: 2 })).toEqual(["Z", "a"]);
    expect(await names({ limit: 2, after: { ...PLACE, workflow: "a" } })).toEqual(["b"]);
    expect(await names({ limit: 2, workflow: "b" })).toEqual(["b"]);
  });
}

function claimRules({ rule, expect }: Kit): void {
  rule(
    "are due by the store's clock, to those who have the action, unless they are paused",
    async (bench) => {
      const { store } = bench;
      await save(store, document(SOURCE));
      const id = await worker(store);
      expect(await dueFor(store, id)).toEqual(["w 1"]);
      expect(await dueFor(store, id, ["other"])).toEqual([]);
      expect(await store.polls.due({ worker: id, actions: ["mail.list"], limit: 10 })).toEqual([
        { ...(await found(store)), version: 1 },
      ]);
      await store.polls.setPaused(PLACE, true);
      expect(await dueFor(store, id)).toEqual([]);
      await store.polls.setPaused(PLACE, false);
      await store.polls.claim(PLACE, 0, id);
      await store.polls.finish(PLACE, 1, { ...END, delayMs: 60_000 });
      expect(await dueFor(store, id)).toEqual([]);
      await bench.advance(61_000);
      expect(await dueFor(store, id)).toEqual(["w 1"]);
      await store.polls.claim(PLACE, 2, id);
      await store.polls.finish(PLACE, 3, END);
      expect(await store.polls.hurry(PLACE)).toBe(true);
      expect(await dueFor(store, id)).toEqual(["w 1"]);
    },
  );

  rule("are held by one worker, until it has ended or is dead", async (bench) => {
    const { store, second } = bench;
    await save(store, document(SOURCE));
    const [one, other] = [await worker(store), await worker(store)];
    const claims = await Promise.all(
      [store, second, store, second].map(({ polls }) => polls.claim(PLACE, 0, one)),
    );
    expect(claims.filter(Boolean)).toHaveLength(1);
    expect(await found(store)).toMatchObject({ rev: 1, holder: one });
    expect(await dueFor(store, other)).toEqual([]);
    // Its own, that it knows nothing of any more.
    expect(await dueFor(store, one)).toEqual(["w 1"]);
    await store.polls.setPaused(PLACE, true);
    await store.polls.setPaused(PLACE, false);
    await store.deregister(one);
    expect(await dueFor(store, other)).toEqual(["w 1"]);
    expect(await store.polls.claim(PLACE, 1, other)).toBe(true);
    // What the first one has found comes too late.
    expect(await store.polls.finish(PLACE, 1, END)).toBe(false);
    expect(await store.polls.seen(await found(store), ["a"])).toEqual(new Set());
    expect(await store.polls.finish(PLACE, 2, END)).toBe(true);
    expect(await store.polls.finish(PLACE, 3, END)).toBe(false);
    await store.polls.claim(PLACE, 3, "never registered");
    await bench.advance(61_000);
    expect(await dueFor(store, other)).toEqual(["w 1"]);
  });
}

function itemRules({ rule, expect }: Kit): void {
  rule("keep cursor, error and items of one end together", async ({ store }) => {
    await save(store, document(SOURCE));
    const id = await worker(store);
    await store.polls.claim(PLACE, 0, id);
    const refusal = { item: "b", error: "no", at: 5 };
    await store.polls.finish(PLACE, 1, { ...END, lastRefusal: refusal });
    const live = await found(store);
    const { stage, cursor, failures, lastItems, lastError } = END;
    expect(live).toMatchObject({ stage, cursor, failures, lastItems, lastError, lastRefusal: refusal });
    expect(live).toMatchObject({ rev: 2, holder: null });
    expect(live.lastAt).toBe(live.dueAt - END.delayMs);
    expect(await store.polls.seen(live, ["a", "b", "c", "__proto__"])).toEqual(new Set(["a", "b"]));
    expect(await store.polls.seen({ ...live, workspace: "elsewhere" }, ["a"])).toEqual(new Set());

    await store.polls.claim(PLACE, 2, id);
    const failed = { ...END, succeeded: false, seen: [], failures: 3, lastError: "away", cursor: null };
    await store.polls.finish(PLACE, 3, failed);
    expect(await found(store)).toMatchObject({ failures: 3, lastError: "away", lastAt: live.lastAt });
    expect(await store.polls.seen(live, ["a"])).toEqual(new Set(["a"]));
  });

  rule("forget what was seen long ago, what is too much, and what is of another series", async (bench) => {
    const { store } = bench;
    await save(store, document(SOURCE));
    const id = await worker(store);
    const see = async (...seen: string[]): Promise<void> => {
      const { rev } = await found(store);
      await store.polls.claim(PLACE, rev, id);
      await store.polls.finish(PLACE, rev + 1, { ...END, seen });
    };
    const DAY = 86_400_000;
    await see("a", "b");
    await bench.advance(2 * DAY);
    await see("b", "c", "d", "e");
    const record = await found(store);
    const known = async () => [...(await store.polls.seen(record, ["a", "b", "c", "d", "e"]))].sort();
    expect(await store.polls.expire({ olderThanMs: 3 * DAY, most: 10 })).toBe(0);
    expect(await store.polls.expire({ olderThanMs: DAY, most: 10 })).toBe(1);
    expect(await known()).toEqual(["b", "c", "d", "e"]);
    expect(await store.polls.expire({ olderThanMs: DAY, most: 3 })).toBe(1);
    expect(await known()).toEqual(["c", "d", "e"]);
    await save(store, document({ ...SOURCE, action: "mail.all" }));
    expect(await store.polls.expire({ olderThanMs: DAY, most: 3 })).toBe(3);
    expect(await known()).toEqual([]);
  });
}
