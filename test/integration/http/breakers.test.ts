/** Circuit breakers over HTTP: what is open in the caller's workspace, and both ways by hand. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, openApi } from "./api.ts";

let api: Api;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api[Symbol.asyncDispose]());

async function ask(line: string, headers: Record<string, string> = {}): Promise<readonly [number, unknown]> {
  const response = await api.call(line, line.startsWith("GET") ? undefined : {}, headers);
  return [response.status, await response.json()];
}

test("one is opened, listed page by page, and closed, in the caller's workspace alone", async () => {
  const odd = "api.crm.example:8443/a b";
  const path = `/breakers/target/${encodeURIComponent(odd)}`;
  expect(await ask(`POST ${path}/open`)).toEqual([200, {}]);
  expect(await ask("POST /breakers/credential/crm/open")).toEqual([200, {}]);
  const byHand = { workspace: "mine", phase: "open", byHand: true, attempts: 0, failed: 0, parked: 0 };
  const first = await ask("GET /breakers?limit=1");
  expect(first).toMatchObject([200, { items: [{ ...byHand, scope: "credential", name: "crm" }] }]);
  const { cursor } = first[1] as { cursor: string };
  expect(await ask(`GET /breakers?cursor=${encodeURIComponent(cursor)}`)).toMatchObject([
    200,
    { items: [{ ...byHand, scope: "target", name: odd }], cursor: null },
  ]);
  expect(await ask("GET /breakers", { authorization: "other" })).toEqual([200, { items: [], cursor: null }]);
  expect(await ask(`POST ${path}/close`, { authorization: "other" })).toEqual([200, {}]);
  expect(await ask(`POST ${path}/close`)).toEqual([200, {}]);
  const { items } = await api.engine.breakers.list({ workspace: "mine" });
  expect(items.filter(({ phase }) => phase === "open").map(({ name }) => name)).toEqual(["crm"]);
});

test("what is no scope, no cursor, or too long to be a name is refused", async () => {
  expect(await ask("POST /breakers/planet/mars/open")).toMatchObject([400, { code: "http_request_invalid" }]);
  expect(await ask("GET /breakers?cursor=none")).toMatchObject([400, { code: "option_invalid" }]);
  expect(await ask(`POST /breakers/target/${"x".repeat(201)}/open`)).toMatchObject([
    400,
    { code: "option_invalid" },
  ]);
});
