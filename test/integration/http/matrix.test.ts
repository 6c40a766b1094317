/** Every verb at every route: without login, with another workspace's ids, and with bodies that are made to harm. */
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defineWorkflow } from "../../../src/index.ts";
import { routes } from "../../../src/http/routes.ts";
import { type Api, openApi, waiting } from "./api.ts";

const VERBS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PROPFIND"];
const paths = [...new Set(routes.map(({ path }) => path))];
const bodied = routes.filter(({ body }) => body);
const NONE: Record<string, string> = {};

let api: Api;
/** Of workspace `other`: ids that `mine` must not learn anything of. */
let theirs: { readonly run: string; readonly letter: string; readonly mapped: string };

beforeAll(async () => {
  api = await openApi({ maxBodyBytes: 20_000 });
  const workspace = "other";
  const run = await api.engine.runs.start("waiting", { workspace, idempotencyKey: "their-key" });
  const failing = defineWorkflow({
    format: 1,
    name: "theirs",
    nodes: {
      a: { kind: "action", action: "add", input: "no numbers" },
      each: { kind: "action", action: "add", forEach: "[1]", input: { a: 1, b: 1 } },
    },
    edges: [],
  });
  await api.engine.workflows.register(failing, { workspace });
  const failed = await api.engine.runs.start("theirs", { workspace });
  await failed.result({ timeout: "20s" }).catch(() => null);
  const { items } = await api.engine.deadLetters.list({ workspace });
  theirs = { run: run.id, letter: items[0]!.id, mapped: failed.id };
  await api.engine.credentials.set("their-crm", { token: "their-token" }, { workspace });
  await api.engine.schedules.set({ workspace, workflow: "waiting", name: "their-night", cron: "0 3 * * *" });
  await api.engine.breakers.open({ workspace, scope: "target", name: "theirs" });
  await api.engine.workspaces.setLimits(workspace, { plan: "pro" });
});
afterAll(() => api[Symbol.asyncDispose]());

function filled(path: string, ids: Readonly<Record<string, string>> = NONE): string {
  return path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => ids[name] ?? "x");
}

/** Everything that is stored, in every workspace, as a text. Of breakers those of the other one: what is opened here is the caller's. */
async function stored(): Promise<string> {
  const { engine } = api;
  const theirOwn = await engine.breakers.list({ workspace: "other" });
  const all = await Promise.all(
    ["mine", "other"].map(async (workspace) => [
      await engine.workflows.list({ workspace }),
      await engine.runs.list({ workspace }),
      await engine.deadLetters.list({ workspace, state: "all" }),
      await engine.credentials.list({ workspace }),
      await engine.schedules.list({ workspace }),
      await engine.workspaces.getLimits(workspace),
      await engine.runs.get(theirs.run, { workspace }),
      await engine.runs.get(theirs.mapped, { workspace }),
    ]),
  );
  return JSON.stringify([theirOwn, all]);
}

/** A body that the operation takes. */
function fitting(id: string): unknown {
  const bodies: Record<string, unknown> = {
    "runs.signal": { name: "go" },
    "deadLetters.preview": { version: "latest" },
    "approvals.link": { signal: "go" },
    "credentials.set": { fields: { token: "mine" } },
    "schedules.set": { every: "24h" },
    "schedules.backfill": { from: "2030-01-01T00:00:00Z", to: "2030-01-03T00:00:00Z" },
  };
  return bodies[id] ?? {};
}

