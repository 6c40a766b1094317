/** Events: stored once per id, held by one at a time, and handed on by compare-and-set. */
import {
  EVENT_KEEP_MS,
  EVENT_SHORT_MS,
  type EventChange,
  type EventProgress,
  type EventStore,
  type NewEvent,
  type Publication,
} from "../../core/ports/events.ts";
import { move, newId, newRun, start, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

const HOLD_MS = 30_000;
const REF = { workspace: WORKSPACE, id: "order 17/paid" };

function event(more: Partial<NewEvent> = {}): NewEvent {
  return {
    ...REF,
    name: "order.paid",
    payload: { order: 17, note: "a\u0000b" },
    fingerprint: "f1",
    chain: ["import", "order"],
    keepMs: EVENT_KEEP_MS,
    ...more,
  };
}

const FRESH: EventProgress = {
  stage: "waits",
  after: null,
  runs: 0,
  full: 0,
  started: 0,
  refused: 0,
  refusals: [],
  failures: 0,
};
const DONE: EventChange = { ...FRESH, stage: "done", holdMs: 0 };

/** Asks again where another one is just being stored. */
async function published(
  store: EventStore,
  given: NewEvent,
): Promise<Exclude<Publication, { readonly event: null }>> {
  for (;;) {
    const publication = await store.publish(given, HOLD_MS);
    if (publication.event !== null) return publication;
  }
}

export function eventRules({ describe, rule, expect }: Kit): void {
  describe("events", () => {
    rule(
      "of the engine's own are stored once, where a run waits for their name",
      async ({ store, second }) => {
        const start_ = { start: newRun({ workspace: WORKSPACE }), listens: ["flowforge.alert"] };
        await store.commit([start(newId(), start_)]);
        const own = {
          workspace: WORKSPACE,
          id: "flowforge.alert/1",
          payload: { a: 'b"c' },
          chain: ["import"],
        };
        const heard = { ...own, name: "flowforge.alert" };
        const others = [
          { ...own, id: "2", name: "flowforge.run.stuck" },
          { ...own, workspace: "other", name: "flowforge.alert" },
        ];
        await store.events.announce([heard, ...others]);
        await second.events.announce([{ ...heard, payload: "again" }]);
        await store.events.announce([]);
        const { items } = await store.events.page({ workspace: WORKSPACE, limit: 10 });
        expect(items.map(({ id, name, chain, stage }) => [id, name, chain, stage])).toEqual([
          ["flowforge.alert/1", "flowforge.alert", ["import"], "waits"],
        ]);
        const [due] = await store.events.due({ holdMs: HOLD_MS, limit: 10 });
        expect(due).toMatchObject({ id: "flowforge.alert/1", payload: own.payload });
        expect((await store.events.page({ workspace: "other", limit: 10 })).items).toEqual([]);
      },
    );

    rule("are stored once per workspace and id, also from two connections at once", async (bench) => {
      const both = [bench.store.events, bench.second.events];
      const given = Array.from({ length: 12 }, (_, n) => event({ fingerprint: `f${n}` }));
      const stored = await Promise.all(given.map((each, n) => published(both[n % 2]!, each)));
      const [first, ...more] = stored.filter(({ published }) => published);
      expect(more).toEqual([]);
      const { publishedAt, ...found } = first!.event;
      const { keepMs: _, ...facts } = event({ fingerprint: found.fingerprint });
      expect(found).toEqual({ ...facts, ...FRESH, rev: 0 });
      expect(Math.abs((await bench.store.now()) - publishedAt)).toBeLessThan(60_000);
      const { payload: _payload, ...record } = { ...found, payload: null };
      for (const each of stored) if (!each.published) expect(each.event).toEqual({ ...record, publishedAt });
      expect(await bench.second.events.get(REF)).toEqual({ ...record, publishedAt });
      expect(await bench.store.events.get({ ...REF, workspace: "elsewhere" })).toBeNull();
      const elsewhere = await bench.store.events.publish(event({ workspace: "elsewhere" }), HOLD_MS);
      expect(elsewhere.published).toBe(true);
    });

    rule("are found when nobody holds them any more, by one", async (bench) => {
      const { store, second } = bench;
      const due = (from = store) => from.events.due({ holdMs: HOLD_MS, limit: 10 });
      await store.events.publish(event(), HOLD_MS);
      expect(await due()).toEqual([]);
      await bench.advance(HOLD_MS + 1);
      const found = (await Promise.all([due(), due(second), due(), due(second)])).flat();
      expect(found).toEqual([{ ...(await store.events.get(REF))!, payload: event().payload }]);
      await store.events.publish(event({ id: "b" }), 0);
      await bench.advance(5);
      await store.events.publish(event({ id: "c" }), 0);
      await bench.advance(HOLD_MS + 1);
      const ids = async (limit: number) =>
        (await store.events.due({ holdMs: HOLD_MS, limit })).map(({ id }) => id);
      expect(await ids(2)).toEqual(["b", "c"]);
      expect(await ids(2)).toEqual([REF.id]);
      expect(await ids(2)).toEqual([]);
    });

    rule("are handed on by compare-and-set, and done for good; then they have no payload", async (bench) => {
      const { store, second } = bench;
      await store.events.publish(event(), HOLD_MS);
      const page = { ...FRESH, after: newId(), runs: 3, full: 1, holdMs: 0 };
      const moves = Array.from({ length: 8 }, (_, n) =>
        (n % 2 ? store : second).events.advance(REF, 0, page),
      );
      expect((await Promise.all(moves)).filter(Boolean)).toHaveLength(1);
      await bench.advance(1);
      const [held] = await store.events.due({ holdMs: HOLD_MS, limit: 1 });
      const { holdMs: _, ...progress } = page;
      expect(held).toMatchObject({ ...progress, rev: 1, payload: event().payload });

      const after = { workspace: WORKSPACE, workflow: "w", node: "paid" };
      const refusals = [{ workflow: "w", trigger: "paid", code: "input_invalid", message: "no" }];
      const next = {
        ...page,
        stage: "triggers",
        after,
        started: 2,
        refused: 1,
        refusals,
        failures: 1,
      } as const;
      expect(await store.events.advance(REF, 1, { ...next, holdMs: HOLD_MS })).toBe(true);
      const { holdMs: _hold, ...seen } = next;
      expect(await store.events.get(REF)).toMatchObject({ ...seen, rev: 2 });
      expect(await store.events.due({ holdMs: HOLD_MS, limit: 1 })).toEqual([]);
      expect(await store.events.advance(REF, 2, DONE)).toBe(true);
      expect(await store.events.advance(REF, 3, DONE)).toBe(false);
      expect(await store.events.advance({ ...REF, id: "none" }, 0, DONE)).toBe(false);
      await bench.advance(2 * HOLD_MS);
      expect(await store.events.due({ holdMs: HOLD_MS, limit: 1 })).toEqual([]);
      expect(await store.events.publish(event(), 0)).toMatchObject({ published: false, event: { rev: 3 } });
    });

    rule("hold their ids until their time is over, longer where something was refused", async (bench) => {
      const { events } = bench.store;
      const ids = ["a", "b", "c"];
      for (const id of ids) await events.publish(event({ id, keepMs: EVENT_SHORT_MS }), 0);
      await events.advance({ ...REF, id: "a" }, 0, DONE);
      await events.advance({ ...REF, id: "b" }, 0, { ...DONE, refused: 1 });
      await bench.advance(EVENT_SHORT_MS + 1);
      // Whoever asks for it does not care whether it was cleared away.
      expect(await events.publish(event({ id: "a", fingerprint: "f2", keepMs: 1 }), 0)).toMatchObject({
        published: true,
        event: { ...FRESH, fingerprint: "f2" },
      });
      const again = await events.get({ ...REF, id: "a" });
      expect(await events.advance({ ...REF, id: "a" }, again!.rev, DONE)).toBe(true);
      await bench.advance(5);
      expect(await events.expire(10)).toBe(1);
      expect(await events.get({ ...REF, id: "a" })).toBeNull();
      await bench.advance(EVENT_KEEP_MS);
      // One that was not handed on is kept, whatever its age.
      expect(await events.expire(10)).toBe(1);
      expect(await events.get({ ...REF, id: "c" })).not.toBeNull();
    });

    rule("are listed by workspace, the newest first, page by page", async (bench) => {
      const { events } = bench.store;
      const ids = ["a", "b 1", "ü", "d"];
      for (const id of ids) {
        await events.publish(event({ id, name: id === "d" ? "other" : "order.paid" }), 0);
        await bench.advance(2);
      }
      await events.publish(event({ workspace: "elsewhere" }), 0);
      await events.advance({ ...REF, id: "a" }, 0, { ...DONE, refused: 2 });
      const seen: string[] = [];
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page = { workspace: WORKSPACE, limit: 1, ...(cursor ? { cursor } : {}) };
        const { items, cursor: next } = await events.page(page);
        seen.push(...items.map(({ id }) => id));
        cursor = next;
      }
      expect(seen).toEqual(ids.toReversed());
      const named = await events.page({ workspace: WORKSPACE, name: "other", limit: 10 });
      expect(named.items.map(({ id }) => id)).toEqual(["d"]);
      const refused = await events.page({ workspace: WORKSPACE, refused: true, limit: 10 });
      expect(refused.items.map(({ id }) => id)).toEqual(["a"]);
      for (const wrong of [{ limit: 0 }, { limit: 1, cursor: "?" }])
        await expect(events.page({ workspace: WORKSPACE, ...wrong })).rejects.toMatchObject({
          code: "option_invalid",
        });
    });

    rule("of a commit are published with it, where a trigger or a run asks for their name", async (bench) => {
      const { store } = bench;
      const source = { type: "event", name: "flowforge.run.failed" } as const;
      const nodes = { failed: { kind: "trigger", source }, a: { kind: "action", action: "x" } } as const;
      const edges = [{ from: "failed", to: "a" }];
      await store.saveWorkflow(WORKSPACE, { format: 1, name: "alarm", nodes, edges }, "c1");
      const waiting = newId();
      await store.commit([start(waiting, { start: newRun(), listens: ["flowforge.dead_letter"] })]);
      const announced = (id: string, name: string, workspace = WORKSPACE) => {
        return { workspace, id, name, payload: { id }, chain: ["checkout"] };
      };
      const run = newId();
      const announces = [
        announced("e1", "flowforge.run.failed"),
        announced("e2", "flowforge.dead_letter"),
        announced("e3", "flowforge.run.succeeded"),
        announced("e4", "flowforge.run.failed", "elsewhere"),
      ];
      const failed = { status: "failed", finished: true } as const;
      expect(await store.commit([start(run, { ...failed, announces })])).toMatchObject([
        { type: "committed" },
      ]);
      await bench.advance(1);
      const due = () => store.events.due({ holdMs: 0, limit: 10 });
      const found = await due();
      expect(found.map(({ id }) => id).sort()).toEqual(["e1", "e2"]);
      expect(found.find(({ id }) => id === "e1")).toMatchObject({
        ...announces[0]!,
        ...FRESH,
        fingerprint: "",
        rev: 0,
      });
      // What is refused says nothing, and what is said again is there already.
      const again = announced("e1", "flowforge.run.failed");
      const late = move(run, 7, { ...failed, announces: [announced("e5", "flowforge.run.failed")] });
      expect(await store.commit([late])).toEqual([{ type: "moved" }]);
      const next = move(run, 1, { ...failed, announces: [again, announced("e6", "flowforge.run.failed")] });
      expect(await store.commit([next])).toMatchObject([{ type: "committed" }]);
      await bench.advance(1);
      expect((await due()).map(({ id }) => id).sort()).toEqual(["e1", "e2", "e6"]);
    });

    rule("reach the runs that were there when they were published", async (bench) => {
      const { store } = bench;
      const [before, later] = [newId(), newId()];
      const listens = ["order.paid"];
      await store.commit([start(before, { start: newRun(), listens })]);
      const now = await store.now();
      await bench.advance(10);
      await store.commit([start(later, { start: newRun(), listens })]);
      const query = { workspace: WORKSPACE, event: "order.paid", limit: 10 };
      expect(await store.listeners({ ...query, createdBy: now })).toEqual([before]);
      expect(await store.listeners(query)).toEqual([before, later].sort());
    });
  });
}
