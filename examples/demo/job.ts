/** What the demo is asked to run: the files that were named, or its own order with the shop's partners. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { startService } from "./service.ts";

export const USAGE: string = `npm run demo                                        an order, from payment to parcel
npm run demo -- workflow.json --input input.json    a document of your own, with http.request, transform and log

On a terminal the order is followed by more of them, and by refunds and letters, with the address of a dashboard to look at them, until
Ctrl-C. --dashboard does that elsewhere and with a document of your own, which runs once; --no-dashboard ends after the first run.

DATABASE_URL and REDIS_URL, where they are set, are used instead of an embedded PostgreSQL server.`;

export interface Job {
  readonly definition: unknown;
  readonly input: unknown;
  /** Whether the dashboard is shown until Ctrl-C. */
  readonly dashboard: boolean;
  /** Of the shop's partners; `null`: the document is the user's own. */
  readonly service: string | null;
  close(): Promise<void>;
}

/** A mistake in what was asked for, to be shown as it stands. */
export class UsageError extends Error {}

/** `"help"`: nothing is to be run. Throws `UsageError`. */
export async function readJob(args: readonly string[]): Promise<Job | "help"> {
  const { positionals, values } = parse(args);
  if (values.help) return "help";
  const [file, ...more] = positionals;
  if (more.length > 0)
    throw new UsageError(`One workflow at a time: ${more.join(" ")} is too much.\n\n${USAGE}`);
  if (file !== undefined) {
    const definition = await readJson(fromCaller(file));
    const input = values.input === undefined ? null : await readJson(fromCaller(values.input));
    return { definition, input, dashboard: values.dashboard ?? false, service: null, close: async () => {} };
  }
  if (values.input !== undefined)
    throw new UsageError(`--input goes with a workflow of your own.\n\n${USAGE}`);
  const isWatched = process.stdout.isTTY === true && !process.env["CI"];
  return order(values.dashboard ?? isWatched);
}

function parse(args: readonly string[]) {
  try {
    const options = {
      input: { type: "string" },
      dashboard: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    } as const;
    return parseArgs({ args: [...args], allowPositionals: true, allowNegative: true, options });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`, { cause: error });
  }
}

async function order(dashboard: boolean): Promise<Job> {
  const definition = await readJson(path.join(import.meta.dirname, "order-fulfilment.json"));
  const service = await startService();
  const input = {
    id: "A-1001",
    customer: "c_1",
    email: "ada@example.com",
    cents: 64_900,
    items: ["lamp", "shade"],
    service: service.url,
  };
  return { definition, input, dashboard, service: service.url, close: () => service.close() };
}

/** npm runs scripts in the package's folder, wherever the user is. */
function fromCaller(file: string): string {
  const { npm_lifecycle_event: script, INIT_CWD: caller } = process.env;
  return path.resolve(script === "demo" && caller !== undefined ? caller : process.cwd(), file);
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException): never => {
    const reason = error.code === "ENOENT" ? "there is no such file" : error.message;
    throw new UsageError(`${file} cannot be read: ${reason}.`, { cause: error });
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is not JSON: ${(error as Error).message}.`, { cause: error });
  }
}
