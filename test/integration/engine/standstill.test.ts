/** A standstill of the store: what was asked before it and is answered after it makes nobody dead. */
import { expect, test } from "vitest";
import { onEachBackend, openBackend } from "./backends.ts";

const LEASE_MS = 1_000;

onEachBackend("standstill", (name) => {
  test("judgements that hung in it find nobody silent", { timeout: 60_000 }, async () => {
    await using backend = await openBackend(name);
    const options = { worker: { lease: `${LEASE_MS}ms` } };
    await using one = backend.engine(options);
    await using two = backend.engine(options);
    await one.start();
    await two.start();
    const ids = [one.workerId, two.workerId];
    const client = await backend.database.pool({ max: 1 }).connect();
    // Over another connection: within its transaction one sees the same activity again and again.
    const count = async (condition: string): Promise<number> => {
      const rows = await backend.database.query<{ n: number }>(`select count(*)::int as n from ${condition}`);
      return rows[0]!.n;
    };
    try {
      for (let round = 0; round < 2; round++) {
        // Until both have watched for a lease, and so may judge.
        const startedAt = performance.now();
        await expect
          .poll(() => performance.now() - startedAt, { timeout: 10_000 })
          .toBeGreaterThan(2 * LEASE_MS);
        // Everything that renews or judges waits for this lock, and goes on in one moment.
        await client.query("begin; lock table flowforge.workers in access exclusive mode");
        await expect
          .poll(() => count("pg_stat_activity where wait_event_type = 'Lock' and query like '%forgotten%'"), {
            timeout: 10_000,
          })
          .toBeGreaterThan(0);
        // The standstill itself.
        await client.query("select pg_sleep($1)", [(2 * LEASE_MS) / 1_000]);
        await client.query("commit");
        await expect
          .poll(() => count(`flowforge.workers where heartbeat_at > flowforge.now() - ${LEASE_MS}`), {
            timeout: 10_000,
          })
          .toBe(2);
        expect(await count("flowforge.workers where dead_at is not null")).toBe(0);
        expect([one.workerId, two.workerId]).toEqual(ids);
      }
    } finally {
      client.release(true);
    }
  });
});
