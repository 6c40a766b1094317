/** A run that goes on with another version of its workflow. */
import { change, loaded, move, newId, newRun, row, start, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

export function versionRules({ describe, rule, expect }: Kit): void {
  describe("versions of a run", () => {
    rule(
      "a commit changes the run's version, and everything reads the new one",
      async ({ store, second }) => {
        const id = newId();
        const failed = row("a", { status: "failed", fence: 1, attempt: 1, failure: "open" });
        await store.commit([start(id, { start: newRun({ version: 2 }), nodes: [failed], deadLetters: 1 })]);
        const again = change("a", { fence: 2 });
        const [verdict] = await store.commit([move(id, 1, { version: 5, nodes: [again] })]);
        expect(verdict).toEqual({ type: "committed", seq: 2 });
        expect((await loaded(second, id)).header).toMatchObject({ version: 5, seq: 2 });
        expect((await second.run(WORKSPACE, id))!.header.version).toBe(5);
        const { items } = await second.deadLetters({ workspace: WORKSPACE, runId: id, limit: 10 });
        expect(items).toMatchObject([{ version: 5, resolution: "redriven" }]);
        expect(await second.undispatched(10)).toMatchObject([{ runId: id, node: "a", version: 5 }]);
      },
    );

    rule("only of the run that says so, in a batch of many", async ({ store }) => {
      const ids = Array.from({ length: 5 }, newId);
      await store.commit(ids.map((id) => start(id)));
      const fresh = newId();
      await store.commit([
        ...ids.map((id, index) => move(id, 1, index % 2 === 0 ? { version: 10 + index } : {})),
        start(fresh, { start: newRun({ version: 7 }) }),
      ]);
      const versions = await Promise.all([...ids, fresh].map((id) => loaded(store, id)));
      expect(versions.map(({ header }) => header.version)).toEqual([10, 1, 12, 1, 14, 7]);
    });

    rule(
      "stays as it is where the entry is refused, and where the next one says nothing",
      async ({ store }) => {
        const id = newId();
        await store.commit([start(id)]);
        const verdicts = await store.commit([move(id, 0, { version: 3 })]);
        expect(verdicts).toEqual([{ type: "moved" }]);
        expect((await loaded(store, id)).header.version).toBe(1);
        await store.commitLocked({ runId: id }, () => Promise.resolve(move(id, 1, { version: 3 })));
        await store.commit([move(id, 2)]);
        expect((await loaded(store, id)).header).toMatchObject({ version: 3, seq: 3 });
      },
    );
  });
}
