/**
 * Signals at the very moment of their wait's timeout: while a hundred waits are told, the database's clock jumps past the end
 * of all of them. Who was first by that clock wins, whatever a worker hears of first. `FLOWFORGE_TIMEOUTS=10000 npx vitest run test/integration/chaos/timeouts` tries ten thousand on each
 * backend.
 */
import { expect, test } from "vitest";
import { defineWorkflow, type Engine, type RunHandle } from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";
import { action } from "../engine/documents.ts";

const TRIES = Number(process.env["FLOWFORGE_TIMEOUTS"] ?? 1_000);
const AT_ONCE = 100;
const HOUR_MS = 3_600_000;

const race = defineWorkflow({
  format: 1,
  name: "race",
  nodes: {
    w: { kind: "wait", for: { signal: "approved", timeout: "1h" } },
    yes: { kind: "action", action: "note" },
    no: { kind: "action", action: "note" },
  },
  edges: [
    { from: "w", to: "yes", on: "received" },
    { from: "w", to: "no", on: "timeout" },
  ],
  output: "{{ [nodes.yes.status, nodes.no.status] }}",
});

/** Whether the signal was accepted; not where the run was over before it came. */
async function told(run: RunHandle): Promise<boolean> {
  try {
    await run.signal("approved");
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "run_finished") return false;
    throw error;
  }
}

onEachBackend("the moment of a timeout", (name) => {
  test(
    `${TRIES} signals, ${AT_ONCE} at a time: each run takes exactly one way`,
    { timeout: 60_000 + TRIES * 30 },
    async () => {
      await using backend = await openBackend(name);
      const ran = new Map<string, string[]>();
      const note = action("note", ({ run, node }) => {
        ran.set(run.id, [...(ran.get(run.id) ?? []), node.id]);
        return null;
      });
      const engines = [backend.engine({ actions: [note] }), backend.engine({ actions: [note] })];
      for (const engine of engines) await engine.start();
      const ways = { yes: 0, no: 0 };
      for (let round = 1; round <= TRIES / AT_ONCE; round++) {
        const fire = (): Promise<void> => shiftClock(backend.database, round * 2 * HOUR_MS);
        const runs = await waits(backend);
        const ends = await oneRound(engines, runs, fire);
        for (const { run, accepted, result } of ends) {
          const way = result[0] === "succeeded" ? "yes" : "no";
          expect([...result].sort()).toEqual(["skipped", "succeeded"]);
          expect([...new Set(ran.get(run))]).toEqual([way]);
          // With the clock every lease runs out. Only where a worker was held to be dead for that may its action run again.
          if (ran.get(run)!.length > 1) expect(await deadWorkers(backend)).toBeGreaterThan(0);
          // Whoever was told that it came too late was too late.
          if (!accepted) expect(way).toBe("no");
          ways[way]++;
        }
      }
      console.info(`${name}: ${ways.yes} by their signal, ${ways.no} by their timeout`);
      expect(Math.min(ways.yes, ways.no)).toBeGreaterThan(TRIES / 20);
    },
  );
});

async function deadWorkers({ database }: Backend): Promise<number> {
  const text = "select count(*)::int as n from flowforge.workers where dead_at is not null";
  const [row] = await database.query<{ n: number }>(text);
  return row!.n;
}

interface End {
  readonly run: string;
  readonly accepted: boolean;
  readonly result: readonly string[];
}

/** A hundred waits, begun by an engine that has seen the present time. */
async function waits(backend: Backend): Promise<readonly RunHandle[]> {
  await using engine = backend.engine();
  await engine.start({ work: false, maintain: false });
  const starts = Array.from({ length: AT_ONCE }, () => ({}));
  return await engine.runs.startMany(race, starts);
}

/** Half are told; when some of these were accepted, time passes and the others are told. */
async function oneRound(
  engines: readonly Engine[],
  runs: readonly RunHandle[],
  fire: () => Promise<void>,
): Promise<readonly End[]> {
  const handles = runs.map(({ id }, i) => engines[i % engines.length]!.runs.handle(id));
  const early = handles.slice(0, AT_ONCE / 2).map(told);
  await early[AT_ONCE / 4];
  const fired = fire();
  const late = handles.slice(AT_ONCE / 2).map(told);
  await fired;
  const accepted = await Promise.all([...early, ...late]);
  const results = await Promise.all(handles.map((run) => run.result({ timeout: "60s" })));
  return handles.map((run, i) => ({
    run: run.id,
    accepted: accepted[i]!,
    result: results[i] as readonly string[],
  }));
}
