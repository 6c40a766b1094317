/** What the items of a map pass to its action: made from the list, from outputs of nodes, and from what is undone. */
import type { RegisteredAction } from "../../actions/registry.ts";
import type { Json } from "../../core/json.ts";
import type { ClaimedItem, MapRef } from "../../core/ports/maps.ts";
import type { ActiveRun } from "../active-run.ts";
import type { RunEnvironment } from "../environment.ts";
import { acceptInput, missingOutputs, prepareInput, type Prepared, type RenderContext } from "../prepare.ts";
import type { MapNode } from "./map-node.ts";

export interface ItemInputsOptions {
  readonly env: RunEnvironment<ActiveRun>;
  readonly run: ActiveRun;
  readonly node: MapNode;
  readonly action: RegisteredAction;
}

export class ItemInputs {
  readonly #options: ItemInputsOptions;
  /** The map whose list this is: the one that is undone, or the map itself. */
  readonly #source: MapRef;
  readonly #undoes: string | null;
  #list: readonly Json[] | null = null;
  /** What the items gave that are undone next. */
  #outputs: ReadonlyMap<number, Json> = new Map();

  constructor(options: ItemInputsOptions) {
    const { run, node } = options;
    this.#options = options;
    this.#undoes = node.map.list ? null : run.plan!.nodes[node.compensates!]!.id;
    this.#source = { runId: run.id, node: this.#undoes ?? node.id };
  }

  /** Reads what these items are made of. */
  async read(items: readonly ClaimedItem[]): Promise<void> {
    const unread = items.filter(({ input }) => input === undefined).map(({ item }) => item);
    if (unread.length === 0) return;
    const { env, run, node } = this.#options;
    const missing = missingOutputs(node.input, this.#rendering(null));
    if (missing.length > 0) await run.fetch(missing);
    if (this.#undoes !== null) this.#outputs = await env.store.itemOutputs(this.#source, unread);
    if (this.#list !== null) return;
    const [list] = await env.store.inputs([{ ...this.#source, item: -1, fence: 0 }]);
    this.#list = Array.isArray(list) ? (list as readonly Json[]) : [];
  }

  /** An input that was given by hand stays as it was given: each claim takes it through the schema once. */
  prepare({ item, input, edited }: ClaimedItem): Prepared {
    const { env, node, action } = this.#options;
    if (input !== undefined && edited === null) return { ok: true, value: input, bytes: 0 };
    if (input !== undefined) return acceptInput(input, action, env.limits);
    const place = { value: this.#list![item] ?? null, index: item };
    const context = this.#rendering(this.#outputs.get(item) ?? null);
    return prepareInput(node.input, action, { ...context, item: place });
  }

  #rendering(output: Json): RenderContext {
    const { env, run } = this.#options;
    return {
      plan: run.plan!,
      data: run.data!,
      limits: env.limits,
      node: (index) => run.state!.nodes[index]!,
      ...(this.#undoes === null ? {} : { undone: { node: this.#undoes, output } }),
    };
  }
}
