/** `npm run demo` in each of its ways. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { describeRedis, redisUrl, testDatabase, type TestDatabase } from "../../support/servers.ts";

vi.setConfig({ testTimeout: 180_000 });

const main = path.resolve(import.meta.dirname, "../../../examples/demo/main.ts");

interface Ending {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let home: string;
beforeAll(async () => void (home = await mkdtemp(path.join(tmpdir(), "flowforge-demo-"))));
afterAll(() => rm(home, { recursive: true, force: true }));

function demo(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ending> {
  const { DATABASE_URL: _, REDIS_URL: __, npm_lifecycle_event: ___, ...rest } = process.env;
  const options = { env: { ...rest, ...env }, cwd: home };
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

function expectTheOrder({ code, stdout, stderr }: Ending): void {
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).not.toContain("\u001b");
  expect(stdout).toContain("order-fulfilment: succeeded");
  expect(stdout).toMatch(/reserve\s+succeeded\s+\d+ ms attempt 2$/m);
  expect(stdout).toMatch(/coolDown\s+waiting/);
  expect(stdout).toMatch(/coolDown\s+succeeded\s+\d+ ms$/m);
  expect(stdout).toMatch(/risk\s+succeeded.*-> high/);
  expect(stdout).toMatch(/apologise\s+skipped/);
  expect(JSON.parse(stdout.slice(stdout.indexOf("result:") + 7))).toEqual({
    order: "A-1001",
    payment: expect.stringMatching(/^pay_\w{8}$/) as string,
    tracking: "1Z-FLOWFORGE-1",
    items: 2,
  });
}

describe("the order", () => {
  test("on the embedded server, of which nothing is left", async () => {
    const TMPDIR = path.join(home, "temporary");
    await mkdir(TMPDIR);
    // As root the server runs under another account, which must be able to walk there.
    await Promise.all([home, TMPDIR].map((folder) => chmod(folder, 0o711)));
    const ending = await demo([], { TMPDIR });
    expectTheOrder(ending);
    expect(ending.stdout).toContain("starting on an embedded PostgreSQL");
    expect(await readdir(TMPDIR)).toEqual([]);
  });

  test("on DATABASE_URL", async () => {
    await using database = await testDatabase();
    const ending = await demo([], { DATABASE_URL: database.url });
    expectTheOrder(ending);
    expect(ending.stdout).toContain("PostgreSQL from DATABASE_URL");
    expect(await database.query("select status from flowforge.runs")).toEqual([{ status: "succeeded" }]);
  });
});

/** What comes from a process, until there is what is looked for in it. */
async function heard(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  let text = "";
  for await (const chunk of child.stdout!.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    const found = pattern.exec(text);
    if (found) return found;
  }
  throw new Error(`It ended, and said: ${text}`);
}

