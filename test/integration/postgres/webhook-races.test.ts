/** A delivery that is replayed while its sender sends it again: whoever comes second finds the other one, and nobody an error. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { blockedSession, testStore } from "./fixtures.ts";

const PLACE = { workspace: "default", path: "orders" };

test.each([
  ["commits", "commit", "taken"],
  ["rolls back", "rollback", "reopened"],
] as const)(
  "a claim of the same key that %s while a replay waits for it",
  { timeout: 60_000 },
  async (_what, end, expected) => {
    await using context = await testStore();
    const { store, database } = context;
    const id = randomUUID();
    const delivery = { ...PLACE, id, workflow: "w", trigger: "t", verified: false, key: null, bodyKey: null };
    const body = { headers: {}, body: new Uint8Array([1]), size: 1 };
    await store.webhooks.refuse({ ...delivery, ...body }, { reason: "signature_mismatch", detail: "" }, 10);
    const sender = await database.pool({ max: 1 }).connect();
    await sender.query("begin");
    await sender.query(
      `insert into flowforge.webhook_deliveries (id, run_id, received_at, touched_at, expires_at, size, verified, status,
         workspace, path, workflow, trigger, key, headers, body)
       select gen_random_uuid(), gen_random_uuid(), received_at, touched_at, expires_at, size, true, 'received',
         workspace, path, workflow, trigger, 'id:1', headers, body from flowforge.webhook_deliveries`,
    );
    const keys = { key: "id:1", bodyKey: null };
    const reopened = store.webhooks.reopen({ workspace: "default", id, runId: randomUUID(), keys });
    await blockedSession(database);
    await sender.query(end);
    sender.release();
    expect(await reopened).toBe(expected);
    const { items } = await store.webhooks.page({ ...PLACE, status: "received", limit: 10 });
    expect(items.map((each) => [each.key, each.id === id])).toEqual([["id:1", expected === "reopened"]]);
  },
);
