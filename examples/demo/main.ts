/**
 * npm run demo                                        an order, from payment to parcel, on an embedded PostgreSQL
 * npm run demo -- workflow.json --input input.json    a document of your own
 *
 * DATABASE_URL and REDIS_URL, where they are set, are used instead of the embedded server.
 */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { builtInActions } from "../../src/actions.ts";
import {
  createEngine,
  DefinitionError,
  defineWorkflow,
  type Engine,
  type EngineOptions,
  type Logger,
  type Workflow,
} from "../../src/index.ts";
import { startService } from "./service.ts";
import { RunTree } from "./tree.ts";

interface Job {
  readonly definition: unknown;
  readonly input: unknown;
  close(): Promise<void>;
}

async function main(): Promise<void> {
  const job = await readJob();
  try {
    const workflow = defineWorkflow(job.definition);
    await using engine = createEngine({
      ...servers(),
      workflows: [workflow],
      actions: builtInActions,
      logger,
    });
    const startedAt = performance.now();
    await engine.start();
    refuseUnknownActions(engine, workflow);
    console.log(`engine ready after ${Math.round(performance.now() - startedAt)} ms (${serverNames()})\n`);
    const run = await engine.runs.start(workflow, { input: job.input });
    const tree = new RunTree(workflow.document);
    for await (const move of run.events()) tree.show(move);
    tree.finish();
    console.log("\nresult:", JSON.stringify(await run.result(), null, 2));
  } finally {
    await job.close();
  }
}

/** This is the only process, so nobody else can have an action that is missing here. */
function refuseUnknownActions(engine: Engine, { name, document }: Workflow): void {
  const { ok, issues } = engine.workflows.validate(document);
  if (!ok) throw new DefinitionError(name, issues);
}

/** The files that were named, or the demo's own order with its partners. */
async function readJob(): Promise<Job> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { input: { type: "string" } },
  });
  const [file] = positionals;
  if (file !== undefined) {
    const input = values.input === undefined ? null : await readJson(values.input);
    return { definition: await readJson(file), input, close: async () => {} };
  }
  const service = await startService();
  const definition = await readJson(new URL("order-fulfilment.json", import.meta.url));
  const order = {
    id: "A-1001",
    customer: "c_1",
    email: "ada@example.com",
    cents: 64_900,
    items: ["lamp", "shade"],
  };
  return { definition, input: { ...order, service: service.url }, close: () => service.close() };
}

async function readJson(file: string | URL): Promise<unknown> {
  const text = await readFile(file, "utf8");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function servers(): EngineOptions {
  const { DATABASE_URL: postgres, REDIS_URL: redis } = process.env;
  return { ...(postgres ? { postgres } : {}), ...(redis ? { redis } : {}) };
}

function serverNames(): string {
  const { DATABASE_URL: postgres, REDIS_URL: redis } = process.env;
  return [
    postgres ? "PostgreSQL from DATABASE_URL" : "embedded PostgreSQL",
    ...(redis ? ["Redis from REDIS_URL"] : []),
  ].join(", ");
}

const logger: Logger = {
  debug: () => {},
  info: (_fields, message) => console.log(message),
  warn: (fields, message) => console.warn("warning:", message, fields),
  error: (fields, message) => console.error("error:", message, fields),
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
