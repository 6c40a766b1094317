/** Lists over HTTP, page by page: the cursor that one page gives, the next one takes, however long the names are that it is made of. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, openApi } from "./api.ts";

let api: Api;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api[Symbol.asyncDispose]());

interface Page<Item> {
  readonly items: readonly Item[];
  readonly cursor: string | null;
}

async function all<Item>(path: string): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (let after = ""; ;) {
    const response = await api.call(`GET ${path}?limit=1${after}`);
    const page = (await response.json()) as Page<Item>;
    expect([response.status, page.items?.length]).toEqual([200, 1]);
    items.push(...page.items);
    if (page.cursor === null) return items;
    after = `&cursor=${encodeURIComponent(page.cursor)}`;
  }
}

test("events with the longest ids", async () => {
  const ids = ["a", "b", "ü"].map((letter) => letter.repeat(200));
  for (const id of ids) await api.engine.publish("news", null, { workspace: "mine", id });
  const found = await all<{ id: string }>("/events");
  expect(new Set(found.map(({ id }) => id))).toEqual(new Set(ids));
});

test("breakers with the longest names", async () => {
  const names = ["a", '"', "\\"].map((letter) => letter.repeat(200));
  for (const name of names) await api.engine.breakers.open({ workspace: "mine", scope: "target", name });
  const found = await all<{ name: string }>("/breakers");
  expect(new Set(found.map(({ name }) => name))).toEqual(new Set(names));
});
