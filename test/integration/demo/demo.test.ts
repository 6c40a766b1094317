/** `npm run demo` in each of its ways. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeRedis, redisUrl, testDatabase } from "../../support/servers.ts";

const main = path.resolve(import.meta.dirname, "../../../examples/demo/main.ts");

interface Ending {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function demo(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ending> {
  const { DATABASE_URL: _, REDIS_URL: __, ...rest } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env: { ...rest, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

function expectTheOrder({ code, stdout, stderr }: Ending): void {
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("order-fulfilment: succeeded");
  expect(stdout).toMatch(/reserve\s+running\s+attempt 2/);
  expect(stdout).toMatch(/coolDown\s+waiting/);
  expect(stdout).toMatch(/risk\s+succeeded.*-> high/);
  expect(stdout).toMatch(/apologise\s+skipped/);
  const result = JSON.parse(stdout.slice(stdout.indexOf("result:") + 7)) as object;
  expect(result).toMatchObject({ order: "A-1001", items: 2 });
}

describe("the order", () => {
  test("on the embedded server", async () => {
    const ending = await demo();
    expectTheOrder(ending);
    expect(ending.stdout).toContain("embedded PostgreSQL");
  });

  test("on DATABASE_URL", async () => {
    await using database = await testDatabase();
    const ending = await demo([], { DATABASE_URL: database.url });
    expectTheOrder(ending);
    expect(ending.stdout).toContain("PostgreSQL from DATABASE_URL");
    expect(await database.query("select status from flowforge.runs")).toEqual([{ status: "succeeded" }]);
  });
});

describeRedis("the order on DATABASE_URL and REDIS_URL", () => {
  test("runs there", async () => {
    await using database = await testDatabase();
    const ending = await demo([], { DATABASE_URL: database.url, REDIS_URL: redisUrl()! });
    expectTheOrder(ending);
    expect(ending.stdout).toContain("Redis from REDIS_URL");
  });
});

describe("a document of one's own", () => {
  let home: string;
  beforeAll(async () => void (home = await mkdtemp(path.join(tmpdir(), "flowforge-demo-"))));
  afterAll(() => rm(home, { recursive: true, force: true }));

  const file = async (name: string, content: unknown): Promise<string> => {
    const target = path.join(home, name);
    await writeFile(target, typeof content === "string" ? content : JSON.stringify(content));
    return target;
  };

  test("runs with its input", async () => {
    const workflow = await file("workflow.json", {
      format: 1,
      name: "mine",
      nodes: {
        say: { kind: "action", action: "log", input: { message: "Hello {{ input.name }}" } },
        make: { kind: "action", action: "transform", input: { length: "{{ size(input.name) }}" } },
      },
      edges: [{ from: "say", to: "make" }],
      output: "{{ nodes.make.output.length }}",
    });
    const input = await file("input.json", { name: "Ada" });
    const { code, stdout } = await demo([workflow, "--input", input]);
    expect(code).toBe(0);
    expect(stdout).toContain("mine: succeeded");
    expect(stdout).toContain("result: 3");
  });

  test("that fails ends with its failures and exit code 1", async () => {
    const workflow = await file("failing.json", {
      format: 1,
      name: "failing",
      nodes: { bad: { kind: "action", action: "transform", input: { x: "{{ input.count + 1 }}" } } },
      edges: [],
    });
    const { code, stderr } = await demo([workflow]);
    expect(code).toBe(1);
    expect(stderr).toContain("bad");
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test.each([
    ["that is not there", async () => path.join(home, "nowhere.json"), /nowhere\.json/],
    ["that is no JSON", async () => file("text.json", "{ no"), /text\.json is not JSON/],
    [
      "with a cycle and an unknown field",
      async () =>
        file("cycle.json", {
          format: 1,
          name: "cycle",
          nodes: { a: { kind: "action", action: "log" }, b: { kind: "action", action: "log" } },
          edges: [
            { from: "a", to: "b" },
            { from: "b", to: "a" },
          ],
        }),
      /a -> b -> a|cycle/,
    ],
    [
      "with an unknown action",
      async () =>
        file("unknown.json", {
          format: 1,
          name: "u",
          nodes: { a: { kind: "action", action: "lgo" } },
          edges: [],
        }),
      /lgo/,
    ],
  ])("%s: one clear message, exit code 1", async (_name, make, expected) => {
    const { code, stderr } = await demo([await make()]);
    expect(code).toBe(1);
    expect(stderr).toMatch(expected);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