describe("--dashboard", () => {
  test("shows runs that go on, to whoever has the address, until Ctrl-C", async () => {
    await using database = await testDatabase();
    const { REDIS_URL: _, npm_lifecycle_event: __, ...rest } = process.env;
    const env = { ...rest, DATABASE_URL: database.url };
    const child = spawn(process.execPath, [main, "--dashboard"], { env, cwd: home });
    try {
      const [, url] = await heard(child, /until Ctrl-C:\n(http:\S+)\n/);
      const { origin } = new URL(url!);
      expect((await fetch(`${origin}/dashboard`)).status).toBe(401);
      const login = await fetch(url!, { redirect: "manual" });
      const cookie = login.headers.get("set-cookie")!.split(";")[0]!;
      const page = await fetch(origin + login.headers.get("location")!, { headers: { cookie } });
      expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("dashboard/app.js")]);
      const workflows = async (): Promise<readonly string[]> => {
        const response = await fetch(`${origin}/runs?limit=100`, { headers: { cookie } });
        const { items } = (await response.json()) as { items: readonly { workflow: string }[] };
        return [...new Set(items.map(({ workflow }) => workflow))].toSorted();
      };
      await expect
        .poll(workflows, { timeout: 120_000, interval: 500 })
        .toEqual(expect.arrayContaining(["letters", "order-fulfilment", "refund"]));
      const ended = once(child, "exit");
      child.kill("SIGINT");
      expect(await ended).toEqual([0, null]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describeRedis("the order on DATABASE_URL and REDIS_URL", () => {
  test("runs there", async () => {
    await using database = await testDatabase();
    const ending = await demo([], { DATABASE_URL: database.url, REDIS_URL: redisUrl()! });
    expectTheOrder(ending);
    expect(ending.stdout).toContain("PostgreSQL from DATABASE_URL, Redis from REDIS_URL");
  });
});

async function file(name: string, content: unknown): Promise<string> {
  const target = path.join(home, name);
  await writeFile(target, typeof content === "string" ? content : JSON.stringify(content));
  return target;
}

const node = (action: string, input: object) => ({ kind: "action", action, input });

const MINE = {
  format: 1,
  name: "mine",
  nodes: {
    ask: node("http.request", { url: "{{ input.shop }}/price" }),
    say: node("log", { message: "Hello {{ input.name }}" }),
    make: node("transform", { owes: "{{ nodes.ask.output.body.price }}", name: "{{ input.name }}" }),
  },
  edges: [
    { from: "ask", to: "make" },
    { from: "say", to: "make" },
  ],
  output: "{{ nodes.make.output }}",
};

describe("a document of one's own", () => {
  let database: TestDatabase;
  let shop: Server;
  beforeAll(async () => {
    database = await testDatabase();
    shop = createServer((_request, response) =>
      response.setHeader("content-type", "application/json").end(JSON.stringify({ price: 12 })),
    ).listen(0, "127.0.0.1");
    await once(shop, "listening");
  });
  afterEach(() => shop.closeAllConnections());
  afterAll(async () => {
    shop.close();
    await database.drop();
  });
  const onDatabase = (args: readonly string[]) => demo(args, { DATABASE_URL: database.url });
  const address = (): string => `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;

  test("runs with its input: http.request, log and transform", async () => {
    const workflow = await file("workflow.json", MINE);
    const input = await file("input.json", { name: "Ada", shop: address() });
    const { code, stdout, stderr } = await onDatabase([workflow, "--input", input]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Hello Ada\n");
    expect(stdout).toContain("mine: succeeded");
    expect(JSON.parse(stdout.slice(stdout.indexOf("result:") + 7))).toEqual({ owes: 12, name: "Ada" });
  });

  test("is found from where npm was called", async () => {
    const caller = path.join(home, "elsewhere");
    await mkdir(caller);
    await file("elsewhere/small.json", {
      format: 1,
      name: "small",
      nodes: { a: node("transform", { x: 1 }) },
      edges: [],
    });
    const env = { DATABASE_URL: database.url, npm_lifecycle_event: "demo", INIT_CWD: caller };
    const { code, stdout } = await demo(["small.json"], env);
    expect(code).toBe(0);
    expect(stdout).toContain("small: succeeded");
  });

  test("that fails ends with its failures and exit code 1", async () => {
    const bad = node("transform", { x: "{{ input.count + 1 }}" });
    const workflow = await file("failing.json", { format: 1, name: "failing", nodes: { bad }, edges: [] });
    const { code, stdout, stderr } = await onDatabase([workflow]);
    expect(code).toBe(1);
    expect(stdout).toContain("failing: failed");
    expect(stderr).toMatch(/node "bad": .*count/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe("what cannot be run: one clear message, exit code 1", () => {
  const workflow = () => file("fine.json", MINE);
  const cyclic = {
    format: 1,
    name: "cycle",
    nodes: { a: node("log", { message: "a" }), b: node("log", { message: "b" }) },
    edges: [
      { from: "a", to: "b" },
      { from: "b", to: "a" },
    ],
  };
  const unknown = { format: 1, name: "u", nodes: { a: { kind: "action", action: "lgo" } }, edges: [] };

  test.each<[string, () => Promise<readonly string[]>, RegExp]>([
    ["a file that is not there", async () => ["nowhere.json"], /nowhere\.json cannot be read: there is no/],
    ["a folder", async () => ["."], /cannot be read: EISDIR/],
    ["no JSON", async () => [await file("text.json", "{ no")], /text\.json is not JSON: .*position 2/],
    ["no workflow", async () => [await file("list.json", [1])], /workflow/],
    ["a cycle", async () => [await file("cycle.json", cyclic)], /a -> b -> a|cycle/],
    [
      "an input that is not there",
      async () => [await workflow(), "--input", "gone.json"],
      /gone\.json cannot/,
    ],
    [
      "an input that is no JSON",
      async () => [await workflow(), "--input", await file("bad-input.json", "")],
      /bad-input\.json is not JSON/,
    ],
    ["an input without a workflow", async () => ["--input", "x.json"], /--input goes with a workflow/],
    ["two workflows", async () => ["a.json", "b.json"], /One workflow at a time: b\.json/],
    ["an unknown option", async () => ["--inptu", "x.json"], /--inptu[\s\S]*npm run demo -- workflow\.json/],
  ])("%s", async (_name, make, expected) => {
    const { code, stdout, stderr } = await demo(await make());
    expect(stderr).toMatch(expected);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  test("an action that nobody has", async () => {
    await using database = await testDatabase();
    const { code, stderr } = await demo([await file("unknown.json", unknown)], {
      DATABASE_URL: database.url,
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/"lgo"/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test("a DATABASE_URL where nobody answers", async () => {
    const { code, stderr } = await demo([], { DATABASE_URL: "postgres://u:secret@127.0.0.1:1/db" });
    expect(code).toBe(1);
    expect(stderr).toContain("[postgres_unreachable]");
    expect(stderr).not.toContain("secret");
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

test("--help says what can be asked for", async () => {
  const { code, stdout } = await demo(["--help"]);
  expect(code).toBe(0);
  expect(stdout).toContain("npm run demo -- workflow.json --input input.json");
});
