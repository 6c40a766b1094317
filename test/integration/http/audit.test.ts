/** The audit log through HTTP: every operation that does something leaves an entry with who did it, and none leaves what it was given. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHandler } from "../../../src/http.ts";
import { routes } from "../../../src/http/routes.ts";
import type { AuditRecord } from "../../../src/index.ts";
import { type Api, openApi } from "./api.ts";

const SECRET = "Zq9AuditCanary";

let api: Api;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api[Symbol.asyncDispose]());

async function entries(query = ""): Promise<readonly AuditRecord[]> {
  const response = await api.call(`GET /audit?limit=1000${query}`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { items: AuditRecord[] }).items;
}

/** A body that each operation takes. */
const BODIES: Readonly<Record<string, unknown>> = {
  "runs.start": { workflow: "waiting", input: SECRET },
  "runs.startMany": { workflow: "waiting", starts: [{ input: SECRET }] },
  "runs.signalOrStart": { signal: "go", payload: SECRET },
  "runs.signal": { name: "go", payload: SECRET },
  "runs.cancelMany": { filter: { workflow: "waiting" } },
  "runs.pauseMany": { filter: { workflow: "waiting" } },
  "runs.resumeMany": { filter: { workflow: "waiting" } },
  "deadLetters.redriveMany": { filter: { workflow: "waiting" } },
  "deadLetters.discardMany": { filter: { workflow: "waiting" } },
  "workflows.register": { format: 1, name: "made", nodes: {}, edges: [], description: SECRET },
  "workflows.validate": {},
  "approvals.link": { signal: "go", payload: SECRET },
  "approvals.use": { payload: SECRET },
  "credentials.set": { fields: { token: SECRET } },
  "schedules.set": { every: "24h", input: SECRET },
  "schedules.backfill": { from: "2030-01-01T00:00:00Z", to: "2030-01-02T00:00:00Z" },
  "events.publish": { name: "order.paid", payload: SECRET },
  "deadLetters.preview": { version: "latest" },
  "workspaces.setLimits": { concurrency: 7 },
};

const writing = routes.filter(({ method }) => method !== "GET");

/** `schedule`: the workflow is there, the schedule is made by the test. */
function pathOf(path: string): string {
  const names: Readonly<Record<string, string>> = {
    workflow: "waiting",
    schedule: "@night",
    name: "waiting",
    scope: "target",
    // Nobody's, where all of it would go.
    workspace: path.endsWith("/limits") ? "mine" : "0",
  };
  return path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => names[name] ?? "0");
}

describe.each(writing.filter(({ audited }) => audited !== null).map((route) => [route.id, route] as const))(
  "%s",
  (id, { method, path, body, audited, everywhere }) => {
    test("is recorded with who did it, once, and without what it was given", async () => {
      // A link that is none is no doing in any workspace.
      if (id === "approvals.use") return expect(path).toBe("/approvals/{token}");
      const before = (await entries()).length;
      const sent = body ? (BODIES[id] ?? {}) : undefined;
      const response = await api.call(
        `${method} ${pathOf(path)}`,
        sent,
        everywhere ? { "x-operator": "1" } : {},
      );
      const after = await entries();
      expect(after.length).toBe(before + 1);
      const [entry] = after;
      expect(entry).toMatchObject({ workspace: "mine", actor: "ada", action: id, kind: audited });
      expect(entry!.outcome).toBe(response.ok ? "done" : "failed");
      const code = response.ok ? null : ((await response.json()) as { code: string }).code;
      expect(entry!.code).toBe(code);
      expect(entry!.endedAt).not.toBeNull();
      expect(JSON.stringify(after)).not.toContain(SECRET);
    });
  },
);

