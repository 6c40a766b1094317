/** Dead letters: opened and resolved with the rows of their node runs, found by people. */
import type { DeadLetter } from "../../core/ports/dead-letter.ts";
import type { NodeWrite } from "../../core/ports/commit.ts";
import type { Store } from "../../core/ports/store.ts";
import {
  attempt,
  change,
  message,
  move,
  moved,
  newRun,
  row,
  running,
  start,
  stored,
  WORKSPACE,
} from "./entries.ts";
import type { Kit } from "./kit.ts";

const error = { class: "http", message: "502" };
const dead: Partial<NodeWrite> = { status: "failed", failure: "open", fence: 1, attempt: 1, error };

async function letters(store: Store, changes: object = {}): Promise<readonly DeadLetter[]> {
  return (await store.deadLetters({ workspace: WORKSPACE, limit: 100, ...changes })).items;
}

export function deadLetterRules(kit: Kit): void {
  kit.describe("dead letters: opened and resolved", () => lifeRules(kit));
  kit.describe("dead letters: lists and groups", () => listRules(kit));
  kit.describe("edited inputs", () => editRules(kit));
}

function lifeRules({ rule, expect }: Kit): void {
  rule(
    "one is opened by a row that gives up, in a start as in a move",
    async ({ store, second, advance }) => {
      const write = row("a", { ...dead, input: { n: 1 }, fingerprint: "f1" });
      const id = await stored(store, { deadLetters: 1, nodes: [write, row("b")] });
      await advance(5);
      await moved(
        store,
        move(id, 1, { deadLetters: 2, nodes: [change("b", { ...dead, fingerprint: "f2" })] }),
      );
      const [b, a] = await letters(second);
      expect(a).toMatchObject({
        runId: id,
        workspace: WORKSPACE,
        workflow: "checkout",
        version: 1,
        node: "a",
        item: -1,
        fence: 1,
        generation: 0,
        attempts: 1,
        fingerprint: "f1",
        error,
        input: { n: 1 },
        resolvedAt: null,
        resolution: null,
        resolvedBy: null,
        resolutionId: null,
      });
      expect(b).toMatchObject({ node: "b", fingerprint: "f2", input: undefined });
      expect(b!.openedAt).toBeGreaterThanOrEqual(a!.openedAt + 5);
    },
  );

  rule("what stays as it is opens nothing more", async ({ store }) => {
    const id = await stored(store, { deadLetters: 1, nodes: [row("a", dead)] });
    await moved(store, move(id, 1, { deadLetters: 1, nodes: [change("a", { ...dead, losses: 1 })] }));
    expect(await letters(store)).toHaveLength(1);
  });

  rule("is resolved by what becomes of its row, once, by whom it says", async ({ store }) => {
    const nodes = ["a", "b", "c"].map((node) => row(node, dead));
    const id = await stored(store, { deadLetters: 3, nodes });
    const resolution = { id: "m1", by: "Ada" };
    await moved(
      store,
      move(id, 1, {
        nodes: [
          change("a", { status: "succeeded", fence: 1, resolution }),
          change("b", { ...dead, failure: "discarded", resolution: { id: "m2", by: null } }),
          change("c", { fence: 2 }),
        ],
      }),
    );
    const found = new Map((await letters(store)).map((letter) => [letter.node, letter]));
    expect(found.get("a")).toMatchObject({ resolution: "completed", resolvedBy: "Ada", resolutionId: "m1" });
    expect(found.get("b")).toMatchObject({ resolution: "discarded", resolvedBy: null, resolutionId: "m2" });
    expect(found.get("c")).toMatchObject({ resolution: "redriven", resolvedBy: null, resolutionId: null });
    for (const { resolvedAt, openedAt } of found.values())
      expect(resolvedAt).toBeGreaterThanOrEqual(openedAt);
    await moved(store, move(id, 2, { nodes: [change("c", { ...dead, fence: 3, generation: 1 })] }));
    const [again] = await letters(store, { open: true });
    expect(again).toMatchObject({ node: "c", fence: 3, generation: 1 });
  });

  rule("given up again in the commit that redrives it, it is another one", async ({ store }) => {
    const id = await stored(store, { deadLetters: 1, nodes: [row("a", dead)] });
    const write = change("a", { ...dead, fence: 3, fingerprint: "f2", resolution: { id: "m", by: "Ada" } });
    await moved(store, move(id, 1, { deadLetters: 1, nodes: [write] }));
    const [second, first] = await letters(store);
    expect(first).toMatchObject({ fence: 1, resolution: "redriven", resolutionId: "m", resolvedBy: "Ada" });
    expect(second).toMatchObject({ fence: 3, resolution: null, resolutionId: null, fingerprint: "f2" });
  });

  rule("what is refused opens and resolves nothing", async ({ store }) => {
    const id = await stored(store, { deadLetters: 1, nodes: [row("a", dead), row("b")] });
    const nodes = [change("a", { fence: 2 }), change("b", dead)];
    expect(await store.commit([move(id, 7, { nodes })])).toEqual([{ type: "moved" }]);
    expect(await letters(store)).toMatchObject([{ node: "a", resolvedAt: null }]);
  });

  rule("a run at rest takes orders for them, one without any does not", async ({ store }) => {
    const rest = { status: "failed", finished: true } as const;
    const [id, done] = [await stored(store, { ...rest, deadLetters: 1 }), await stored(store, rest)];
    const target = { node: "a", item: -1, fence: 1, by: null };
    const orders = [
      { kind: "redrive", newKey: false, input: null, ...target },
      { kind: "complete", output: 1, outcome: "else", ...target },
      { kind: "discard", ...target },
    ] as const;
    const sent = orders.map((body) => message(id, body.kind, body));
    expect(await store.append(sent)).toEqual(["stored", "stored", "stored"]);
    expect(await store.append([message(done, "d", orders[2])])).toEqual(["finished_run"]);
    const [run] = await store.load([{ runId: id }]);
    expect(run!.inbox.map(({ body }) => body)).toEqual(orders);
  });

  rule("the first attempt is the first with the same key", async ({ store, advance }) => {
    const id = await stored(store, { nodes: [running("a", "w")] });
    const began = (await store.load([{ runId: id }]))[0]!.nodes[0]!.startedAt;
    await advance(1_000);
    await moved(store, move(id, 1, { deadLetters: 1, nodes: [change("a", dead)], attempts: [attempt("a")] }));
    expect((await letters(store))[0]!.firstAttemptAt).toBe(began);
    const again = { worker: "w", status: "running", attempt: 1, fence: 3, generation: 1 } as const;
    await moved(store, move(id, 2, { nodes: [change("a", again)] }));
    await advance(1_000);
    const nodes = [change("a", { ...dead, fence: 3, generation: 1 })];
    await moved(store, move(id, 3, { deadLetters: 1, nodes, attempts: [attempt("a", { fence: 3 })] }));
    const [newest, oldest] = await letters(store);
    expect(oldest!.firstAttemptAt).toBe(began);
    expect(newest!.firstAttemptAt).toBeGreaterThanOrEqual(began! + 1_000);
  });
}

