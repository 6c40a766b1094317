/** A worker that is killed while it has all places of a workspace: they are free again, and every run ends. */
import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect, test } from "vitest";
import { defineWorkflow } from "../../../src/index.ts";
import { openBackend } from "../engine/backends.ts";
import { quick } from "./limited-actions.ts";

const RUNS = 6;
const POLL = { timeout: 50_000 } as const;

const flow = defineWorkflow({ name: "one", build: ({ action }) => void action("a", "work", {}) });

test("places of a worker that was killed are free for the others", { timeout: 120_000 }, async () => {
  await using backend = await openBackend("postgres");
  const { database } = backend;
  const options = { worker: { lease: "5s" } };
  const count = async (where: string): Promise<number> => {
    const text = `select count(*)::int as n from flowforge.node_runs where ${where}`;
    return (await database.query<{ n: number }>(text))[0]!.n;
  };

  const engine = backend.engine({ ...options, actions: [quick], workflows: [flow] });
  await engine.migrate();
  const api = backend.engine({ workflows: [flow], actions: [quick] });
  await api.start({ work: false, maintain: false });
  await api.workspaces.setLimits("acme", { concurrency: 2 });
  await api.runs.startMany(
    flow,
    Array.from({ length: RUNS }, () => ({ workspace: "acme" })),
  );
  const host = fork(path.join(import.meta.dirname, "limited-host.ts"), [
    JSON.stringify({ ...backend.connection, ...options }),
  ]);
  const exited = once(host, "exit");
  await expect.poll(() => count("status = 'running'"), POLL).toBe(2);
  host.kill("SIGKILL");
  await exited;
  // Nobody has noticed: the places are taken.
  expect(await count("status = 'running'")).toBe(2);

  await engine.start();
  await expect.poll(() => count("status = 'succeeded'"), POLL).toBe(RUNS);
  await expect
    .poll(async () => {
      const [row] = await database.query<{ n: number }>(
        `select count(*)::int as n from flowforge.workspace_places p
       where not exists (select from flowforge.workers w where w.id = p.worker and w.dead_at is null)`,
      );
      return row!.n;
    }, POLL)
    .toBe(0);
});
