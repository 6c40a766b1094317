/** The process that is stopped: `fork("worker.ts", [JSON of CrashWorkerConfig])`. It ends with its parent. */
import pg from "pg";
import { createEngine, type EngineOptions } from "../../../../src/index.ts";
import { actions } from "./scenario.ts";

export interface CrashWorkerConfig {
  readonly connection: EngineOptions;
  /** Address of the database in which executions are noted. */
  readonly effects: string;
}

const { connection, effects } = JSON.parse(process.argv[2]!) as CrashWorkerConfig;
const pool = new pg.Pool({ connectionString: effects, max: 5 });
pool.on("error", () => undefined);
process.on("disconnect", () => process.exit(1));

await using engine = createEngine({
  ...connection,
  actions: [
    ...actions(async ({ run, node, attempt, idempotencyKey }) => {
      const values = [run.id, node.id, attempt, process.pid, idempotencyKey];
      await pool.query(
        "insert into effects (run_id, node, attempt, pid, key) values ($1, $2, $3, $4, $5)",
        values,
      );
    }),
  ],
});
await engine.start();
process.send?.("ready");
await new Promise(() => undefined);