function listRules({ rule, expect }: Kit): void {
  rule("newest first, page by page", async ({ store, advance }) => {
    for (let i = 0; i < 5; i++) {
      await stored(store, { deadLetters: 1, nodes: [row(`n${i}`, dead)] });
      if (i % 2 === 0) await advance(10);
    }
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await store.deadLetters({ workspace: WORKSPACE, limit: 2, ...(cursor ? { cursor } : {}) });
      seen.push(...page.items.map(({ node }) => node));
      cursor = page.cursor;
    }
    expect(seen).toEqual(["n4", "n3", "n2", "n1", "n0"]);
    for (const wrong of [{ limit: 0 }, { limit: 1_001 }, { limit: 1, cursor: "x" }])
      await expect(store.deadLetters({ workspace: WORKSPACE, ...wrong })).rejects.toMatchObject({
        code: "option_invalid",
      });
  });

  rule("every part of the filter must fit", async ({ store, advance }) => {
    const other = { class: "timeout", message: "late" };
    const first = await stored(store, { deadLetters: 1, nodes: [row("a", { ...dead, fingerprint: "f" })] });
    await advance(100);
    const between = await store.now();
    await advance(100);
    const nodes = [row("b", { ...dead, error: other })];
    const second = await stored(store, { start: newRun({ workflow: "ship" }), deadLetters: 1, nodes });
    await stored(store, { start: newRun({ workspace: "other" }), deadLetters: 1, nodes });
    const found = async (filter: object): Promise<string> =>
      (await letters(store, filter)).map(({ node }) => node).join("");
    const [{ id }] = (await letters(store, { node: "a" })) as [DeadLetter];
    for (const [filter, expected] of [
      [{}, "ba"],
      [{ ids: [id] }, "a"],
      [{ ids: [id, "no id"] }, "a"],
      [{ ids: ["no id"] }, ""],
      [{ ids: [] }, ""],
      [{ runId: second }, "b"],
      [{ runId: "no uuid" }, ""],
      [{ workflow: "checkout" }, "a"],
      [{ node: "b" }, "b"],
      [{ errorClass: "timeout" }, "b"],
      [{ fingerprint: "f" }, "a"],
      [{ openedAfter: between }, "b"],
      [{ openedBefore: between }, "a"],
      [{ open: true }, "ba"],
      [{ open: false }, ""],
      [{ node: "a", errorClass: "timeout" }, ""],
      [{ ids: [id], workspace: "other" }, ""],
    ] as const)
      expect([filter, await found(filter)]).toEqual([filter, expected]);
    await moved(store, move(first, 1, { nodes: [change("a", { fence: 2 })] }));
    expect([await found({ open: true }), await found({ open: false })]).toEqual(["b", "a"]);
  });

  rule(
    "groups count what has the same workflow and fingerprint, the largest first",
    async ({ store, advance }) => {
      const begin = await store.now();
      const put = async (fingerprint: string, text: string, workflow = "checkout"): Promise<void> => {
        const write = row("a", { ...dead, error: { class: "http", message: text }, fingerprint });
        await stored(store, { start: newRun({ workflow }), deadLetters: 1, nodes: [write] });
        await advance(10);
      };
      for (const [print, text] of [
        ["f", "1"],
        ["g", "2"],
        ["f", "3"],
      ] as const)
        await put(print, text);
      await put("f", "4", "ship");
      await put("g", "5");
      await put("f", "6");
      const groups = await store.deadLetterGroups({ workspace: WORKSPACE, open: true });
      expect(
        groups.map(({ workflow, fingerprint, count, message: last }) => [workflow, fingerprint, count, last]),
      ).toEqual([
        ["checkout", "f", 3, "6"],
        ["checkout", "g", 2, "5"],
        ["ship", "f", 1, "4"],
      ]);
      expect(groups[0]).toMatchObject({ node: "a", errorClass: "http" });
      expect(groups[0]!.firstAt).toBeGreaterThanOrEqual(begin);
      expect(groups[0]!.lastAt).toBeGreaterThanOrEqual(groups[0]!.firstAt + 50);
      expect(await store.deadLetterGroups({ workspace: WORKSPACE, open: false })).toEqual([]);
      // What is no text of PostgreSQL must not keep a failure from being told.
      await put("g", "a\0b \ud800", "odd");
      const [odd] = await store.deadLetterGroups({ workspace: WORKSPACE, workflow: "odd" });
      expect(odd).toMatchObject({ count: 1, message: "a\ufffdb \ufffd" });
      expect(await store.deadLetterGroups({ workspace: WORKSPACE, ids: ["x"] })).toEqual([]);
    },
  );
}

function editRules({ rule, expect }: Kit): void {
  rule("a row says that its input was given by hand", async ({ store }) => {
    const id = await stored(store, { nodes: [row("a"), row("b", { edited: "accepted", input: 1 })] });
    const nodesOf = async (): Promise<unknown> =>
      (await store.load([{ runId: id }]))[0]!.nodes
        .map(({ node, edited }) => [node, edited])
        .sort((x, y) => (String(x) < String(y) ? -1 : 1));
    expect(await nodesOf()).toEqual([
      ["a", null],
      ["b", "accepted"],
    ]);
    await moved(store, move(id, 1, { nodes: [change("a", { edited: "given", input: 2 }), change("b", {})] }));
    expect(await nodesOf()).toEqual([
      ["a", "given"],
      ["b", null],
    ]);
    expect(await store.commit([start(id)])).toEqual([{ type: "moved" }]);
  });
}
