/** A process that is killed while it deletes a workspace: the same call in another process goes on, and nothing is left. */
import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect, test } from "vitest";
import { TABLES_OF_RUNS } from "../../../src/postgres/retention.ts";
import { openBackend } from "../engine/backends.ts";

const RUNS = 3_000;
const NEIGHBOURS = 50;

/** Runs that ended, each with two node runs, an attempt and a large value. */
function seed(workspace: string, runs: number): readonly string[] {
  const id = `md5('${workspace} ' || g)::uuid`;
  const from = `from generate_series(1, ${runs}) g`;
  return [
    `insert into flowforge.runs (id, seq, created_at, started_at, finished_at, version, status, workspace, workflow, trigger, labels, input)
     select ${id}, 3, g, g, g, 1, 'failed', '${workspace}', 'w', 'start', '{}', '1' ${from}`,
    `insert into flowforge.node_runs (run_id, item, node, seq, attempt, fence, status, outcome)
     select ${id}, -1, 's' || s, s, 1, 1, 'succeeded', 'success' ${from}, generate_series(1, 2) s`,
    `insert into flowforge.attempts (run_id, finished_at, item, fence, attempt, node, error)
     select ${id}, 0, -1, 1, 1, 's1', '{"class": "http", "message": "502"}' ${from}`,
    `insert into flowforge.run_blobs (run_id, sha256, value) select ${id}, sha256('x'), '"large"' ${from}`,
    "analyze",
  ];
}

test("a deletion that was broken off goes on where it was", { timeout: 60_000 }, async () => {
  await using backend = await openBackend("postgres");
  const { database, connection } = backend;
  const retention = { succeeded: null, failed: null, cancelled: null, unresolved: null };
  const engine = backend.engine({ retention });
  await engine.start({ work: false, maintain: false });
  for (const text of [...seed("acme", RUNS), ...seed("beta", NEIGHBOURS)]) await database.query(text);
  const left = async (): Promise<number> => (await engine.workspaces.get("acme"))?.runs ?? 0;

  const host = fork(path.join(import.meta.dirname, "erasing-host.ts"), [JSON.stringify(connection)]);
  const exited = once(host, "exit");
  await expect.poll(left, { timeout: 20_000, interval: 5 }).toBeLessThan(RUNS);
  host.kill("SIGKILL");
  await exited;
  const before = await left();
  expect(before).toBeGreaterThan(0);

  const removed = await engine.workspaces.delete("acme", { grace: 0 });
  // The server may end the last statement of the dead process after we have counted.
  expect(removed.runs).toBeGreaterThan(0);
  expect(removed.runs).toBeLessThanOrEqual(before);
  expect(await engine.workspaces.get("acme")).toBeNull();
  const counts = ["runs", "deleted_runs", ...TABLES_OF_RUNS].map(
    (table) => `select '${table}' as name, count(*)::int as n from flowforge.${table}`,
  );
  const rows = await database.query<{ name: string; n: number }>(counts.join(" union all "));
  const found = Object.fromEntries(rows.filter(({ n }) => n > 0).map(({ name, n }) => [name, n]));
  const [one, two] = [NEIGHBOURS, 2 * NEIGHBOURS];
  expect(found).toEqual({ runs: one, node_runs: two, attempts: one, run_blobs: one });
});
