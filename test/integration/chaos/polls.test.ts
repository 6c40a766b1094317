/**
 * Items that are polled by engines which are stopped with `kill -9` while they start the runs: every item has exactly one run.
 * `FLOWFORGE_POLL_ITEMS=5000` makes as many items as that.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect, test } from "vitest";
import { onEachBackend, openBackend } from "../engine/backends.ts";
import { testDatabase } from "../../support/servers.ts";
import { LEASE_MS } from "./processes.ts";

const ITEMS = Number(process.env["FLOWFORGE_POLL_ITEMS"] ?? 200);
const WAIT = { timeout: 60_000, interval: 5 };

onEachBackend("polls whose engines are killed", (name) => {
  test("every item has one run", { timeout: 120_000 }, async () => {
    await using backend = await openBackend(name);
    await using feed = await testDatabase();
    await feed.query("create table feed (id int)");
    await feed.query("create table asked (n serial, pid int, cursor int)");
    await feed.query(`insert into feed select generate_series(1, ${ITEMS})`);
    const client = backend.engine();
    await client.start({ work: false, maintain: false });
    await client.workflows.register({
      format: 1,
      name: "feed",
      nodes: {
        item: {
          kind: "trigger",
          source: { type: "poll", action: "feed.list", every: "1s", first: "all" },
        },
        a: { kind: "action", action: "transform", input: "{{ input.id }}" },
      },
      edges: [{ from: "item", to: "a" }],
    });
    const started = async (): Promise<number> => {
      const [row] = await backend.database.query<{ n: number }>(
        "select count(*)::int as n from flowforge.runs",
      );
      return row!.n;
    };
    const options = JSON.stringify({ ...backend.connection, worker: { lease: LEASE_MS } });
    const start = async (): Promise<ChildProcess> => {
      const host = fork(path.join(import.meta.dirname, "poll-host.ts"), [options, feed.url]);
      await once(host, "message");
      return host;
    };
    for (let kills = 1; kills <= 2; kills++) {
      const host = await start();
      const wanted = Math.floor((ITEMS * kills) / 3);
      await expect.poll(started, WAIT).toBeGreaterThan(wanted);
      host.kill("SIGKILL");
      await once(host, "exit");
    }
    expect(await started()).toBeLessThan(ITEMS);
    const last = await start();
    await expect.poll(started, WAIT).toBe(ITEMS);
    await expect
      .poll(async () => (await client.polls.list()).items, WAIT)
      .toMatchObject([{ cursor: ITEMS, lastError: null, lastItems: 0 }]);
    const rows = await backend.database.query<{ id: number }>(
      "select (input->>'id')::int as id from flowforge.runs order by 1",
    );
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: ITEMS }, (_, index) => index + 1));
    // What somebody died over was asked again, from where it was.
    const again = await feed.query("select cursor from asked group by cursor having count(distinct pid) > 1");
    expect(again.length).toBeGreaterThanOrEqual(1);
    last.kill("SIGKILL");
    await once(last, "exit");
  });
});
