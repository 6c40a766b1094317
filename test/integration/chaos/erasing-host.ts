/** A process that deletes the workspace `acme`: `fork("erasing-host.ts", [JSON of the engine's options])`. It ends with its parent. */
import { createEngine, type EngineOptions } from "../../../src/index.ts";

process.on("disconnect", () => process.exit(1));
const engine = createEngine(JSON.parse(process.argv[2]!) as EngineOptions);
await engine.start({ work: false, maintain: false });
await engine.workspaces.delete("acme", { grace: 0 });
