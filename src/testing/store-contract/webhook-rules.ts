/** Deliveries of webhooks: claimed once per key, kept for a while, rejected ones not without bound, and reopened once. */
import { DELIVERY_KEEP_MS, type NewDelivery } from "../../core/ports/webhooks.ts";
import { newId, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

const PLACE = { workspace: WORKSPACE, path: "orders" };
const WHY = { reason: "signature_mismatch", detail: "No signature fits." };
const BYTES = new Uint8Array([0, 255, 123, 10]);

function delivery(more: Partial<NewDelivery> = {}): NewDelivery {
  return {
    ...PLACE,
    id: newId(),
    workflow: "w",
    trigger: "received",
    verified: true,
    key: "evt_1",
    bodyKey: null,
    headers: { "content-type": "application/json" },
    body: BYTES,
    size: BYTES.length,
    ...more,
  };
}

export function webhookRules({ describe, rule, expect }: Kit): void {
  describe("deliveries of webhooks", () => {
    rule(
      "a claim keeps the delivery and says which run it starts; accepted, its body is dropped",
      async ({ store }) => {
        const { webhooks } = store;
        const [given, runId] = [delivery({ bodyKey: "b1" }), newId()];
        expect(await webhooks.claim(given, runId)).toEqual({ claimed: true });
        const { body, ...facts } = given;
        const kept = { ...facts, status: "received", runId, reason: null, detail: null, repeats: 0 };
        const { receivedAt, ...found } = (await webhooks.get(WORKSPACE, given.id))!;
        expect(found).toEqual({ ...kept, body });
        expect(Math.abs((await store.now()) - receivedAt)).toBeLessThan(60_000);
        await webhooks.accept(given.id);
        await webhooks.reject(given.id, WHY);
        expect(await webhooks.get(WORKSPACE, given.id)).toMatchObject({
          ...kept,
          status: "accepted",
          body: null,
        });
        expect(await webhooks.get("elsewhere", given.id)).toBeNull();
        expect(await webhooks.get(WORKSPACE, "no id")).toBeNull();
      },
    );

    rule(
      "of many with one key, at once and from two connections, one is claimed, and the others are counted",
      async (bench) => {
        const both = [bench.store.webhooks, bench.second.webhooks];
        const claims = await Promise.all(
          Array.from({ length: 12 }, (_, n) => both[n % 2]!.claim(delivery(), newId())),
        );
        expect(claims.filter(({ claimed }) => claimed)).toHaveLength(1);
        const { items } = await bench.store.webhooks.page({ ...PLACE, limit: 10 });
        expect(items.map(({ repeats }) => repeats)).toEqual([11]);
        for (const claim of claims) if (!claim.claimed) expect(claim.known.runId).toBe(items[0]!.runId);
      },
    );

    rule(
      "the hash of a body holds as well as the key, each at its own path and workspace",
      async ({ store }) => {
        const { webhooks } = store;
        const first = newId();
        await webhooks.claim(delivery({ key: "a", bodyKey: "b" }), first);
        const again = await webhooks.claim(delivery({ key: "other", bodyKey: "b" }), newId());
        expect(again).toMatchObject({ claimed: false, known: { runId: first, key: "a", repeats: 1 } });
        const known = await webhooks.repeated(PLACE, { key: "a", bodyKey: "other" });
        expect(known).toMatchObject({ runId: first, repeats: 2 });
        expect(await webhooks.repeated(PLACE, { key: "b", bodyKey: "a" })).toBeNull();
        expect(await webhooks.repeated(PLACE, { key: null, bodyKey: null })).toBeNull();
        for (const elsewhere of [{ path: "refunds" }, { workspace: "elsewhere" }]) {
          const there = delivery({ key: "a", bodyKey: "b", ...elsewhere });
          expect(await webhooks.claim(there, newId())).toEqual({ claimed: true });
        }
        // Without any key each is another one.
        for (let n = 0; n < 2; n++)
          expect(await webhooks.claim(delivery({ key: null }), newId())).toEqual({ claimed: true });
      },
    );

    rule("a rejected delivery frees its keys", async ({ store }) => {
      const { webhooks } = store;
      const given = delivery();
      await webhooks.claim(given, newId());
      await webhooks.reject(given.id, WHY);
      const rejected = { status: "rejected", runId: null, ...WHY, body: BYTES };
      expect(await webhooks.get(WORKSPACE, given.id)).toMatchObject(rejected);
      expect(await webhooks.repeated(PLACE, given)).toBeNull();
      expect(await webhooks.claim(delivery(), newId())).toEqual({ claimed: true });
    });

    rule("a key holds for its time, and what is over is deleted, unless it is unfinished", async (bench) => {
      const { webhooks } = bench.store;
      const [done, left] = [delivery({ key: "done" }), delivery({ key: "left" })];
      for (const each of [done, left]) await webhooks.claim(each, newId());
      await webhooks.accept(done.id);
      expect(await webhooks.expire(10)).toBe(0);
      await bench.advance(DELIVERY_KEEP_MS + 1_000);
      expect(await webhooks.repeated(PLACE, done)).toBeNull();
      expect(await webhooks.repeated(PLACE, left)).toMatchObject({ id: left.id });
      // Free even while its row is there.
      expect(await webhooks.claim(delivery({ key: "done" }), newId())).toEqual({ claimed: true });
      await webhooks.refuse(delivery(), WHY, 10);
      await bench.advance(DELIVERY_KEEP_MS + 1_000);
      expect(await webhooks.expire(10)).toBe(1);
      const { items } = await webhooks.page({ ...PLACE, limit: 10 });
      expect(items.map(({ status }) => status)).toEqual(["received", "received"]);
    });

    rule("of rejected ones the newest are kept, strangers' apart from those of the sender", async (bench) => {
      const { webhooks } = bench.store;
      const mine = delivery();
      await webhooks.refuse(mine, WHY, 2);
      const strange: string[] = [];
      for (let n = 0; n < 4; n++) {
        await bench.advance(10);
        const each = delivery({ verified: false, key: null, size: 1_000_000 });
        await webhooks.refuse(each, WHY, 2);
        strange.push(each.id);
      }
      await webhooks.refuse(delivery({ path: "refunds" }), WHY, 2);
      const { items } = await webhooks.page({ ...PLACE, status: "rejected", limit: 10 });
      expect(items.map(({ id }) => id)).toEqual([strange[3]!, strange[2]!, mine.id]);
      expect(items[0]).toMatchObject({ ...WHY, verified: false, size: 1_000_000, runId: null });
    });

    rule("a rejected delivery is reopened once, unless its key is taken", async ({ store, second }) => {
      const { webhooks } = store;
      const [given, rival] = [delivery(), delivery()];
      await webhooks.refuse(given, WHY, 10);
      await webhooks.refuse(rival, WHY, 10);
      const keys = { key: given.key, bodyKey: given.bodyKey };
      const ref = { workspace: WORKSPACE, id: given.id, keys };
      expect(await webhooks.reopen({ ...ref, workspace: "elsewhere", runId: newId() })).toBe("gone");
      expect(await webhooks.reopen({ ...ref, id: "no id", runId: newId() })).toBe("gone");
      const ids = [newId(), newId(), newId(), newId()];
      const moves = await Promise.all(
        ids.map((runId, n) => (n % 2 ? store : second).webhooks.reopen({ ...ref, runId })),
      );
      expect([...moves].sort()).toEqual(["gone", "gone", "gone", "reopened"]);
      const opened = {
        status: "received",
        runId: ids[moves.indexOf("reopened")],
        reason: null,
        detail: null,
      };
      expect(await webhooks.get(WORKSPACE, given.id)).toMatchObject({ ...opened, body: BYTES });
      expect(await webhooks.reopen({ ...ref, id: rival.id, runId: newId() })).toBe("taken");
      expect(await webhooks.claim(delivery(), newId())).toMatchObject({ known: { id: given.id } });
    });

    rule(
      "of a delivery that is reopened and those that come again at once, one has the key",
      async (bench) => {
        const { store, second } = bench;
        for (let round = 0; round < 10; round++) {
          const keys = { key: `evt_${round}`, bodyKey: `b${round}` };
          const rejected = [delivery({ ...keys, key: null }), delivery(keys)];
          for (const each of rejected) await store.webhooks.refuse(each, WHY, 100);
          const [first, other, ...claims] = await Promise.all([
            store.webhooks.reopen({ workspace: WORKSPACE, id: rejected[0]!.id, runId: newId(), keys }),
            second.webhooks.reopen({ workspace: WORKSPACE, id: rejected[1]!.id, runId: newId(), keys }),
            second.webhooks.claim(delivery(keys), newId()),
            store.webhooks.claim(delivery({ ...keys, key: `other_${round}` }), newId()),
          ]);
          const has = [first === "reopened", other === "reopened", ...claims.map(({ claimed }) => claimed)];
          expect(has.filter(Boolean)).toHaveLength(1);
          expect([first, other].includes("gone")).toBe(false);
        }
      },
    );

    rule("reopened, it takes the keys that it is given", async ({ store }) => {
      const { webhooks } = store;
      const unknown = { key: null, bodyKey: null, verified: false };
      const [strange, second] = [delivery(unknown), delivery(unknown)];
      await webhooks.refuse(strange, WHY, 10);
      await webhooks.refuse(second, WHY, 10);
      const keys = { key: "evt_9", bodyKey: "b9" };
      const reopen = (id: string, of: typeof keys) =>
        webhooks.reopen({ workspace: WORKSPACE, id, runId: newId(), keys: of });
      expect(await reopen(strange.id, keys)).toBe("reopened");
      expect(await webhooks.get(WORKSPACE, strange.id)).toMatchObject({ ...keys, verified: false });
      expect(await reopen(second.id, { key: "other", bodyKey: "b9" })).toBe("taken");
      for (const again of [{ key: "evt_9" }, { key: "evt_10", bodyKey: "b9" }])
        expect(await webhooks.claim(delivery(again), newId())).toMatchObject({
          claimed: false,
          known: { id: strange.id },
        });
    });

    rule("what was claimed and not finished is found after a while, the oldest first", async (bench) => {
      const { webhooks } = bench.store;
      const given = [delivery({ key: "1" }), delivery({ key: "2" }), delivery({ key: "3" })];
      for (const each of given) {
        await webhooks.claim(each, newId());
        await bench.advance(1_000);
      }
      await webhooks.accept(given[1]!.id);
      const left = async (olderThanMs: number, limit = 10) =>
        (await webhooks.unfinished({ olderThanMs, limit })).map(({ id }) => id);
      expect(await left(2_000)).toEqual([given[0]!.id]);
      // It was handed to whoever asked.
      expect(await left(2_000)).toEqual([]);
      await bench.advance(10_000);
      expect(await left(1_000)).toEqual([given[2]!.id, given[0]!.id]);
      await bench.advance(10_000);
      expect((await webhooks.unfinished({ olderThanMs: 0, limit: 1 }))[0]?.body).toEqual(BYTES);
    });

    rule("are listed newest first, page by page", async (bench) => {
      const { webhooks } = bench.store;
      const ids: string[] = [];
      for (const key of ["1", "2", "3"]) {
        const each = delivery({ key });
        await webhooks.claim(each, newId());
        ids.unshift(each.id);
        await bench.advance(10);
      }
      await webhooks.claim(delivery({ workspace: "elsewhere" }), newId());
      const first = await webhooks.page({ workspace: WORKSPACE, limit: 2 });
      expect(first.items.map(({ id }) => id)).toEqual(ids.slice(0, 2));
      const rest = await webhooks.page({ workspace: WORKSPACE, limit: 2, cursor: first.cursor! });
      expect([rest.items.map(({ id }) => id), rest.cursor]).toEqual([ids.slice(2), null]);
      const wrong = { code: "option_invalid" };
      await expect(webhooks.page({ workspace: WORKSPACE, limit: 0 })).rejects.toMatchObject(wrong);
      const odd = { workspace: WORKSPACE, limit: 1, cursor: "odd" };
      await expect(webhooks.page(odd)).rejects.toMatchObject(wrong);
    });
  });
}
