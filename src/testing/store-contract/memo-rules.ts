/** Memos: what parts of an action gave, written under the fence of the node run. */
import type { MemoRef } from "../../core/ports/memos.ts";
import { change, newId, running, setRow, stored } from "./entries.ts";
import type { Kit } from "./kit.ts";

const at = (runId: string, changes: Partial<MemoRef> = {}): MemoRef => ({
  runId,
  node: "a",
  item: -1,
  fence: 1,
  generation: 0,
  ...changes,
});

export function memoRules({ describe, rule, expect }: Kit): void {
  describe("memos", () => {
    rule("are there for every later attempt, the newest value of each name", async ({ store, second }) => {
      const id = await stored(store, { nodes: [running("a", "w"), running("b", "w")] });
      expect(await store.memos(at(id))).toEqual(new Map());
      for (const [name, value] of [
        ["one", { n: 1 }],
        ["", null],
        ["one", [2]],
      ] as const) {
        expect(await store.saveMemo(at(id), name, value as never)).toBe(true);
      }
      expect(await second.memos(at(id, { fence: 9 }))).toEqual(
        new Map<string, unknown>([
          ["one", [2]],
          ["", null],
        ]),
      );
      expect(await store.memos(at(id, { node: "b" }))).toEqual(new Map());
      expect(await store.memos(at(id, { generation: 1 }))).toEqual(new Map());
      expect(await store.memos(at(newId()))).toEqual(new Map());
    });

    rule("are refused under another fence, and where nothing runs", async ({ store, second }) => {
      const id = await stored(store, { nodes: [running("a", "w")] });
      for (const wrong of [{ fence: 0 }, { fence: 2 }, { generation: 1 }, { node: "b" }, { item: 3 }]) {
        expect(await second.saveMemo(at(id, wrong), "x", 1)).toBe(false);
      }
      expect(await store.saveMemo(at(newId()), "x", 1)).toBe(false);
      await setRow(store, id, change("a", { status: "running", worker: "v", fence: 2, attempt: 1 }));
      expect(await store.saveMemo(at(id), "x", "old")).toBe(false);
      expect(await store.saveMemo(at(id, { fence: 2 }), "x", "new")).toBe(true);
      await setRow(store, id, change("a", { status: "succeeded", fence: 2, attempt: 1 }));
      expect(await store.saveMemo(at(id, { fence: 2 }), "x", "late")).toBe(false);
      expect(await store.memos(at(id))).toEqual(new Map([["x", "new"]]));
    });
  });
}