describe("without login", () => {
  test.each(paths)("%s: 401 for its verbs, 405 with Allow for every other one", async (path) => {
    const here = routes.filter((route) => route.path === path);
    for (const verb of VERBS) {
      const route = here.find(({ method }) => method === verb);
      const response = await api.handler(new Request(`http://flow.test${filled(path)}`, { method: verb }));
      if (!route) {
        expect([verb, response.status]).toEqual([verb, 405]);
        expect(response.headers.get("allow")).toBe(here.map(({ method }) => method).join(", "));
      } else if (route.open) {
        expect(path).toMatch(/^\/(health|approvals|webhooks|dashboard)\//);
      } else {
        expect([verb, response.status]).toEqual([verb, 401]);
      }
    }
  });

  test.each(["/", "", "/run", "/runs/", "//runs", "/runs/x/y/z", "/%72uns/%00", "/runs/%ff", "/__proto__"])(
    "%j is not found, whatever the verb",
    async (path) => {
      for (const method of VERBS) {
        const response = await api.handler(new Request(`http://flow.test${path}`, { method }));
        expect(response.status).toBe(404);
      }
    },
  );
});

describe("another workspace's ids", () => {
  /** It makes what is not there: see the test of its own. */
  const starting = "runs.signalOrStart";
  const withIds = routes.filter(({ id, path, open }) => path.includes("{") && !open && id !== starting);

  test.each(withIds.map((route) => [route.id, route] as const))(
    "%s answers as for ids that nobody has, and changes nothing",
    async (id, { method, path, body, everywhere }) => {
      const isLetter = path.startsWith("/dead-letters");
      const run = path.includes("{node}") ? theirs.mapped : theirs.run;
      const known = isLetter ? theirs.letter : run;
      const unknown = isLetter ? "987654" : `${known.slice(0, -4)}0000`;
      const before = await stored();
      const ask = async (ids: Record<string, string>): Promise<[number, string]> => {
        const response = await api.call(`${method} ${filled(path, ids)}`, body ? fitting(id) : undefined);
        const text = await response.text();
        const { workspace: _workspace, ...named } = ids;
        return [
          response.status,
          Object.values(named).reduce((all, each) => all.replaceAll(each.replace(/^@/, ""), "ID"), text),
        ];
      };
      const workflow = "waiting";
      const real = await ask({
        id: known,
        node: "each",
        name: "theirs",
        workflow,
        key: "their-key",
        schedule: "@their-night",
        scope: "target",
        workspace: "other",
      });
      const made = await ask({
        id: unknown,
        node: "each",
        name: "nobodys",
        workflow,
        key: "no-key-ok",
        schedule: "@nobodys",
        scope: "target",
        workspace: "nobodys",
      });
      // What is set is the caller's own, under a name of his, and is told as that.
      const isSet = id === "schedules.set";
      const isOwn = id === "credentials.set" || path.startsWith("/breakers/");
      expect(isSet ? real[0] : real).toEqual(isSet ? made[0] : made);
      if (id === "credentials.set") {
        for (const name of ["theirs", "nobodys"])
          await api.engine.credentials.delete(name, { workspace: "mine" });
      } else if (isOwn) {
        expect(real).toEqual([200, "{}"]);
      } else if (isSet) {
        expect(real[1]).not.toContain("0 3 * * *");
        for (const name of ["their-night", "nobodys"])
          await api.engine.schedules.delete({ workspace: "mine", workflow, name });
      } else {
        expect(real[0]).toBe(everywhere ? 403 : 404);
      }
      expect(await stored()).toBe(before);
    },
  );

  test(`${starting} takes a key of another workspace for one that nobody has`, async () => {
    const before = await api.engine.runs.get(theirs.run, { workspace: "other" });
    const answer = await api.call("POST /run-keys/waiting/their-key/signals", { signal: "go" });
    const { id } = (await answer.json()) as { id: string };
    expect([answer.status, id === theirs.run]).toEqual([200, false]);
    await api.engine.runs.handle(id, { workspace: "mine" }).result({ timeout: "20s" });
    expect(await api.engine.runs.get(theirs.run, { workspace: "other" })).toEqual(before);
  });

  test("no list and no bulk operation of one workspace reaches the other", async () => {
    const before = await stored();
    for (const path of [
      "/runs",
      "/runs?error=input",
      "/workflows",
      "/dead-letters?state=all",
      "/dead-letter-groups",
      "/credentials",
      "/schedules",
      "/breakers?limit=1",
    ]) {
      const text = await (await api.call(`GET ${path}`)).text();
      for (const secret of [theirs.run, "theirs", "their-crm", "their-night"])
        expect(text).not.toContain(secret);
    }
    for (const route of routes.filter(({ path }) => path.startsWith("/bulk/"))) {
      const filter = route.path.includes("dead-letters") ? { runId: theirs.run } : { workflow: "waiting" };
      const response = await api.call(`POST ${route.path}`, { filter });
      expect([response.status, await response.json()]).toMatchObject([200, { done: 0, refused: 0 }]);
      const named = await api.call(`POST ${route.path}`, { filter: { ...filter, workspace: "other" } });
      expect(named.status).toBe(400);
    }
    await api.call("POST /events", { name: "go" });
    expect(await stored()).toBe(before);
  });
});

describe("an operator of all workspaces", () => {
  const operator = { "x-operator": "1" };
  const closed = routes.filter(({ open }) => !open);

  test.each(closed.map((route) => [route.id, route] as const))(
    "%s is for another workspace only where he asks",
    async (_id, { method, path, everywhere }) => {
      const target = `${method} ${filled(path)}`;
      const refused = await api.call(`${target}?workspace=other`);
      expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
        403,
        "http_forbidden",
      ]);
      for (const bad of ["", "a%00", "a&workspace=b", "x".repeat(129)])
        expect((await api.call(`${target}?workspace=${bad}`, undefined, operator)).status).toBe(400);
      if (everywhere) expect((await api.call(target)).status).toBe(403);
    },
  );

  test("sees the workspace that he names, and what is of none", async () => {
    const json = async (line: string): Promise<unknown> =>
      (await api.call(line, undefined, operator)).json() as Promise<unknown>;
    expect(await json(`GET /runs/${theirs.run}?workspace=other`)).toMatchObject({
      header: { id: theirs.run },
    });
    expect(await json("GET /session?workspace=other")).toMatchObject({
      workspace: "other",
      allWorkspaces: true,
      operations: expect.arrayContaining(["workspaces.list"]) as unknown,
    });
    expect(await json("GET /workspaces")).toMatchObject({
      items: expect.arrayContaining(["mine", "other"]) as unknown,
    });
    expect(await json("GET /workers")).toMatchObject({ items: [{ deadAt: null }] });
    const { total } = (await json("GET /stats/all")) as { total: { runs: { started: number } } };
    expect(total.runs.started).toBeGreaterThanOrEqual(2);
  });

  test("is told so by the session, and who is none has not the operations either", async () => {
    const session = (await (await api.call("GET /session?workspace=mine")).json()) as {
      readonly allWorkspaces: boolean;
      readonly operations: readonly string[];
    };
    expect(session.allWorkspaces).toBe(false);
    const everywhere = closed.filter((route) => route.everywhere).map(({ id }) => id);
    expect(everywhere).toContain("workspaces.list");
    expect(session.operations.filter((id) => everywhere.includes(id))).toEqual([]);
  });
});

