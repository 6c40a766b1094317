/** A process that runs the actions that come with FlowForge: `fork("built-in-host.ts", [JSON of EngineOptions])`. It ends with its parent. */
import { builtInActions } from "../../../src/actions.ts";
import { createEngine, type EngineOptions } from "../../../src/index.ts";

const options = JSON.parse(process.argv[2]!) as EngineOptions;
process.on("disconnect", () => process.exit(1));
await using engine = createEngine({ ...options, actions: [...builtInActions] });
await engine.start();
process.send?.("ready");
await new Promise(() => undefined);
