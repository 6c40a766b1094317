/** A process that redrives a dead letter with another version: `fork("moving-host.ts", [JSON of MovingConfig])`. It ends with its parent. */
import { createEngine, type EngineOptions } from "../../../src/index.ts";
import { action } from "../engine/documents.ts";

export interface MovingConfig {
  readonly connection: EngineOptions;
  readonly letter: string;
  readonly version: number;
}

const { connection, letter, version } = JSON.parse(process.argv[2]!) as MovingConfig;
process.on("disconnect", () => process.exit(1));
const forever = new Promise<never>(() => undefined);
const engine = createEngine({ ...connection, actions: [action("pay2", () => forever)] });
await engine.start();
await engine.deadLetters.redrive(letter, { version });
