/**
 * Versions of workflows in the memory of this process, with their compiled plans: compiled once, kept while they are in use. The first of
 * three places; `Versions` asks the other two.
 */
import { compilePlan } from "../core/graph/compile-plan.ts";
import type { Plan } from "../core/graph/plan.ts";
import type { VersionHead, WorkflowVersion } from "../core/ports/store.ts";
import type { Observer } from "./observer.ts";
import type { VersionKey, Versions } from "./versions.ts";

export type PlanKey = VersionKey;

interface Kept {
  readonly version: WorkflowVersion;
  readonly plan: Plan;
  /** Characters of its JSON. */
  readonly size: number;
}

export interface PlansOptions {
  readonly versions: Pick<Versions, "load">;
  readonly observer: Pick<Observer, "definition">;
  readonly bounds?: PlanBounds;
}

/** What is used least goes first. What is used just now stays, however large it is. */
export interface PlanBounds {
  readonly plans: number;
  /** Characters of JSON, all definitions together. A plan takes several times as many bytes. */
  readonly size: number;
}

const BOUNDS: PlanBounds = { plans: 1_000, size: 32 * 1_048_576 };

export class Plans {
  readonly #options: PlansOptions;
  readonly #bounds: PlanBounds;
  /** The one that was used last is the last. */
  readonly #kept = new Map<string, Kept>();
  readonly #loading = new Map<string, Promise<Kept | null>>();
  #size = 0;

  constructor(options: PlansOptions) {
    this.#options = options;
    this.#bounds = options.bounds ?? BOUNDS;
  }

  /** The plan if it is here already: the hot path does not wait. */
  peek(key: PlanKey): Plan | undefined {
    return this.#use(nameOf(key))?.plan;
  }

  /** `null`: the store has no such version. */
  async get(key: PlanKey): Promise<Plan | null> {
    return (await this.#get(key))?.plan ?? null;
  }

  /** The same with everything that is known of the version. `head`: where somebody has just asked for it. */
  async version(key: PlanKey, head?: VersionHead): Promise<WorkflowVersion | null> {
    return (await this.#get(key, head))?.version ?? null;
  }

  /** Puts a version that was just saved, so that nobody has to read it again. */
  put(version: WorkflowVersion): Plan {
    const name = nameOf({ workspace: version.workspace, workflow: version.name, version: version.version });
    return (this.#kept.get(name) ?? this.#keep(name, version)).plan;
  }

  async #get(key: PlanKey, head?: VersionHead): Promise<Kept | null> {
    const name = nameOf(key);
    const known = this.#use(name);
    if (known) return known;
    const underWay = this.#loading.get(name);
    if (underWay) {
      this.#options.observer.definition("memory");
      return underWay;
    }
    const loading = this.#load(key, head).finally(() => this.#loading.delete(name));
    this.#loading.set(name, loading);
    return loading;
  }

  async #load(key: PlanKey, head: VersionHead | undefined): Promise<Kept | null> {
    const version = await this.#options.versions.load(key, head);
    const name = nameOf(key);
    return version && (this.#kept.get(name) ?? this.#keep(name, version));
  }

  #use(name: string): Kept | undefined {
    const kept = this.#kept.get(name);
    if (!kept) return undefined;
    this.#options.observer.definition("memory");
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    return kept;
  }

  #keep(name: string, version: WorkflowVersion): Kept {
    const size = JSON.stringify(version.document).length;
    const kept = { version, plan: compilePlan(version.document), size };
    this.#kept.set(name, kept);
    this.#size += size;
    for (const [oldest, { size: freed }] of this.#kept) {
      const isWithin = this.#kept.size <= this.#bounds.plans && this.#size <= this.#bounds.size;
      if (isWithin || oldest === name) break;
      this.#kept.delete(oldest);
      this.#size -= freed;
    }
    return kept;
  }
}

function nameOf(key: PlanKey): string {
  return `${key.workspace}\n${key.workflow}\n${key.version}`;
}
