/** What a process that maintains does again and again for everybody, beside what a worker wakes itself. Each looks by itself and waits for no other. */
import type { Lease } from "../lease.ts";
import type { Loader } from "../loader.ts";
import type { RunTable } from "../run-table.ts";
import { Ticks } from "../ticks.ts";
import type { WorkerOptions } from "../worker-options.ts";
import { auditRound } from "./audit.ts";
import { feedRound } from "./feed.ts";
import { gatesRound } from "./gates.ts";
import { keysRound } from "./keys.ts";
import { reaperRound } from "./reaper.ts";
import { retentionRound } from "./retention.ts";
import { sweeperRound } from "./sweeper.ts";
import { tickerRound } from "./ticker.ts";
import { webhooksRound } from "./webhooks.ts";

export interface MaintenanceParts {
  readonly options: WorkerOptions;
  readonly table: RunTable;
  readonly loader: Loader;
  readonly lease: Lease;
  /** So many tasks were sent again. */
  readonly onLost: (count: number) => void;
}

/** By the name of their loop. A round says after how many milliseconds the next one is wanted. */
export function maintenanceRounds({ options, table, loader, lease, onLost }: MaintenanceParts): {
  readonly [loop: string]: () => Promise<number>;
} {
  const { store, scheduler, registry, lanes, leaseMs, logger, deliveries, retention } = options;
  const ticks = new Ticks({ store, logger, runs: options.ticks, loader, onMissed: options.onMissed });
  return {
    keys: keysRound(store),
    feed: feedRound(store),
    ticker: tickerRound(store, ticks),
    webhooks: webhooksRound(store, deliveries, logger),
    audit: auditRound(store, options.auditKeepMs),
    retention: retentionRound({ store, rules: retention, logger }),
    gates: gatesRound(store, table.admissions),
    sweeper: sweeperRound({ store, scheduler, table, lanes, onLost }),
    reaper: reaperRound({ store, table, leaseMs, registry, lease }),
  };
}