describe("poison bodies", () => {
  const json = { "content-type": "application/json" };
  const poisons: readonly [string, string | Uint8Array<ArrayBuffer>, Record<string, string>][] = [
    ["a million levels", '{"input":'.repeat(2_000), json],
    ["levels within the size", `{"input":${"[".repeat(500)}${"]".repeat(500)}}`, json],
    ["too large", JSON.stringify({ workflow: "waiting", input: "x".repeat(30_000) }), json],
    ["a gzip bomb", new Uint8Array(gzipSync("0".repeat(1e7))), { ...json, "content-encoding": "gzip" }],
    ["half of a text", '{"workflow":"waiting"', json],
    ["no UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), json],
    ["a key twice", '{"workflow":"waiting","workflow":"theirs"}', json],
    ["a form", "workflow=waiting", { "content-type": "application/x-www-form-urlencoded" }],
    ["JSON as text", '{"workflow":"waiting"}', { "content-type": "text/plain" }],
    ["two types", '{"workflow":"waiting"}', { "content-type": "application/json, text/plain" }],
    ["no type", new Uint8Array([123, 125]), {}],
    ["two lengths", "{}", { ...json, "content-length": "2, 3" }],
    [
      "a forged form with files",
      '--b\r\nContent-Disposition: form-data; name="f"; filename="/etc/passwd"\r\n\r\n1\r\n--b--',
      { "content-type": "multipart/form-data; boundary=b" },
    ],
    ["a list", "[]", json],
    ["a text", '"x"', json],
    ["a prototype", '{"__proto__":{"workspace":"other"},"constructor":1}', json],
    ["files of a form", '{"files":{"x":{"filepath":"/etc/passwd"}}}', json],
    ["another workspace", '{"workspace":"other"}', json],
    [
      "NUL in names",
      '{"workflow":"a\\u0000b","name":"a\\u0000","signal":"\\u0000","filter":{"workflow":"\\u0000"}}',
      json,
    ],
    ["NUL in values", '{"workflow":"waiting","input":"a\\u0000b","name":"waiting"}', json],
    ["half a character", '{"workflow":"waiting","input":"\\ud800","name":"\\udfff"}', json],
  ];

  test.each(bodied.map((route) => [route.id, route] as const))("%s", async (id, { method, path }) => {
    const before = await stored();
    for (const [what, body, headers] of poisons) {
      const response = await api.handler(
        new Request(
          `http://flow.test${filled(path, { id: theirs.run, workflow: "waiting", schedule: "@x" })}`,
          {
            method,
            body,
            headers: { authorization: "mine", ...headers },
          },
        ),
      );
      // `validate` stores nothing and says in its answer what is wrong.
      if (id === "workflows.validate" && response.status === 200) continue;
      expect([what, response.status >= 400 && response.status < 500 ? "refused" : response.status]).toEqual([
        what,
        "refused",
      ]);
    }
    expect(await stored()).toBe(before);
    expect(api.errors).toEqual([]);
  });

  test.each(routes.filter(({ body, open }) => !body && !open).map((route) => [route.id, route] as const))(
    "%s takes no body, and no query that it does not know",
    async (_id, { method, path }) => {
      const target = `${method} ${filled(path)}`;
      const operator = { "x-operator": "1" };
      const statusOf = async (line: string, body?: string): Promise<number> =>
        (await api.call(line, body, operator)).status;
      expect(await statusOf(`${target}?none=1`)).toBe(400);
      expect(await statusOf(`${target}?limit=1&limit=2`)).toBe(400);
      if (method === "GET") return;
      expect(await statusOf(target, "{}")).toBe(400);
    },
  );

  test("a definition with a prototype is refused, and not stored without it", async () => {
    const text = JSON.stringify(waiting).replace("{", '{"__proto__":{"format":2},');
    expect((await api.call("POST /workflows", text)).status).toBe(400);
  });
});
