/** Memos of node runs. */
import type { Json } from "../../core/json.ts";
import type { MemoRef } from "../../core/ports/memos.ts";
import { assertText } from "./commit-entry.ts";
import { jsonText } from "./json-text.ts";
import { nodeKey, type Tables } from "./tables.ts";

export class MemoTable {
  readonly #tables: Tables;
  /** JSON texts by name, by node run and generation. */
  readonly #memos = new Map<string, Map<string, string>>();

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  all(ref: MemoRef): ReadonlyMap<string, Json> {
    const texts = [...(this.#memos.get(keyOf(ref)) ?? [])];
    return new Map(texts.map(([name, text]) => [name, JSON.parse(text) as Json]));
  }

  save(ref: MemoRef, name: string, value: Json): boolean {
    assertText(name);
    const record = this.#tables.runs.get(ref.runId)?.nodes.get(nodeKey(ref))?.record;
    if (record?.status !== "running" || record.fence !== ref.fence || record.generation !== ref.generation)
      return false;
    const key = keyOf(ref);
    const memos = this.#memos.get(key) ?? new Map<string, string>();
    this.#memos.set(key, memos.set(name, jsonText(value)));
    return true;
  }

  forget(runId: string): void {
    for (const key of this.#memos.keys())
      if (key.startsWith(JSON.stringify([runId]).slice(0, -1))) this.#memos.delete(key);
  }
}

function keyOf({ runId, node, item, generation }: MemoRef): string {
  return JSON.stringify([runId, node, item, generation]);
}
