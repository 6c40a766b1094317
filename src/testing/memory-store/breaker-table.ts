/** Breakers, and the node runs that are parked behind them. */
import type { BreakerState } from "../../core/breaker/breaker.ts";
import type { BreakerKey } from "../../core/breaker/key.ts";
import {
  type BreakerStore,
  MOST_PARKED,
  type ParkedNode,
  type ParkedQuery,
  type StoredBreaker,
} from "../../core/ports/breakers.ts";

interface Line extends ParkedNode {
  readonly by: BreakerKey;
}

export class BreakerTable implements BreakerStore {
  readonly #now: () => number;
  readonly #breakers = new Map<string, StoredBreaker>();
  /** In the order in which they were parked. */
  readonly #lines = new Map<string, Line>();

  constructor(now: () => number) {
    this.#now = now;
  }

  async read(keys: readonly BreakerKey[]): ReturnType<BreakerStore["read"]> {
    return keys.map((key) => this.#breakers.get(textOf(key)) ?? null);
  }

  async changed({
    since,
    limit,
  }: Parameters<BreakerStore["changed"]>[0]): ReturnType<BreakerStore["changed"]> {
    const breakers = [...this.#breakers.values()]
      .filter(({ changedAt }) => changedAt >= since)
      .toSorted((a, b) => a.changedAt - b.changedAt)
      .slice(0, limit);
    return { now: this.#now(), breakers };
  }

  async write(writes: Parameters<BreakerStore["write"]>[0]): Promise<readonly boolean[]> {
    return writes.map(({ key, version, state }) => {
      const { workspace, scope, name } = key;
      if ((this.#breakers.get(textOf(key))?.version ?? 0) !== version) return false;
      const copy = JSON.parse(JSON.stringify(state)) as BreakerState;
      this.#breakers.set(textOf(key), {
        workspace,
        scope,
        name,
        version: version + 1,
        changedAt: this.#now(),
        state: copy,
      });
      return true;
    });
  }

  async park(nodes: Parameters<BreakerStore["park"]>[0]): Promise<void> {
    for (const { runId, node, fence, lane, action, by } of nodes) {
      const text = JSON.stringify([textOf(by), runId, node]);
      const known = this.#lines.get(text);
      this.#lines.set(
        text,
        known
          ? { ...known, fence: Math.max(known.fence, fence) }
          : { runId, node, fence, lane, action, by: { ...by } },
      );
    }
  }

  async unpark(key: BreakerKey, query: ParkedQuery): Promise<readonly ParkedNode[]> {
    return this.#take(query, ({ by }) => textOf(by) === textOf(key));
  }

  async loose(query: ParkedQuery): Promise<readonly ParkedNode[]> {
    return this.#take(
      query,
      ({ by }) => (this.#breakers.get(textOf(by))?.state.phase ?? "closed") === "closed",
    );
  }

  async parked(keys: readonly BreakerKey[]): Promise<readonly number[]> {
    const lines = [...this.#lines.values()];
    return keys.map((key) =>
      Math.min(MOST_PARKED, lines.filter(({ by }) => textOf(by) === textOf(key)).length),
    );
  }

  async page({
    workspace,
    after,
    limit,
  }: Parameters<BreakerStore["page"]>[0]): Promise<readonly StoredBreaker[]> {
    return [...this.#breakers.values()]
      .filter((each) => each.workspace === workspace && each.state.phase !== "closed")
      .toSorted(byPlace)
      .filter((each) => !after || byPlace(each, after) > 0)
      .slice(0, limit);
  }

  async trim({ olderThanMs, limit }: Parameters<BreakerStore["trim"]>[0]): Promise<number> {
    const before = this.#now() - olderThanMs;
    const old = [...this.#breakers]
      .filter(([, { state, changedAt }]) => state.phase === "closed" && changedAt < before)
      .slice(0, limit);
    for (const [text] of old) this.#breakers.delete(text);
    return old.length;
  }

  forget(workspace: string): void {
    for (const [text, each] of this.#breakers) if (each.workspace === workspace) this.#breakers.delete(text);
    for (const [text, { by }] of this.#lines) if (by.workspace === workspace) this.#lines.delete(text);
  }

  #take({ lanes, actions, limit }: ParkedQuery, fits: (line: Line) => boolean): readonly ParkedNode[] {
    const found = [...this.#lines]
      .filter(([, line]) => lanes.includes(line.lane) && actions.includes(line.action) && fits(line))
      .slice(0, limit);
    for (const [text] of found) this.#lines.delete(text);
    return found.map(([, { by: _by, ...node }]) => node);
  }
}

type Place = Pick<BreakerKey, "scope" | "name">;

function byPlace(a: Place, b: Place): number {
  if (a.scope !== b.scope) return a.scope < b.scope ? -1 : 1;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}

function textOf({ workspace, scope, name }: BreakerKey): string {
  return JSON.stringify([workspace, scope, name]);
}
