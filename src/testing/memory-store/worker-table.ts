/** Workers: a lease holds exactly while the worker's row is there and nobody has declared it dead. */
import { FlowForgeError } from "../../core/errors.ts";
import type { Beat, NodeRef, Store, WorkerInfo } from "../../core/ports/store.ts";
import type { WorkerRoom } from "../../core/stuck/judge.ts";
import type { MemoryNode, MemoryRun, Tables } from "./tables.ts";

interface MemoryWorker {
  readonly info: WorkerInfo;
  heartbeatAt: number;
  dead: boolean;
  deadAt: number;
}

export class WorkerTable {
  readonly #tables: Tables;
  readonly #workers = new Map<string, MemoryWorker>();

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  register(info: WorkerInfo, now: number): void {
    const { id } = info;
    if (this.#workers.has(id)) {
      throw new FlowForgeError("internal", {
        subject: `worker "${id}"`,
        received: "a second registration under this id",
        next: "Register every worker process under a new id.",
      });
    }
    this.#workers.set(id, { info, heartbeatAt: now, dead: false, deadAt: Infinity });
  }

  beat(id: string, now: number): Beat {
    const worker = this.#workers.get(id);
    const alive = worker !== undefined && !worker.dead;
    if (alive) worker.heartbeatAt = now;
    const runs = new Set([...this.#rows(id)].map((node) => node.run));
    return { alive, now, cancelled: [...runs].filter(isCancelled).map((run) => run.header.id) };
  }

  deregister(id: string, now: number): void {
    const worker = this.#workers.get(id);
    if (worker && !worker.dead) Object.assign(worker, { dead: true, deadAt: now });
  }

  /** Dead since this time or longer, or never here. */
  isGone(id: string, since: number): boolean {
    return (this.#workers.get(id)?.deadAt ?? -Infinity) <= since;
  }

  /** Of those that are alive. */
  rooms(): readonly WorkerRoom[] {
    return [...this.#workers.values()]
      .filter(({ dead }) => !dead)
      .map(({ info: { id, lanes, actions = null } }) => ({
        lanes,
        actions,
        running: [...this.#rows(id)].length,
      }));
  }

  isAlive(id: string): boolean {
    return this.#workers.get(id)?.dead === false;
  }

  live(): number {
    return [...this.#workers.values()].filter((worker) => !worker.dead).length;
  }

  scarceActions(): ReadonlyMap<string, number> {
    const working = this.rooms().filter(({ actions }) => actions !== null && actions.length > 0);
    const all = working.flatMap(({ actions }) => [...new Set(actions)]);
    const parts = Map.groupBy(all, (action) => action).entries();
    return new Map(
      [...parts]
        .map(([action, { length }]) => [action, length / working.length] as const)
        .filter(([, part]) => part < 1),
    );
  }

  /** Node runs that the live ones together run at once. */
  capacity(): number {
    return [...this.#workers.values()].reduce(
      (sum, { dead, info }) => sum + (dead || info.actions?.length === 0 ? 0 : info.concurrency),
      0,
    );
  }

  roll(id: string): NodeRef[] {
    return [...this.#rows(id)].map(nodeRef);
  }

  reap({ leaseMs, watch, limit }: Parameters<Store["reap"]>[0], now: number): NodeRef[] {
    for (const worker of this.#workers.values()) {
      const lease = Math.max(worker.info.leaseMs ?? 0, leaseMs);
      const isSilent = Math.max(worker.heartbeatAt, watch.since) < watch.until - lease;
      if (isSilent && !worker.dead) Object.assign(worker, { dead: true, deadAt: now });
    }
    const orphans: NodeRef[] = [];
    for (const [id, rows] of this.#tables.running) {
      if (this.#workers.get(id)?.dead === false) continue;
      for (const node of rows) {
        if (orphans.length >= limit) return orphans;
        orphans.push(nodeRef(node));
      }
    }
    return orphans;
  }

  #rows(id: string): Iterable<MemoryNode> {
    return this.#tables.running.get(id) ?? [];
  }
}

function isCancelled({ header, inbox }: MemoryRun): boolean {
  return (
    header.cancelled || [...inbox.values()].some((message) => message.kind === "cancel" && !message.kept)
  );
}

export function nodeRef({ run, record: { node, item, fence } }: MemoryNode): NodeRef {
  return { runId: run.header.id, node, item, fence };
}
