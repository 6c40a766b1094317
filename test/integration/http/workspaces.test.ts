/** Workspaces as a whole over HTTP: a login has its own, an administrator of the installation has all of them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHandler } from "../../../src/http.ts";
import { type Api, openApi } from "./api.ts";

const ALL = { "x-operator": "1" };

let api: Api;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api[Symbol.asyncDispose]());

async function ask(
  line: string,
  headers: Record<string, string> = {},
  body?: unknown,
): Promise<readonly [number, unknown]> {
  const response = await api.call(line, body, headers);
  return [response.status, await response.json()];
}

test("a login reads and exports its own workspace, and no other one", async () => {
  expect(await ask("GET /workspaces/mine")).toMatchObject([200, { workspace: "mine", versions: 1 }]);
  const lines = await api.call("GET /workspaces/mine/export");
  expect(lines.headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8");
  const [first, second] = (await lines.text()).trimEnd().split("\n");
  expect(JSON.parse(first!)).toMatchObject({ type: "workspace", workspace: "mine" });
  expect(JSON.parse(second!)).toMatchObject({ type: "workflow", name: "waiting" });
  for (const path of ["/workspaces/other", "/workspaces/other/export", `/workspaces/${"x".repeat(200)}`])
    expect(await ask(`GET ${path}`)).toMatchObject([404, { code: "workspace_not_found" }]);
});

test("only with allWorkspaces others are seen and deleted, whatever `can` says", async () => {
  expect((await ask("DELETE /workspaces/mine"))[0]).toBe(403);
  const can = (): boolean => true;
  const handler = createHandler(api.engine, { authorize: () => ({ workspace: "mine", can }) });
  const request = new Request("http://flow.test/workspaces/mine", { method: "DELETE" });
  expect((await handler(request)).status).toBe(403);

  const { operations: own } = (await ask("GET /session"))[1] as { operations: string[] };
  const { operations: all } = (await ask("GET /session", ALL))[1] as { operations: string[] };
  expect(own).toEqual(expect.arrayContaining(["workspaces.get", "workspaces.export"]));
  expect(own).not.toContain("workspaces.delete");
  expect(all).toContain("workspaces.delete");

  expect(await ask("GET /workspaces/other", ALL)).toMatchObject([200, { workspace: "other" }]);
});

test("a deletion says what it removed, and leaves the others as they are", async () => {
  const run = await api.engine.runs.start("waiting", { workspace: "other" });
  expect(await ask("DELETE /workspaces/other?grace=never", ALL)).toMatchObject([
    400,
    { code: "duration_invalid" },
  ]);
  expect(await ask("DELETE /workspaces/other?grace=1s", ALL)).toMatchObject([
    200,
    { workspace: "other", runs: 1, versions: 1 },
  ]);
  expect(await api.engine.runs.get(run.id, { workspace: "other" })).toBeNull();
  expect(await ask("GET /workspaces/other", ALL)).toMatchObject([404, { code: "workspace_not_found" }]);
  expect((await ask("GET /workspaces/mine"))[0]).toBe(200);
});

test("a login reads its own limits and sets none, and who looks after all of them sets them, with an entry where they hold", async () => {
  expect(await ask("GET /workspaces/mine/limits")).toMatchObject([
    200,
    { workspace: "mine", set: null, inForce: { concurrency: null, queued: "share", weight: 1 } },
  ]);
  expect(await ask("GET /workspaces/other/limits")).toMatchObject([404, { code: "workspace_not_found" }]);
  const put = (body: unknown, headers = ALL): ReturnType<typeof ask> =>
    ask("PUT /workspaces/other/limits", headers, body);
  expect((await ask("PUT /workspaces/mine/limits", {}, { concurrency: 1_000 }))[0]).toBe(403);

  const set = { plan: "pro", rate: { limit: 60, per: "1m" }, queued: null };
  const holds = { rate: { perSecond: 1, burst: 1 }, concurrency: 50, queued: null };
  expect(await put(set)).toMatchObject([200, { workspace: "other", set, inForce: holds }]);
  expect(await ask("GET /workspaces/other/limits", ALL)).toMatchObject([200, { set, inForce: holds }]);
  const { items } = await api.engine.audit.list({ workspace: "other", action: "workspaces.setLimits" });
  expect(items).toMatchObject([{ actor: "ada", kind: "workspace", subject: "other", details: set }]);

  for (const bad of [
    { concurrency: 0 },
    { weight: null },
    { plan: "gold" },
    { rate: { limit: 1, per: "1y" } },
    { none: 1 },
  ])
    expect([bad, (await put(bad))[0]]).toEqual([bad, 400]);
  expect(await put({})).toMatchObject([200, { set: null, inForce: { rate: null, concurrency: null } }]);
});

test("where everybody only looks, an administrator deletes nothing", async () => {
  const authorize = (): { workspace: string; allWorkspaces: true } => ({
    workspace: "mine",
    allWorkspaces: true,
  });
  const handler = createHandler(api.engine, { authorize, readOnly: true });
  const request = new Request("http://flow.test/workspaces/mine", { method: "DELETE" });
  expect((await handler(request)).status).toBe(403);
  expect((await handler(new Request("http://flow.test/workspaces"))).status).toBe(200);
});

test("whoever goes away ends the export", async () => {
  const response = await api.call("GET /workspaces/mine/export");
  const reader = response.body!.getReader();
  expect((await reader.read()).done).toBe(false);
  await reader.cancel();
  expect((await reader.read()).done).toBe(true);
});
