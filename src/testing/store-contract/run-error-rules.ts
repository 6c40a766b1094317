/** Runs, found by what their errors say. */
import type { ErrorRecord } from "../../core/run/event.ts";
import type { CommitEntry } from "../../core/ports/commit.ts";
import type { RunFilter, Store } from "../../core/ports/store.ts";
import { attempt, change, move, moved, newId, newRun, row, start, stored, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";
import { at, claim, dead, mapped } from "./map-entries.ts";

const NOT_FOUND: ErrorRecord = { class: "http", message: "Order 17 was not found" };

async function found(
  store: Store,
  error: string,
  filter: Partial<RunFilter> = {},
): Promise<readonly string[]> {
  const { items } = await store.runs({ workspace: WORKSPACE, limit: 100, error, ...filter });
  return items.map(({ id }) => id);
}

/** A run with a failed attempt that ended so. */
function failing(store: Store, error: ErrorRecord, changes: Partial<CommitEntry> = {}): Promise<string> {
  return stored(store, { nodes: [row("a")], attempts: [attempt("a", { error })], ...changes });
}

export function runErrorRules(kit: Kit): void {
  kit.describe("runs by their errors", () => {
    placeRules(kit);
    textRules(kit);
    filterRules(kit);
  });
}

function placeRules({ rule, expect }: Kit): void {
  rule("of failed attempts, whatever became of the node afterwards", async ({ store, second }) => {
    const id = await failing(store, NOT_FOUND);
    await stored(store, { nodes: [row("a")] });
    await failing(store, { class: "network", message: "connect ECONNREFUSED" });
    expect(await found(second, "was not found")).toEqual([id]);
    const done = change("a", { status: "succeeded", outcome: "success", output: 1 });
    await moved(store, move(id, 1, { status: "succeeded", finished: true, nodes: [done] }));
    expect(await found(second, "was not found")).toEqual([id]);
  });

  rule("of dead letters without an attempt, open or resolved", async ({ store }) => {
    const open = { status: "failed", failure: "open", fence: 1, attempt: 0 } as const;
    const error = { class: "expression", message: "no such key: total" };
    const id = await stored(store, { deadLetters: 1, nodes: [row("a", { ...open, error })] });
    expect(await found(store, "no such key")).toEqual([id]);
    await moved(store, move(id, 1, { nodes: [change("a", { ...open, failure: "discarded" })] }));
    expect(await found(store, "no such key")).toEqual([id]);
  });

  rule("of items of a map whose errors are no text of PostgreSQL, either", async ({ store }) => {
    const id = await mapped(store);
    await claim(store, id);
    const odd = { class: "E\0", message: "no \0 address \ud800" };
    await store.finishItems(at(id), [dead(1, { error: odd, attemptError: odd })]);
    expect(await found(store, "no \ufffd address \ufffd")).toEqual([id]);
    expect(await store.deadLetters({ workspace: WORKSPACE, limit: 9 })).toMatchObject({
      items: [{ error: { class: "E\ufffd", message: "no \ufffd address \ufffd" } }],
    });
  });

  rule("of items of a map", async ({ store }) => {
    const id = await mapped(store);
    await claim(store, id);
    const refused = { class: "PermanentError", message: "Contact 1 has no address" };
    const results = [dead(1, { error: refused, attemptError: refused })];
    await store.finishItems(at(id), results);
    expect(await found(store, "no address")).toEqual([id]);
    expect(await found(store, "502")).toEqual([]);
  });

  rule("a run comes once, however many of its errors say so", async ({ store }) => {
    const attempts = [1, 2, 3].map((n) => attempt("a", { attempt: n, error: NOT_FOUND }));
    const id = await failing(store, NOT_FOUND, { attempts });
    expect(await found(store, "not found")).toEqual([id]);
  });
}

function textRules({ rule, expect }: Kit): void {
  rule("by class, code and message, and by nothing else that the error has", async ({ store }) => {
    const error = {
      class: "network",
      code: "ECONNREFUSED",
      message: "fetch failed",
      status: 503,
      note: "x-ray",
    };
    const id = await failing(store, error);
    for (const text of ["network", "ECONNREFUSED", "fetch failed", "etch fai"])
      expect([text, await found(store, text)]).toEqual([text, [id]]);
    for (const text of ["x-ray", "503", "message", "networkECONN", "network ECONNREFUSED", '"'])
      expect([text, await found(store, text)]).toEqual([text, []]);
  });

  rule("whatever the case", async ({ store }) => {
    const id = await failing(store, NOT_FOUND);
    expect(await found(store, "ORDER 17 Was")).toEqual([id]);
    expect(await found(store, "HTTP")).toEqual([id]);
  });

  rule("no character has a meaning of its own", async ({ store }) => {
    const plain = await failing(store, { class: "E", message: "100 percent of a b c" });
    const mean = String.raw`50% of a_b\c 'quoted' "too" (.*) [x] $1 {{ a }} ü 😀`;
    const odd = await failing(store, { class: "E", message: mean });
    for (const text of ["%", "_", "\\", "a_b", "'", '"', "(.*)", "[x]", "$1", "{{ a }}", "ü", "😀", mean])
      expect([text, await found(store, text)]).toEqual([text, [odd]]);
    for (const text of ["5%f", "a__b", ".*c", "' or true --"])
      expect([text, await found(store, text)]).toEqual([text, []]);
    expect(await found(store, "percent of")).toEqual([plain]);
  });

  rule("an error that is no text of PostgreSQL hides neither itself nor others", async ({ store }) => {
    const broken = await failing(store, { class: "E", message: "a\0b \ud800 \\u0000 end" });
    const after = await failing(store, { class: "E\0", message: "\\\u0000\u0000 end" });
    expect((await found(store, "end")).toSorted()).toEqual([broken, after].toSorted());
    expect(await found(store, String.raw`\u0000 end`)).toEqual([broken]);
  });
}

function filterRules({ rule, expect }: Kit): void {
  rule("together with every other part of the filter, page by page", async ({ store, advance }) => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      ids.unshift(await failing(store, NOT_FOUND));
      await stored(store);
      await advance(10);
    }
    const elsewhere = newRun({ workflow: "other", labels: { team: "a" } });
    const other = await failing(store, NOT_FOUND, { start: elsewhere, status: "failed" });
    expect(await found(store, "not found", { workflow: "other" })).toEqual([other]);
    expect(await found(store, "not found", { status: ["failed"] })).toEqual([other]);
    expect(await found(store, "not found", { labels: { team: "a" } })).toEqual([other]);
    expect(await found(store, "not found", { labels: { team: "b" } })).toEqual([]);
    const filter = { workspace: WORKSPACE, workflow: "checkout", error: "not found", limit: 2 };
    const pages: string[] = [];
    let cursor: string | null | undefined;
    for (let page = 0; cursor !== null && page < 5; page++) {
      const { items, cursor: next } = await store.runs({ ...filter, ...(cursor ? { cursor } : {}) });
      pages.push(...items.map(({ id }) => id));
      cursor = next;
    }
    expect(pages).toEqual(ids);
  });

  rule("also behind many that have none", async ({ store, advance }) => {
    const ids: string[] = [];
    for (let old = 0; old < 2; old++) {
      ids.unshift(await failing(store, NOT_FOUND));
      await advance(10);
    }
    await store.commit(Array.from({ length: 200 }, () => start(newId())));
    const first = await store.runs({ workspace: WORKSPACE, error: "not found", limit: 1 });
    expect(first.items.map(({ id }) => id)).toEqual([ids[0]]);
    await advance(10);
    const newest = await failing(store, NOT_FOUND);
    expect(await found(store, "not found", { limit: 2 })).toEqual([newest, ids[0]]);
    const cursor = first.cursor!;
    expect(await found(store, "not found", { limit: 1, cursor })).toEqual([ids[1]]);
  });

  rule("only of its own workspace", async ({ store }) => {
    const theirs = await failing(store, NOT_FOUND, { start: newRun({ workspace: "other" }) });
    const open = { status: "failed", failure: "open", fence: 1, error: NOT_FOUND } as const;
    await moved(store, move(theirs, 1, { deadLetters: 1, nodes: [change("a", open)] }));
    expect(await found(store, "not found")).toEqual([]);
    expect(await found(store, "not found", { workspace: "other" })).toEqual([theirs]);
  });
}
