/** Runs that are over go, with all that they had; what a host wants to keep of them it gets first. */
import { expect, test } from "vitest";
import { type Engine, type EngineOptions, type RunHeader, PermanentError } from "../../../src/index.ts";
import { TABLES_OF_RUNS } from "../../../src/postgres/retention.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const DAY = 86_400_000;
const CANARY = "Zq7RetentionXv9";
const LARGE = CANARY.repeat(10_000);

const actions = [
  action("keep", async (context) => {
    await context.step("part", () => CANARY);
    return LARGE;
  }),
  action("break", () => {
    throw new PermanentError(CANARY);
  }),
];

const document = (name: string, nodes: object): object => ({ format: 1, name, nodes, edges: [] });
const CHILD = document("child", { a: { kind: "action", action: "keep" } });
const PARENT = document("parent", {
  a: { kind: "action", action: "workflow.run", input: { workflow: "child", input: CANARY } },
  list: { kind: "action", action: "keep", forEach: "[1, 2, 3]", input: "{{ item }}" },
});
const BROKEN = document("broken", { a: { kind: "action", action: "break", input: CANARY } });

/** How many rows each table has of runs, and which of all tables hold the word. */
async function rowsLeft({ database }: Backend): Promise<Record<string, number>> {
  const counts = ["runs", "deleted_runs", ...TABLES_OF_RUNS].map(
    (table) => `select '${table}' as name, count(*)::int as n from flowforge.${table}`,
  );
  const rows = await database.query<{ name: string; n: number }>(counts.join(" union all "));
  return Object.fromEntries(rows.filter(({ n }) => n > 0).map(({ name, n }) => [name, n]));
}

onEachBackend("retention", (name) => {
  test("runs go when their time is over, and the host has seen them", { timeout: 60_000 }, async () => {
    await using backend = await openBackend(name);
    const during = async <T>(options: EngineOptions, work: (engine: Engine) => Promise<T>): Promise<T> => {
      const engine = backend.engine({ actions, ...options });
      await engine.start();
      try {
        return await work(engine);
      } finally {
        await engine.stop({ timeout: "5s" });
      }
    };
    const start = { input: CANARY, labels: { of: CANARY }, idempotencyKey: "order-1" };
    const [parent, broken] = await during({}, async (engine) => {
      for (const each of [CHILD, PARENT, BROKEN]) await engine.workflows.register(each as never);
      const runs = [await engine.runs.start("parent", start), await engine.runs.start("broken")] as const;
      await runs[0].result({ timeout: "20s" });
      await expect(runs[1].result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
      return runs.map(({ id }) => id) as [string, string];
    });
    expect((await rowsLeft(backend))["runs"]).toBe(3);

    await shiftClock(backend.database, 8 * DAY);
    let refused = 0;
    const refuse = (): void => {
      refused += 1;
      throw new Error("the archive is away");
    };
    await during({ retention: { succeeded: "7d", onDelete: refuse } }, async (engine) => {
      await expect.poll(() => refused, { timeout: 20_000 }).toBe(1);
      expect(await engine.runs.get(parent)).not.toBeNull();
    });

    const archived: { header: RunHeader; output: unknown }[] = [];
    await during(
      {
        retention: {
          workspaces: (workspace) => (workspace === "default" ? { succeeded: "7d" } : null),
          onDelete: async (runs) => {
            const archive = backend.engine();
            await archive.start({ work: false, maintain: false });
            for (const header of runs)
              archived.push({ header, output: (await archive.runs.get(header.id))?.output });
          },
        },
      },
      async (engine) => {
        await expect
          .poll(() => rowsLeft(backend), { timeout: 20_000 })
          .toEqual({ runs: 1, node_runs: 1, attempts: 1, dead_letters: 1 });
        expect(archived.map(({ header }) => header.workflow)).toEqual(["parent", "child"]);
        expect(archived[1]!.output).toEqual({ a: LARGE });
        const again = engine.runs.start("parent", start);
        await expect(again).rejects.toMatchObject({ code: "run_expired", runId: parent });
        const other = engine.runs.start("parent", { ...start, input: "other" });
        await expect(other).rejects.toMatchObject({ code: "idempotency_conflict" });
        const byKey = engine.runs.getByKey("order-1", { workflow: "parent" });
        await expect(byKey).rejects.toMatchObject({ code: "run_expired", runId: parent });
        await expect(engine.runs.handle(parent).status()).rejects.toMatchObject({ code: "run_not_found" });
      },
    );

    await shiftClock(backend.database, 366 * DAY);
    const gone: object[] = [];
    const last = backend.engine({ actions });
    last.on("run.unresolvedDeleted", (event) => gone.push(event));
    await last.start();
    await expect.poll(() => rowsLeft(backend), { timeout: 20_000 }).toEqual({});
    expect(gone).toEqual([expect.objectContaining({ runId: broken, workflow: "broken", deadLetters: 1 })]);
    // The key's own time is over too.
    const anew = await last.runs.start("parent", start);
    expect(anew.id).not.toBe(parent);
  });
});
