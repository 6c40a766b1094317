/** Plans by workspace, workflow and version: compiled once, kept while they are in use. */
import { compilePlan } from "../core/graph/compile-plan.ts";
import type { Plan } from "../core/graph/plan.ts";
import type { Store, WorkflowVersion } from "../core/ports/store.ts";

const MAX_PLANS = 1_000;

export interface PlanKey {
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
}

export class Plans {
  readonly #store: Pick<Store, "workflow">;
  readonly #plans = new Map<string, Promise<Plan | null>>();
  readonly #ready = new Map<string, Plan>();

  constructor(store: Pick<Store, "workflow">) {
    this.#store = store;
  }

  /** The plan if it is here already: the hot path does not wait. */
  peek(key: PlanKey): Plan | undefined {
    return this.#ready.get(nameOf(key));
  }

  /** `null`: the store has no such version. */
  get(key: PlanKey): Promise<Plan | null> {
    const name = nameOf(key);
    const known = this.#plans.get(name);
    if (known) return known;
    const loading = this.#load(key, name);
    this.#plans.set(name, loading);
    loading.catch(() => this.#plans.delete(name));
    return loading;
  }

  /** Puts a version that was just saved, so that nobody has to read it again. */
  put(version: WorkflowVersion): Plan {
    const name = nameOf({ workspace: version.workspace, workflow: version.name, version: version.version });
    const ready = this.#ready.get(name);
    if (ready) return ready;
    const plan = compilePlan(version.document);
    this.#keep(name, plan);
    this.#plans.set(name, Promise.resolve(plan));
    return plan;
  }

  async #load(key: PlanKey, name: string): Promise<Plan | null> {
    const version = await this.#store.workflow(key.workspace, key.workflow, key.version);
    if (!version) {
      this.#plans.delete(name);
      return null;
    }
    const plan = compilePlan(version.document);
    this.#keep(name, plan);
    return plan;
  }

  #keep(name: string, plan: Plan): void {
    this.#ready.set(name, plan);
    if (this.#ready.size <= MAX_PLANS) return;
    const oldest = this.#ready.keys().next().value as string;
    this.#ready.delete(oldest);
    this.#plans.delete(oldest);
  }
}

function nameOf(key: PlanKey): string {
  return `${key.workspace}\n${key.workflow}\n${key.version}`;
}
