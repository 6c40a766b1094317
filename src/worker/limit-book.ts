/**
 * The limits of workspaces as this process knows them: what was set is read when it starts, and what is new every second. Whoever asks
 * waits for nothing.
 */
import {
  type LimitsInForce,
  type LimitsLayer,
  layerOf,
  limitsInForce,
} from "../core/limits/workspace-limits.ts";
import type { LimitStore, StoredLimits } from "../core/ports/limits.ts";
import type { Logger } from "../core/ports/logger.ts";

export interface LimitBookOptions {
  readonly limits: LimitStore;
  readonly rules: {
    readonly plans: ReadonlyMap<string, LimitsLayer>;
    readonly base: LimitsLayer;
  };
  readonly logger: Logger;
}

const EVERY_MS = 1_000;
/** Limits of workspaces that were deleted are only found to be gone when all are read. */
const ALL_EVERY = 60;

export class LimitBook {
  readonly #options: LimitBookOptions;
  readonly #base: LimitsInForce;
  #set = new Map<string, LimitsInForce>();
  /** Set in this process since the store was asked last: what it answers may be older. */
  #putSince = new Map<string, StoredLimits>();
  #readAt: number | null = null;
  #rounds = 0;
  readonly #listeners: (() => void)[] = [];

  constructor(options: LimitBookOptions) {
    this.#options = options;
    this.#base = limitsInForce([options.rules.base]);
  }

  of(workspace: string): LimitsInForce {
    return this.#set.get(workspace) ?? this.#base;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Of this process, before it reads it again. */
  put(stored: StoredLimits): void {
    this.#putSince.set(stored.workspace, stored);
    this.#put(this.#set, stored);
    this.#tell();
  }

  /** Reads what is new. Says when it wants to look again, in milliseconds. */
  async refresh(): Promise<number> {
    const all = this.#rounds++ % ALL_EVERY === 0;
    this.#putSince = new Map();
    const { now, limits } = await this.#options.limits.since(all ? null : this.#readAt);
    const known = all ? new Map<string, LimitsInForce>() : this.#set;
    for (const stored of [...limits, ...this.#putSince.values()]) this.#put(known, stored);
    this.#set = known;
    this.#readAt = now;
    if (limits.length > 0 || all) this.#tell();
    return EVERY_MS;
  }

  /** What holds for a workspace of which this is stored. */
  inForce({ workspace, plan, limits }: StoredLimits): LimitsInForce {
    const { rules, logger } = this.#options;
    const named = plan === null ? undefined : rules.plans.get(plan);
    if (plan !== null && !named)
      logger.warn(
        { workspace, plan },
        "a workspace has a plan that this engine does not know; it has the limits of all",
      );
    const own = layerOf(limits, `workspace "${workspace}"`);
    return limitsInForce([own, ...(named ? [named] : []), rules.base]);
  }

  #put(known: Map<string, LimitsInForce>, stored: StoredLimits): void {
    try {
      known.set(stored.workspace, this.inForce(stored));
    } catch (error) {
      const { workspace } = stored;
      const before = this.#set.get(workspace);
      if (before) known.set(workspace, before);
      this.#options.logger.error(
        { error, workspace },
        "the limits of a workspace cannot be read; they stay as they were",
      );
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
