/**
 * A host process with an embedded engine: `node owner.ts [dataDir]`. Starts a run that waits, says so in one line of JSON, and lives
 * until it is killed.
 */
import { createEngine, defineWorkflow } from "../../../src/index.ts";
import { SLEEPER } from "./sleeper.ts";

const [dataDir] = process.argv.slice(2);
const engine = createEngine({
  ...(dataDir === undefined ? {} : { dataDir }),
  workflows: [defineWorkflow(SLEEPER)],
});
await engine.start();
const run = await engine.runs.start("sleeper");
console.log(JSON.stringify({ runId: run.id }));
process.stdin.resume();
