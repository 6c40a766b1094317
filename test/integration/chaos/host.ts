/**
 * A worker process: `fork("host.ts", [JSON of HostConfig])`. Every execution of an action is a row of the table `effects`, written
 * before the action goes on, so that nothing that happened is lost with this process. It ends with its parent.
 */
import pg from "pg";
import {
  createEngine,
  PermanentError,
  type ActionContext,
  type EngineOptions,
  type Json,
} from "../../../src/index.ts";
import { action } from "../engine/documents.ts";

export interface HostConfig {
  readonly connection: EngineOptions;
  readonly effects: string;
  readonly worker: NonNullable<EngineOptions["worker"]>;
  /** Of `step`, `gate`, `parts`, `left`, `right`, `block`, `deadly` and `broken`. */
  readonly actions: readonly string[];
  /** Milliseconds that `step` takes. */
  readonly stepMs: number;
  /** `gate` waits for the message `open`. */
  readonly closed: boolean;
  /** Milliseconds for which `block` holds the event loop. */
  readonly blockMs: number;
}

export type HostMessage =
  | { readonly type: "ready"; readonly workerId: string | null }
  | { readonly type: "event"; readonly name: string; readonly workerId: string | null }
  | { readonly type: "fatal"; readonly message: string };

const config = JSON.parse(process.argv[2]!) as HostConfig;
const tell = (message: HostMessage): void => void process.send?.(message);
const pool = new pg.Pool({ connectionString: config.effects, max: 10 });
pool.on("error", () => undefined);
const gate = Promise.withResolvers<void>();
if (!config.closed) gate.resolve();

async function note({ run, node, attempt, idempotencyKey }: ActionContext<Json>): Promise<void> {
  const values = [run.id, node.id, attempt, process.pid, idempotencyKey];
  await pool.query(
    "insert into effects (run_id, node, attempt, pid, key) values ($1, $2, $3, $4, $5)",
    values,
  );
}

const counted = ({ input }: ActionContext<Json>): Json => ({
  n: Number((input as { n?: number } | null)?.n ?? 0) + 1,
});

const actions = {
  step: action("step", async (context) => {
    await note(context);
    if (config.stepMs > 0) await new Promise((resolve) => setTimeout(resolve, config.stepMs));
    return counted(context);
  }),
  gate: action("gate", async (context) => {
    await note(context);
    await gate.promise;
    return counted(context);
  }),
  block: action("block", async (context) => {
    await note(context);
    const until = performance.now() + config.blockMs;
    while (performance.now() < until);
    return counted(context);
  }),
  /** Ends its process with what it is given 0, and nobody hears of it. */
  deadly: action("deadly", async (context) => {
    await note(context);
    if ((context.input as { n: number }).n !== 0) return counted(context);
    // Time for what runs beside it to end.
    await new Promise((resolve) => setTimeout(resolve, 300));
    process.kill(process.pid, "SIGKILL");
    return new Promise<never>(() => undefined);
  }),
  broken: action("broken", async (context) => {
    await note(context);
    throw new PermanentError("it cannot be done");
  }),
  parts: action("parts", async (context) => {
    const before = await context.lastCheckpoint();
    for (const part of [1, 2, 3]) {
      await context.step(`part ${part}`, async () => {
        await note({ ...context, node: { ...context.node, id: `part ${part}` } });
        if (part === 3) await gate.promise;
      });
      if (part < 3) await context.checkpoint(part);
    }
    return { before };
  }),
  left: action("left", async (context) => {
    await note(context);
    return counted(context);
  }),
  right: action("right", async (context) => {
    await note(context);
    return counted(context);
  }),
};

const engine = createEngine({
  ...config.connection,
  worker: config.worker,
  actions: config.actions.map((name) => ({
    ...actions[name as keyof typeof actions],
    effect: "idempotent" as const,
  })),
});
for (const name of ["worker.declaredDead", "node.fenced"] as const) {
  engine.on(name, () => tell({ type: "event", name, workerId: engine.workerId }));
}
process.on("uncaughtException", (error) => tell({ type: "fatal", message: String(error.stack) }));
process.on("disconnect", () => process.exit(1));
process.on("message", (message) => {
  if (message === "open") gate.resolve();
  if (message === "stop")
    void engine
      .stop()
      .then(() => pool.end())
      .then(() => process.exit(0));
});

await engine.start();
tell({ type: "ready", workerId: engine.workerId });
