/** Actions that hold the event loop: their worker sends no heartbeat of its own, and is not dead. */
import { expect, test } from "vitest";
import { defineWorkflow } from "../../../src/index.ts";
import { testDatabase } from "../../support/servers.ts";
import { onEachBackend, openBackend } from "../engine/backends.ts";
import { chain } from "../engine/documents.ts";
import { Effects, Processes } from "./processes.ts";

const blocking = defineWorkflow(chain(2, "blocking", "block"));
const lease = { lease: "1s" } as const;

onEachBackend("a blocked event loop", (name) => {
  test("keeps its lease for six leases, and not for longer", { timeout: 120_000 }, async () => {
    await using backend = await openBackend(name);
    await using traces = await testDatabase();
    const effects = await Effects.in(traces);
    await using processes = new Processes(backend.connection, effects);
    const client = backend.engine();
    await client.start({ work: false, maintain: false });

    const patient = await processes.start({ blockMs: 4_000, worker: lease });
    const run = await client.runs.start(blocking, { input: { n: 0 } });
    await effects.reach(1);
    const second = await processes.start({ worker: lease });
    expect(await run.result({ timeout: "60s" })).toBe(2);
    const done = await effects.all();
    expect(done[0]).toMatchObject({ node: "s0", pid: patient.pid });
    expect(done.filter(({ node }) => node === "s0")).toHaveLength(1);
    expect(patient.messages.filter(({ type }) => type === "event")).toEqual([]);
    await patient.kill();

    const endless = await processes.start({ blockMs: 60_000, worker: { ...lease, inline: false } });
    await second.kill();
    const other = await client.runs.start(blocking, { input: { n: 0 } });
    await effects.reach(done.length + 1);
    const heir = await processes.start({ worker: lease });
    expect(await other.result({ timeout: "60s" })).toBe(2);
    const pids = (await effects.all()).filter(({ run_id: id }) => id === other.id).map(({ pid }) => pid);
    expect(pids).toEqual([endless.pid, heir.pid, heir.pid]);
  });
});
