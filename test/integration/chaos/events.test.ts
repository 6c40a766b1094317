/**
 * An event that fires hundreds of triggers, over engines that are stopped with `kill -9` in the middle of handing it on: every trigger has
 * exactly one run. `FLOWFORGE_EVENT_MATCHES=10000` makes as many triggers as that.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect, test } from "vitest";
import type { NodeDocument } from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";
import { LEASE_MS } from "./processes.ts";

const MATCHES = Number(process.env["FLOWFORGE_EVENT_MATCHES"] ?? 400);
const TRIGGERS = 50;
/** Longer than somebody who is gone holds an event. */
const HELD_MS = 16_000;
const SLOW = { timeout: 120_000, interval: 20 };

class Host implements AsyncDisposable {
  readonly #process: ChildProcess;

  private constructor(of: ChildProcess) {
    this.#process = of;
  }

  static async start(backend: Backend): Promise<Host> {
    const options = { ...backend.connection, worker: { lease: LEASE_MS } };
    const of = fork(path.join(import.meta.dirname, "built-in-host.ts"), [JSON.stringify(options)]);
    await once(of, "message");
    return new Host(of);
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** So many triggers of one event; each matching run has one step. */
function listening(n: number): Record<string, NodeDocument> {
  const nodes: Record<string, NodeDocument> = { a: { kind: "action", action: "transform", input: n } };
  for (let t = 0; t < TRIGGERS; t++) {
    const source = { type: "event", name: "many", filter: "event.payload.n == 1" } as const;
    nodes[`t${t}`] = { kind: "trigger", source };
  }
  return nodes;
}

onEachBackend("an event with very many matches", (name) => {
  test("every trigger has one run, whoever is killed on the way", { timeout: 300_000 }, async () => {
    await using backend = await openBackend(name);
    const { database } = backend;
    const client = backend.engine();
    await client.start({ work: false, maintain: false });
    for (let n = 0; n < MATCHES / TRIGGERS; n++) {
      const nodes = listening(n);
      const edges = Object.keys(nodes).flatMap((from) => (from === "a" ? [] : [{ from, to: "a" }]));
      await client.workflows.register({ format: 1, name: `w${n}`, nodes, edges });
    }
    const count = async (where = "true"): Promise<number> => {
      const [row] = await database.query<{ n: number }>(
        `select count(*)::int as n from flowforge.runs where ${where}`,
      );
      return row!.n;
    };
    const published = await client.publish("many", { n: 1 }, { id: "one" });
    expect(published).toMatchObject({ started: 100, continues: true });
    // Each one is stopped somewhere on its way, and the next one finds what it left.
    for (const [at, part] of [0.3, 0.6].entries()) {
      await using host = await Host.start(backend);
      await expect.poll(() => count(), SLOW).toBeGreaterThanOrEqual(MATCHES * part);
      await host.kill();
      await shiftClock(database, (at + 1) * HELD_MS);
    }
    const killedAt = await client.events.get("one");
    expect(killedAt?.done).toBe(false);
    await using _last = await Host.start(backend);
    await expect
      .poll(() => client.events.get("one"), SLOW)
      .toMatchObject({
        done: true,
        started: MATCHES,
        refused: 0,
      });
    await expect.poll(() => count("status = 'succeeded'"), SLOW).toBe(MATCHES);
    const [row] = await database.query<{ runs: number; triggers: number }>(
      "select count(*)::int as runs, count(distinct (workflow, trigger))::int as triggers from flowforge.runs",
    );
    expect(row).toEqual({ runs: MATCHES, triggers: MATCHES });
  });
});