test("what is not recorded changes nothing, is no person's doing, or is recorded by the engine", () => {
  expect(
    writing
      .filter(({ audited }) => audited === null)
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual([
    "deadLetters.complete",
    "deadLetters.completeMany",
    "deadLetters.discard",
    "deadLetters.discardMany",
    "deadLetters.preview",
    "deadLetters.redrive",
    "deadLetters.redriveMany",
    "webhooks.receive",
    "workflows.validate",
  ]);
});

test("a run's life is found by its id, the newest first", async () => {
  const started = await api.call("POST /runs", {
    workflow: "waiting",
    input: SECRET,
    labels: { customer: "7" },
  });
  const { id } = (await started.json()) as { id: string };
  await api.call(`POST /runs/${id}/pause`);
  await api.call(`POST /runs/${id}/resume`);
  const link = await api.call(`POST /runs/${id}/approvals`, { signal: "go" });
  const { token } = (await link.json()) as { token: string };
  expect((await api.call(`POST /approvals/${token}`, {}, {})).status).toBe(200);
  await api.engine.runs.handle(id, { workspace: "mine" }).result({ timeout: "20s" });
  expect((await api.call(`POST /runs/${id}/cancel`, {})).status).toBe(409);
  const found = await entries(`&subject=${id}`);
  const life = found.map(({ actor, action, outcome, code }) => [actor, action, outcome, code]);
  expect(life).toEqual([
    ["ada", "runs.cancel", "failed", "run_finished"],
    ["approval link", "approvals.use", "done", null],
    ["ada", "approvals.link", "done", null],
    ["ada", "runs.resume", "done", null],
    ["ada", "runs.pause", "done", null],
    ["ada", "runs.start", "done", null],
  ]);
  expect(found.at(-1)!.details).toEqual({ workflow: "waiting", labels: { customer: "7" } });
  expect((await entries(`&subject=${id}&action=runs.pause`)).length).toBe(1);
  expect((await entries(`&subject=${id}&outcome=failed`)).length).toBe(1);
});

test("many at once: the filter, and how many it was", async () => {
  for (let at = 0; at < 2; at++)
    await api.call("POST /runs", { workflow: "waiting", labels: { batch: "seven" } });
  await api.call("POST /bulk/runs/cancel", { filter: { labels: { batch: "seven" } } });
  expect((await entries("&action=runs.cancelMany"))[0]).toMatchObject({
    subject: null,
    details: { filter: { labels: { batch: "seven" } }, done: 2, refused: 0 },
  });
});

test("what the API refuses before it is done is not recorded, but who may not do it is", async () => {
  const before = (await entries()).length;
  expect((await api.call("POST /runs", { workflow: 7 })).status).toBe(400);
  expect((await api.call("POST /runs", {}, { "sec-fetch-site": "cross-site" })).status).toBe(403);
  expect((await entries()).length).toBe(before);
  const can = (operation: string): boolean => operation !== "runs.cancel";
  const strict = createHandler(api.engine, { authorize: () => ({ workspace: "mine", actor: "eve", can }) });
  const cancel = (handler: typeof strict): Promise<Response> =>
    handler(new Request("http://flow.test/runs/r1/cancel", { method: "POST" }));
  expect((await cancel(strict)).status).toBe(403);
  expect(await entries("&outcome=refused")).toMatchObject([
    { actor: "eve", action: "runs.cancel", kind: "run", subject: "r1", code: "http_forbidden" },
  ]);
  expect((await api.call("POST /runs/r1/cancel?workspace=other", {})).status).toBe(403);
  expect(await entries("&outcome=refused&actor=ada")).toMatchObject([
    { action: "runs.cancel", subject: "r1" },
  ]);
  // Where nobody may do anything, there would be no end of it.
  const closed = createHandler(api.engine, { authorize: () => ({ workspace: "mine" }), readOnly: true });
  expect((await cancel(closed)).status).toBe(403);
  expect((await entries("&outcome=refused")).length).toBe(2);
});

test("pages, and other workspaces", async () => {
  const first = await api.call("GET /audit?limit=2");
  const { items, cursor } = (await first.json()) as { items: AuditRecord[]; cursor: string };
  const next = await api.call(`GET /audit?limit=2&cursor=${cursor}`);
  const { items: more } = (await next.json()) as { items: AuditRecord[] };
  expect(new Set([...items, ...more].map(({ id }) => id)).size).toBe(4);
  const theirs = await api.call("GET /audit", undefined, { authorization: "other" });
  expect(await theirs.json()).toEqual({ items: [], cursor: null });
  // What an operator of the whole does in a workspace, that workspace is told.
  const operator = { workspace: "mine", actor: "root", allWorkspaces: true };
  const everywhere = createHandler(api.engine, { authorize: () => operator });
  const url = "http://flow.test/workflows/waiting/disable?workspace=other";
  expect((await everywhere(new Request(url, { method: "POST" }))).status).toBe(200);
  const told = await api.call("GET /audit", undefined, { authorization: "other" });
  expect(await told.json()).toMatchObject({ items: [{ actor: "root", action: "workflows.disable" }] });
});
