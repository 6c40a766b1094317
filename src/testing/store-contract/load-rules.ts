/** Loading: what was asked for, in the order in which it was asked. */
import { change, loaded, message, move, moved, newId, newRun, row, running, stored } from "./entries.ts";
import { byText, type Kit } from "./kit.ts";

export function loadRules({ rule, expect, describe }: Kit): void {
  describe("load", () => {
    rule("answers in the order of the requests, with `null` for what is not there", async ({ store }) => {
      const ids = [await stored(store), newId(), await stored(store), await stored(store)];
      const asked = [3, 1, 0, 2, 0, 1].map((place) => ids[place]!);
      const runs = await store.load(asked.map((runId) => ({ runId })));
      expect(runs.map((run) => run?.header.id ?? null)).toEqual(
        asked.map((id) => (id === ids[1] ? null : id)),
      );
      expect(await store.load([])).toEqual([]);
    });

    rule("`since`: only rows that changed after it", async ({ store }) => {
      const id = await stored(store, { nodes: [row("a"), row("b")] });
      await moved(store, move(id, 1, { nodes: [change("b", {}), row("c")] }));
      await moved(store, move(id, 2));
      await moved(store, move(id, 3, { nodes: [change("c", {})] }));
      const since = async (seq: number): Promise<string> => {
        const [run] = await store.load([{ runId: id, since: seq }]);
        expect(run?.header.seq).toBe(4);
        return (run?.nodes ?? [])
          .map(({ node }) => node)
          .sort()
          .join("");
      };
      const seqs = [0, 1, 2, 3, 4, 5, Number.MAX_SAFE_INTEGER];
      expect(await Promise.all(seqs.map(since))).toEqual(["abc", "bc", "c", "c", "", "", ""]);
    });

    rule("requests of one call are independent", async ({ store }) => {
      const start = newRun({ input: 1, triggerPayload: 2 });
      const id = await stored(store, { start, nodes: [row("a", { output: 3 }), row("b", { output: 4 })] });
      const runs = await store.load([
        { runId: id, withInput: true },
        { runId: id, since: 1, outputs: ["b", "none", "b"] },
        { runId: id, outputs: ["a", "b"], withInput: false },
      ]);
      expect(runs.map((run) => run?.nodes.length)).toEqual([2, 0, 2]);
      expect(runs.map((run) => [run?.input, run?.triggerPayload])).toEqual([
        [1, 2],
        [undefined, undefined],
        [undefined, undefined],
      ]);
      expect(runs.map((run) => [...(run?.outputs ?? [])].sort(byText))).toEqual([
        [],
        [["b", 4]],
        [
          ["a", 3],
          ["b", 4],
        ],
      ]);
    });

    rule("the output of the run, where it has one", async ({ store }) => {
      const start = await stored(store);
      const ended = await stored(store);
      await moved(store, move(ended, 1, { status: "succeeded", finished: true, output: { n: 1 } }));
      const runs = await store.load([
        { runId: start, withOutput: true },
        { runId: ended, withOutput: true },
        { runId: ended },
      ]);
      expect(runs.map((run) => run?.output)).toEqual([undefined, { n: 1 }, undefined]);
    });

    rule("outputs hold what exists, `null` among it", async ({ store }) => {
      const id = await stored(store, {
        nodes: [row("none"), row("null", { output: null }), row("zero", { output: 0 })],
      });
      const [run] = await store.load([{ runId: id, outputs: ["zero", "none", "null"] }]);
      expect(new Map(run?.outputs)).toEqual(
        new Map([
          ["null", null],
          ["zero", 0],
        ]),
      );
    });

    rule("messages come with every load, whatever `since` is", async ({ store }) => {
      const id = await stored(store);
      await store.append([message(id, "m")]);
      const [run] = await store.load([{ runId: id, since: 1_000 }]);
      expect(run?.inbox.map((found) => found.id)).toEqual(["m"]);
    });

    rule("many runs at once", async ({ store }) => {
      const ids = await Promise.all(
        Array.from({ length: 200 }, (_, i) => stored(store, { nodes: [row("n", { fence: i })] })),
      );
      const runs = await store.load(ids.map((runId) => ({ runId })));
      expect(runs.map((run) => [run?.header.id, run?.nodes[0]?.fence])).toEqual(ids.map((id, i) => [id, i]));
    });
  });

  describe("inputs", () => {
    rule("come in the order of the references", async ({ store }) => {
      const nodes = [
        running("a", "w", { input: "a" }),
        running("a", "w", { item: 0, input: "a0" }),
        running("b", "w"),
      ];
      const one = await stored(store, { nodes });
      const two = await stored(store, { nodes: [running("a", "w", { input: null })] });
      const ref = (runId: string, node: string, item = -1): Parameters<typeof store.inputs>[0][number] => {
        return { runId, node, item, fence: 1 };
      };
      const refs = [
        ref(two, "a"),
        ref(one, "a", 0),
        ref(one, "b"),
        ref(newId(), "a"),
        ref(one, "x"),
        ref(one, "a"),
        ref(one, "a", 0),
      ];
      expect(await store.inputs(refs)).toEqual([null, "a0", undefined, undefined, undefined, "a", "a0"]);
      expect(await store.inputs([])).toEqual([]);
      expect((await loaded(store, one)).nodes.map(({ item }) => item)).toEqual([-1, -1]);
    });
  });
}
