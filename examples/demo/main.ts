/** Runs a workflow on an engine of its own and shows how it moves. `USAGE` in job.ts says what can be asked for. */
import { once } from "node:events";
import { builtInActions } from "../../src/actions.ts";
import {
  createEngine,
  DefinitionError,
  defineWorkflow,
  type Engine,
  type EngineOptions,
  FlowForgeError,
  type Logger,
  type RunHandle,
  validateWorkflow,
  type Workflow,
} from "../../src/index.ts";
import { type Dashboard, openDashboard } from "./dashboard.ts";
import { type Job, readJob, USAGE, UsageError } from "./job.ts";
import { keepBusy, shopWorkflows } from "./shop.ts";
import { RunTree } from "./tree.ts";

async function main(): Promise<void> {
  const job = await readJob(process.argv.slice(2));
  if (job === "help") return console.log(USAGE);
  try {
    await run(job);
  } finally {
    await job.close();
  }
}

async function run({ definition, input, dashboard, service }: Job): Promise<void> {
  const workflow = defineWorkflow(definition);
  refuseUnknownActions(workflow);
  const printer = new Printer();
  // The job's own service is on this machine, which workflows of strangers must not call.
  const http = { allowPrivateNetwork: true };
  const more = dashboard && service !== null ? shopWorkflows(service) : [];
  const options = { workflows: [workflow, ...more], actions: builtInActions, http, logger: printer };
  // Not `await using`: Node.js 22 does not know it.
  const engine = createEngine({ ...servers(), ...options });
  let shown: Dashboard | null = null;
  try {
    const startedAt = performance.now();
    console.log(`starting on ${serverNames()}`);
    await engine.start();
    const handle = await engine.runs.start(workflow, { input });
    console.log(`started after ${Math.round(performance.now() - startedAt)} ms\n`);
    shown = dashboard ? await openDashboard(engine) : null;
    if (shown) console.log(`dashboard: ${shown.url}\n`);
    await follow(handle, workflow, printer);
    console.log("\nresult:", JSON.stringify(await handle.result(), null, 2));
    if (shown) await goOn(engine, more.length > 0 ? input : null, { printer, url: shown.url });
  } finally {
    await shown?.close();
    await engine.stop();
  }
}

/** Until Ctrl-C. `order`: of which there are more and more; `null`: none. */
async function goOn(
  engine: Engine,
  order: unknown,
  { printer, url }: { readonly printer: Printer; readonly url: string },
): Promise<void> {
  const stop = new AbortController();
  const ended = Promise.race(["SIGINT", "SIGTERM"].map((name) => once(process, name)));
  void ended.then(() => stop.abort());
  printer.quiet = true;
  console.log(
    `\n${order === null ? "The run is" : "More and more runs are"} on the dashboard until Ctrl-C:\n${url}`,
  );
  // Signals keep no process alive.
  const alive = setInterval(() => {}, 60_000);
  try {
    if (order !== null) await keepBusy(engine, order as object, stop.signal);
    await ended;
  } finally {
    clearInterval(alive);
  }
}

async function follow(handle: RunHandle, { document }: Workflow, printer: Printer): Promise<void> {
  const tree = (printer.tree = new RunTree(document));
  try {
    for await (const move of handle.events()) tree.show(move);
  } finally {
    tree.finish();
    printer.tree = undefined;
  }
}

/** This is the only process, so nobody else can have an action that is missing here. */
function refuseUnknownActions({ name, document }: Workflow): void {
  const known = new Map(builtInActions.map((action) => [action.name, { action }]));
  const { ok, issues } = validateWorkflow(document, {
    names: () => [...known.keys()],
    get: (id) => known.get(id),
  });
  if (!ok) throw new DefinitionError(name, issues);
}

function servers(): EngineOptions {
  const { DATABASE_URL: postgres, REDIS_URL: redis } = process.env;
  return { ...(postgres ? { postgres } : {}), ...(redis ? { redis } : {}) };
}

function serverNames(): string {
  const { DATABASE_URL: postgres, REDIS_URL: redis } = process.env;
  return [
    postgres ? "PostgreSQL from DATABASE_URL" : "an embedded PostgreSQL",
    ...(redis ? ["Redis from REDIS_URL"] : []),
  ].join(", ");
}

/** Log lines go above the tree while there is one. */
class Printer implements Logger {
  tree: RunTree | undefined;
  /** Only errors are shown: the dashboard has the rest. */
  quiet = false;

  debug(): void {}

  info(_fields: object, message: string): void {
    if (this.quiet) return;
    if (this.tree) this.tree.note(message);
    else console.log(message);
  }

  warn(fields: object, message: string): void {
    if (!this.quiet) this.#report(`warning: ${message}`, fields);
  }

  error(fields: object, message: string): void {
    this.#report(`error: ${message}`, fields);
  }

  #report(message: string, fields: object): void {
    if (this.tree && process.stderr.isTTY) this.tree.note(message);
    else console.error(message, fields);
  }
}

main().catch((error: unknown) => {
  // A stack helps nobody with what FlowForge says on purpose.
  console.error(error instanceof UsageError || FlowForgeError.is(error) ? error.message : error);
  process.exitCode = 1;
});
