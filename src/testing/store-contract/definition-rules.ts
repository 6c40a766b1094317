/** Versions of workflows, and lists of runs. */
import type { WorkflowDocument } from "../../core/definition/document.ts";
import { loaded, move, moved, newRun, newId, stored, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

function document(name: string, description = ""): WorkflowDocument {
  return { format: 1, name, description, nodes: { a: { kind: "action", action: "x" } }, edges: [] };
}

export function definitionRules(kit: Kit): void {
  kit.describe("workflow versions", () => versionRules(kit));
  kit.describe("lists of runs", () => listRules(kit));
}

function versionRules({ rule, expect }: Kit): void {
  rule("count from 1; a known checksum is the version that it was", async ({ store, second }) => {
    const first = await store.saveWorkflow(WORKSPACE, document("w", "one"), "c1");
    expect(first).toMatchObject({ workspace: WORKSPACE, name: "w", version: 1, checksum: "c1" });
    expect(first.document).toEqual(document("w", "one"));
    expect((await store.saveWorkflow(WORKSPACE, document("w", "two"), "c2")).version).toBe(2);
    const again = await second.saveWorkflow(WORKSPACE, document("w", "one"), "c1");
    expect(again).toEqual(first);
    expect((await store.workflow(WORKSPACE, "w"))?.version).toBe(2);
    expect((await store.workflow(WORKSPACE, "w", 1))?.document).toEqual(document("w", "one"));
    const { version, checksum, createdAt } = first;
    expect(await store.versionHead(WORKSPACE, "w", 1)).toEqual({ version, checksum, createdAt });
    expect(await store.versionHead(WORKSPACE, "w")).toMatchObject({ version: 2, checksum: "c2" });
    expect((await store.workflowVersions(WORKSPACE, "w")).map(({ version }) => version)).toEqual([2, 1]);
  });

  rule("many processes save at once: one version each, no gap", async ({ store, second }) => {
    const saves = Array.from({ length: 30 }, (_, n) =>
      (n % 2 ? store : second).saveWorkflow(WORKSPACE, document("w", `${n % 5}`), `c${n % 5}`),
    );
    const versions = (await Promise.all(saves)).map(({ version }) => version);
    expect([...new Set(versions)].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
    expect(await store.workflowVersions(WORKSPACE, "w")).toHaveLength(5);
  });

  rule("workspaces know nothing of each other; names come in the order of code points", async ({ store }) => {
    for (const name of ["b", "a", "Z", "ä", "a2"]) await store.saveWorkflow(WORKSPACE, document(name), "c");
    await store.saveWorkflow("other", document("a"), "c");
    await store.saveWorkflow(WORKSPACE, document("a", "new"), "c2");
    const found = await store.workflows(WORKSPACE);
    expect(found.map(({ name, version }) => `${name}${version}`)).toEqual(["Z1", "a2", "a21", "b1", "ä1"]);
    expect((await store.workflows("other")).map(({ version }) => version)).toEqual([1]);
    expect(await store.workflow("nobody", "a")).toBeNull();
    expect(await store.workflow(WORKSPACE, "a", 3)).toBeNull();
    expect(await store.workflow(WORKSPACE, "none")).toBeNull();
    expect(await store.versionHead(WORKSPACE, "a", 3)).toBeNull();
    expect(await store.versionHead("nobody", "a")).toBeNull();
    expect(await store.workflowVersions(WORKSPACE, "none")).toEqual([]);
    expect(await store.workflows("nobody")).toEqual([]);
  });
}

function listRules({ rule, expect }: Kit): void {
  rule("newest first, page by page, without a gap or a repetition", async ({ store, advance }) => {
    const ids: string[] = [];
    for (let n = 0; n < 7; n++) {
      ids.unshift(await stored(store));
      // Some of the same millisecond.
      if (n % 2) await advance(10);
    }
    const whole = await store.runs({ workspace: WORKSPACE, limit: 100 });
    expect(whole.items.map(({ id }) => id).sort()).toEqual([...ids].sort());
    const newestFirst = whole.items.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
    expect(whole.items).toEqual(newestFirst);
    expect(whole.cursor).toBeNull();
    const pages: string[] = [];
    let cursor: string | null | undefined;
    for (let page = 0; cursor !== null && page < 10; page++) {
      const found = await store.runs({ workspace: WORKSPACE, limit: 3, ...(cursor ? { cursor } : {}) });
      pages.push(...found.items.map(({ id }) => id));
      cursor = found.cursor;
    }
    expect(pages).toEqual(whole.items.map(({ id }) => id));
  });

  rule("by workspace, workflow, status and time", async ({ store, advance }) => {
    const first = await stored(store);
    await advance(10_000);
    const between = (await store.now()) - 5_000;
    const done = await stored(store, { start: newRun({ workflow: "other" }) });
    await moved(store, move(done, 1, { status: "succeeded", finished: true }));
    await stored(store, { start: newRun({ workspace: "elsewhere" }) });
    const list = async (filter: object): Promise<string[]> =>
      (await store.runs({ workspace: WORKSPACE, limit: 10, ...filter })).items.map(({ id }) => id);
    expect(await list({})).toEqual([done, first]);
    expect(await list({ workflow: "checkout" })).toEqual([first]);
    expect(await list({ status: ["succeeded", "failed"] })).toEqual([done]);
    expect(await list({ status: [] })).toEqual([]);
    expect(await list({ createdAfter: between })).toEqual([done]);
    expect(await list({ createdBefore: between })).toEqual([first]);
    expect(await list({ workflow: "checkout", status: ["succeeded"] })).toEqual([]);
    const { createdAt } = (await loaded(store, done)).header;
    expect(await list({ createdAfter: createdAt })).toEqual([done]);
    expect(await list({ createdBefore: createdAt })).toEqual([first]);
    expect(await list({ createdAfter: createdAt, createdBefore: createdAt })).toEqual([]);
  });

  rule("by labels: a run has all of those that are asked for", async ({ store }) => {
    const labels = { team: "a b", "it's": "1" };
    const id = await stored(store, { start: newRun({ labels }) });
    await stored(store, { start: newRun({ labels: { team: "c" } }) });
    await stored(store);
    const found = async (asked: object): Promise<readonly string[]> => {
      const { items } = await store.runs({ workspace: WORKSPACE, labels: { ...asked }, limit: 10 });
      return items.map((run) => run.id);
    };
    expect(await found({ team: "a b" })).toEqual([id]);
    expect(await found(labels)).toEqual([id]);
    expect(await found({ ...labels, team: "c" })).toEqual([]);
    expect(await found({ other: "c" })).toEqual([]);
    expect(await found({})).toHaveLength(3);
  });

  rule("a run says which one it repeats", async ({ store }) => {
    const first = await stored(store);
    const again = await stored(store, { start: newRun({ rerunOf: first }) });
    expect((await loaded(store, again)).header.rerunOf).toBe(first);
    expect((await store.run(WORKSPACE, again))!.header.rerunOf).toBe(first);
    const { items } = await store.runs({ workspace: WORKSPACE, limit: 10 });
    expect(new Map(items.map((run) => [run.id, run.rerunOf]))).toEqual(
      new Map([
        [first, null],
        [again, first],
      ]),
    );
  });

  rule("a limit or a cursor that is none is refused", async ({ store }) => {
    const refused = { code: "option_invalid" };
    for (const limit of [0, -1, 1_001, 1.5, Number.NaN]) {
      await expect(store.runs({ workspace: WORKSPACE, limit })).rejects.toMatchObject(refused);
    }
    for (const cursor of ["", "x", "AAAA"]) {
      await expect(store.runs({ workspace: WORKSPACE, limit: 1, cursor })).rejects.toMatchObject(refused);
    }
  });

  rule("one run: everything of it, and only for its workspace", async ({ store }) => {
    const id = await stored(store, { start: newRun({ labels: { team: "a" }, input: { n: 1 } }) });
    await moved(store, move(id, 1, { status: "succeeded", finished: true, output: [1] }));
    expect(await store.run(WORKSPACE, id)).toMatchObject({
      header: { id, status: "succeeded", seq: 2, labels: { team: "a" } },
      input: { n: 1 },
      output: [1],
      nodes: [],
      attempts: [],
    });
    expect(await store.run("other", id)).toBeNull();
    expect(await store.run(WORKSPACE, newId())).toBeNull();
    expect(await store.run(WORKSPACE, "not-an-id")).toBeNull();
  });
}
