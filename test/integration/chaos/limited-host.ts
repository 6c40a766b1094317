/** A worker whose actions never end: `fork("limited-host.ts", [JSON of the engine's options])`. It ends with its parent. */
import { createEngine, type EngineOptions } from "../../../src/index.ts";
import { endless } from "./limited-actions.ts";

process.on("disconnect", () => process.exit(1));
const engine = createEngine({ ...(JSON.parse(process.argv[2]!) as EngineOptions), actions: [endless] });
await engine.start();
