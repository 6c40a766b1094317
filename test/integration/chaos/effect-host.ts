/** The process that is stopped: `fork("effect-host.ts", [JSON of EffectHostConfig])`. It ends with its parent. */
import { createEngine, type EngineOptions } from "../../../src/index.ts";
import { effectActions } from "./effect-actions.ts";

export interface EffectHostConfig {
  readonly options: EngineOptions;
  readonly provider: string;
}

const { options, provider } = JSON.parse(process.argv[2]!) as EffectHostConfig;
process.on("disconnect", () => process.exit(1));
await using engine = createEngine({ ...options, actions: [...effectActions(provider)] });
await engine.start();
process.send?.("ready");
await new Promise(() => undefined);
