/**
 * What each effect class promises, counted by the provider: its worker is stopped with `kill -9` before the request, inside it, after
 * it and before the commit; or the provider breaks the connection, answers 502, or does not answer.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { defineWorkflow, type Engine, type RunDetail, type RunHandle } from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";
import { charging, CLASSES, effectActions, MOMENTS } from "./effect-actions.ts";
import type { EffectHostConfig } from "./effect-host.ts";
import { LEASE_MS } from "./processes.ts";
import { type Mood, Provider } from "./provider.ts";

/** How a run of each class ends after one attempt of which nobody knows the outcome, with these charges. */
interface Promised {
  readonly end: "succeeded" | "failed";
  readonly possiblyDuplicated: boolean;
  /** Where the money had moved already, and where it had not. */
  readonly charges: { readonly happened: number; readonly not: number };
}

const PROMISED: { readonly [of: string]: Promised } = {
  readonly: { end: "succeeded", possiblyDuplicated: false, charges: { happened: 2, not: 1 } },
  // The provider knows the key again, so that this is one charge.
  idempotent: { end: "succeeded", possiblyDuplicated: false, charges: { happened: 2, not: 1 } },
  verifiable: { end: "succeeded", possiblyDuplicated: false, charges: { happened: 1, not: 1 } },
  atMostOnce: { end: "failed", possiblyDuplicated: false, charges: { happened: 1, not: 0 } },
  undeclared: { end: "succeeded", possiblyDuplicated: true, charges: { happened: 2, not: 1 } },
};

onEachBackend("effects", (name) => {
  let backend: Backend;
  let provider: Provider;
  let client: Engine;
  let victim: ChildProcess | null;

  beforeEach(async () => {
    backend = await openBackend(name);
    provider = await Provider.start();
    client = backend.engine();
    victim = null;
    await client.start({ work: false, maintain: false });
  });

  afterEach(async () => {
    victim?.kill("SIGKILL");
    await backend[Symbol.asyncDispose]();
    await provider[Symbol.asyncDispose]();
  });

  const startAll = (more = {}): Promise<readonly RunHandle[]> =>
    Promise.all(CLASSES.map((of) => client.runs.start(defineWorkflow(charging(of, more)))));

  async function work(): Promise<void> {
    const actions = [...effectActions(provider.url)];
    await backend.engine({ actions, worker: { lease: LEASE_MS } }).start();
  }

  /** Nothing is lost, nothing recorded twice, and money moved as often as the class allows. */
  async function check(runs: readonly RunHandle[], happened: boolean, cause: string): Promise<void> {
    for (const [at, of] of CLASSES.entries()) {
      const { end, possiblyDuplicated, charges } = PROMISED[of]!;
      await runs[at]!.result({ timeout: "30s" }).catch(() => undefined);
      const detail = await runs[at]!.detail();
      const { header, attempts, output } = detail;
      expect(header.status, of).toBe(end);
      expect(provider.count("charge", of), `${of}: charges`).toBe(happened ? charges.happened : charges.not);
      expect(provider.keys(of).size, `${of}: keys`).toBeLessThanOrEqual(1);
      expect(provider.count("ask", of), `${of}: asked`).toBe(of === "verifiable" ? 1 : 0);
      expect(
        attempts.map(({ error }) => error["cause"] ?? error.class),
        of,
      ).toEqual([cause]);
      expect(chargeOf(detail), of).toMatchObject({ possiblyDuplicated });
      if (end === "succeeded") expect(output).toBe([...provider.keys(of)][0]);
      else expect(chargeOf(detail).error).toMatchObject({ class: "outcome_unknown" });
    }
  }

  const chargeOf = ({ nodes }: RunDetail) => nodes.find(({ node }) => node === "charge")!;

  describe("the worker is stopped", () => {
    async function startVictim(): Promise<void> {
      const options = { ...backend.connection, worker: { lease: LEASE_MS } };
      const config: EffectHostConfig = { options, provider: provider.url };
      victim = fork(path.join(import.meta.dirname, "effect-host.ts"), [JSON.stringify(config)]);
      await once(victim, "message");
    }

    async function killVictim(): Promise<void> {
      victim!.kill("SIGKILL");
      await once(victim!, "exit");
    }

    test.each(MOMENTS)("%s", async (moment) => {
      await backend.database.query("create table charged (key text)");
      provider.holding = moment;
      await startVictim();
      const runs = await startAll();
      const booking = await client.runs.start(defineWorkflow(charging("transactional")));
      await expect.poll(() => provider.held, { timeout: 20_000, interval: 20 }).toBe(CLASSES.length + 1);
      if (moment === "commit") await killInCommit();
      else await killVictim();
      provider.release();
      await work();
      await check(runs, moment !== "before", "lease_lost");
      const key = await booking.result({ timeout: "30s" });
      expect(await backend.database.query("select key from charged")).toEqual([{ key }]);
      expect((await booking.detail()).attempts).toHaveLength(1);
    });

    /** Holds the rows of the runs, lets the actions end, and stops the worker when it stands before them. */
    async function killInCommit(): Promise<void> {
      const session = await backend.database.pool().connect();
      try {
        await session.query("begin");
        await session.query("select from flowforge.runs for update");
        provider.release();
        const waiting = `from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
        await expect
          .poll(async () => (await backend.database.query(`select ${waiting}`)).length, { timeout: 20_000 })
          .toBeGreaterThan(0);
        await killVictim();
        // What the dead process had sent must not be done after all: that would be a commit whose reply was lost.
        await backend.database.query(`select pg_terminate_backend(pid) ${waiting}`);
      } finally {
        await session.query("rollback");
        session.release();
      }
    }
  });

  test.each<[Exclude<Mood, "calm">, string]>([
    ["reset", "network"],
    ["502", "http"],
    ["hang", "timeout"],
  ])("the provider misbehaves: %s", async (mood, cause) => {
    provider.mood = mood;
    const runs = await startAll({ timeout: mood === "hang" ? 1_000 : "1m" });
    await work();
    await check(runs, true, cause);
  });
});
