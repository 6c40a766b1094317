/** The thread of `lease-keeper.ts`: renews a worker's row while the main thread gives no sign of life. */
import { parentPort, workerData } from "node:worker_threads";
import type { PoolConfig } from "pg";
import { SteadyClient } from "../postgres-connection/steady-client.ts";

export interface LeaseThreadData {
  readonly settings: PoolConfig;
  /** With its schema, quoted. */
  readonly table: string;
  /** The store's clock, as SQL. */
  readonly now: string;
  readonly leaseMs: number;
  /** A main thread that was silent for longer is not helped any more. */
  readonly patienceMs: number;
  readonly signOfLife: BigInt64Array;
}

const { settings, table, now, leaseMs, patienceMs, signOfLife } = workerData as LeaseThreadData;
const text = `update ${table} set heartbeat_at = ${now} where id = $1 and dead_at is null`;

let workerId: string | null = null;
let client: SteadyClient | null = null;
let busy = false;

function silentMs(): number {
  return Number(process.hrtime.bigint() - Atomics.load(signOfLife, 0)) / 1e6;
}

async function renew(id: string): Promise<void> {
  if (client === null) {
    client = new SteadyClient({ connectionTimeoutMillis: leaseMs, query_timeout: leaseMs, ...settings });
    client.on("error", () => (client = null));
    await client.connect();
  }
  await client.query(text, [id]);
}

async function look(): Promise<void> {
  const silent = silentMs();
  // The main thread sends its own heartbeat after a quarter of a lease, give or take half of that; this is well before the end of it.
  const isNeeded = workerId !== null && silent > leaseMs * 0.2 && silent <= patienceMs;
  const before = client;
  try {
    if (isNeeded) await renew(workerId!);
    else client = null;
    if (!isNeeded) await before?.end();
  } catch {
    // The server is away, or busy: another look comes soon, and nobody is helped by words from here.
    client = null;
  }
}

parentPort!.on("message", (id: string | null) => (workerId = id));
setInterval(() => {
  if (busy) return;
  busy = true;
  void look().finally(() => (busy = false));
}, leaseMs / 10);
