/** The process that is stopped: `fork("worker.ts", [JSON of CrashWorkerConfig])`. It ends with its parent. */
import pg from "pg";
import { createEngine, type EngineOptions } from "../../../../src/index.ts";
import { noteIn } from "./notes.ts";
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

const note = noteIn((text, values) => pool.query(text, [...values]));
await using engine = createEngine({ ...connection, actions: actions(note) });
await engine.start();
process.send?.("ready");
await new Promise(() => undefined);
