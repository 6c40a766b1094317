/** Schedules and polls over HTTP: made, looked at, changed and deleted. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, openApi } from "./api.ts";

const DAY = 86_400_000;
const NIGHT = "/schedules/waiting/@night";
let api: Api;
beforeAll(async () => {
  api = await openApi();
  const tick = { kind: "trigger", source: { type: "schedule", cron: "0 3 * * *" } };
  const nodes = { tick, w: { kind: "wait", for: { signal: "go" } } };
  const document = { format: 1, name: "nightly", nodes, edges: [{ from: "tick", to: "w" }] };
  await api.engine.workflows.register(document as never, { workspace: "mine" });
  const mail = { kind: "trigger", source: { type: "poll", action: "mail.list", every: "1m" } };
  const polled = { ...document, name: "polled", nodes: { ...nodes, tick: mail } };
  await api.engine.workflows.register(polled as never, { workspace: "mine" });
});
afterAll(() => api[Symbol.asyncDispose]());

async function ask(line: string, body?: unknown): Promise<[number, Record<string, unknown>]> {
  const response = await api.call(line, body);
  return [response.status, (await response.json()) as Record<string, unknown>];
}

test("a schedule is put under a name, once and again, and does what it is told", async () => {
  const put = { cron: "0 3 * * *", timeZone: "Europe/Berlin", input: { n: 1 } };
  const [status, made] = await ask(`PUT ${NIGHT}`, put);
  expect([status, made]).toMatchObject([200, { name: "night", trigger: null, starts: { input: { n: 1 } } }]);
  expect(await ask(`PUT ${NIGHT}`, put)).toEqual([200, made]);
  expect(await ask(`GET ${NIGHT}`)).toEqual([200, made]);

  const [, next] = await ask(`GET ${NIGHT}/next?count=3`);
  const items = next["items"] as string[];
  expect(items).toHaveLength(3);
  expect(Date.parse(items[0]!)).toBe(made["nextAt"]);
  expect((await ask(`GET ${NIGHT}/next`))[1]["items"]).toHaveLength(10);

  expect(await ask(`POST ${NIGHT}/pause`)).toEqual([200, {}]);
  expect((await ask(`GET ${NIGHT}`))[1]).toMatchObject({ paused: true });
  expect(await ask(`POST ${NIGHT}/resume`)).toEqual([200, {}]);
  const [, { runId }] = await ask(`POST ${NIGHT}/trigger`);
  expect((await ask(`GET /runs/${String(runId)}`))[1]).toMatchObject({ input: { n: 1 } });
  const from = Date.parse(items[0]!);
  const span = { from: new Date(from).toISOString(), to: new Date(from + 1.5 * DAY).toISOString() };
  const [, filled] = await ask(`POST ${NIGHT}/backfill`, span);
  expect(filled["items"]).toHaveLength(2);
  expect(await ask(`POST ${NIGHT}/backfill`, span)).toEqual([200, filled]);

  const [, page] = await ask("GET /schedules?limit=1");
  expect(page).toMatchObject({ items: [{ workflow: "nightly", trigger: "tick", name: null, starts: null }] });
  const [, rest] = await ask(`GET /schedules?cursor=${encodeURIComponent(String(page["cursor"]))}`);
  expect(rest).toMatchObject({ items: [{ name: "night" }], cursor: null });
  expect((await ask("GET /schedules?workflow=waiting"))[1]).toMatchObject({ items: [{ name: "night" }] });

  expect(await ask(`DELETE ${NIGHT}`)).toEqual([200, {}]);
  expect(await ask(`DELETE ${NIGHT}`)).toMatchObject([404, { code: "schedule_not_found" }]);
});

test("the schedule of a trigger is paused and asked, and not changed", async () => {
  const path = "/schedules/nightly/tick";
  expect(await ask(`POST ${path}/pause`)).toEqual([200, {}]);
  expect(await ask(`GET ${path}`)).toMatchObject([200, { trigger: "tick", paused: true }]);
  for (const line of [`PUT ${path}`, `DELETE ${path}`]) {
    const answer = await ask(line, line.startsWith("PUT") ? { every: "1h" } : undefined);
    expect(answer).toMatchObject([400, { code: "http_request_invalid" }]);
  }
});

test("what is wrong is said, and what is not there is not found", async () => {
  const answers: readonly [string, unknown, number, string][] = [
    [`PUT ${NIGHT}`, { cron: "0 3 * *" }, 400, "option_invalid"],
    [`PUT ${NIGHT}`, { every: "often" }, 400, "duration_invalid"],
    [`PUT ${NIGHT}`, { every: "1h", timezone: "UTC" }, 400, "http_request_invalid"],
    [`PUT ${NIGHT}`, { every: "1h", trigger: "none" }, 400, "trigger_required"],
    ["PUT /schedules/none/@night", { every: "1h" }, 404, "workflow_not_found"],
    [`PUT /schedules/waiting/@${"n".repeat(200)}`, { every: "1h" }, 404, "schedule_not_found"],
    ["PUT /schedules/waiting/@a%20b", { every: "1h" }, 400, "option_invalid"],
    ["PUT /schedules/waiting/@", { every: "1h" }, 404, "schedule_not_found"],
    [`GET ${NIGHT}`, undefined, 404, "schedule_not_found"],
    ["GET /schedules/nightly/tick/next?count=0", undefined, 400, "option_invalid"],
    ["POST /schedules/nightly/tick/backfill", { from: "2030-01-01", to: 1 }, 400, "http_request_invalid"],
  ];
  for (const [line, body, status, code] of answers)
    expect([line, ...(await ask(line, body))]).toMatchObject([line, status, { code }]);
});

test("a poll is looked at, paused and hurried by whom it belongs to", async () => {
  const path = "/polls/polled/tick";
  const [status, poll] = await ask(`GET ${path}`);
  expect(status).toBe(200);
  expect(poll).toMatchObject({
    workflow: "polled",
    trigger: "tick",
    paused: false,
    cursor: null,
    failures: 0,
  });
  expect(await ask(`POST ${path}/pause`)).toEqual([200, {}]);
  expect(await ask("GET /polls?workflow=polled")).toMatchObject([
    200,
    { items: [{ paused: true }], cursor: null },
  ]);
  expect(await ask(`POST ${path}/resume`)).toEqual([200, {}]);
  expect(await ask(`POST ${path}/poll-now`)).toEqual([200, {}]);
  for (const line of [`GET ${path}`, `POST ${path}/pause`, `POST ${path}/poll-now`]) {
    const response = await api.call(line, undefined, { authorization: "other" });
    expect([line, response.status, await response.json()]).toMatchObject([
      line,
      404,
      { code: "poll_not_found" },
    ]);
  }
  const theirs = await api.call("GET /polls", undefined, { authorization: "other" });
  expect(await theirs.json()).toEqual({ items: [], cursor: null });
  expect((await ask(`GET /polls/polled/${"x".repeat(200)}`))[0]).toBe(404);
});
