/** docs/how-to/database-roles.md as it is written: one role migrates, another one runs and may change no table. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import pg from "pg";
import { expect, test } from "vitest";
import { createEngine, defineWorkflow, type EngineOptions } from "../../../src/index.ts";
import { databaseUrl } from "../../support/servers.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";
import { add, chain } from "../engine/documents.ts";

const PAGE = path.join(import.meta.dirname, "../../../docs/how-to/database-roles.md");

/** The two roles of the page under names of this test. Roles belong to the server, so they are dropped after their database. */
class Roles implements AsyncDisposable {
  readonly owner: string;
  readonly app: string;
  readonly #backend: Backend;

  constructor(backend: Backend) {
    const tag = randomBytes(4).toString("hex");
    this.owner = `fft_owner_${tag}`;
    this.app = `fft_app_${tag}`;
    this.#backend = backend;
  }

  async create(): Promise<void> {
    const page = await readFile(PAGE, "utf8");
    const [, statements] = /```sql\n([^]*?)```/.exec(page)!;
    const mine = statements!
      .replaceAll("flowforge_owner", this.owner)
      .replaceAll("flowforge_app", this.app)
      .replaceAll("database app", `database ${this.#backend.database.name}`);
    await this.#backend.database.query(mine);
  }

  /** Options of an engine that connects as this role. */
  connection(role: "owner" | "app"): EngineOptions {
    const url = new URL(this.#backend.database.url);
    url.username = this[role];
    url.password = role === "owner" ? "one" : "another";
    return { ...this.#backend.connection, postgres: url.href };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#backend[Symbol.asyncDispose]();
    const client = new pg.Client({ connectionString: databaseUrl() });
    await client.connect();
    await client.query(`drop role if exists ${this.owner}, ${this.app}`);
    await client.end();
  }
}

onEachBackend("database roles", (name) => {
  test("the running role runs, and may neither create, alter nor drop", async () => {
    const backend = await openBackend(name, true);
    await using roles = new Roles(backend);
    await roles.create();
    await createEngine(roles.connection("owner")).migrate();

    await using engine = createEngine({ ...roles.connection("app"), actions: [add()] });
    await engine.start({ migrate: false });
    const workflow = defineWorkflow({
      ...chain(3),
      nodes: {
        ...chain(3).nodes,
        mapped: { kind: "action", action: "add", forEach: "[1, 2, 3]", input: { n: "{{ item }}" } },
        asked: { kind: "wait", for: { signal: "go", timeout: "1h" } },
      },
      output: ["{{ nodes.s2.output.n }}", "{{ nodes.mapped.output[2].n }}", "{{ nodes.asked.output }}"],
    });
    const run = await engine.runs.start(workflow, {
      input: { n: 0 },
      idempotencyKey: "k",
      workspace: "acme",
    });
    await run.signal("go", "on");
    expect(await run.result({ timeout: "30s" })).toEqual([3, 4, "on"]);
    // Also what deletes: rows of a workspace, with everything that they hold.
    await engine.workspaces.delete("acme");

    const { connectionString } = { connectionString: roles.connection("app").postgres as string };
    const client = new pg.Client({ connectionString });
    await client.connect();
    for (const statement of [
      "create table flowforge.more (id int)",
      "alter table flowforge.runs add column more int",
      "drop table flowforge.runs",
      "truncate flowforge.runs",
      "create schema more",
    ])
      await expect(client.query(statement), statement).rejects.toMatchObject({ code: "42501" });
    await client.end();
    await engine.stop();
  });

  test("the running role on a schema that is not there is told who has to do what", async () => {
    const backend = await openBackend(name, true);
    await using roles = new Roles(backend);
    await roles.create();
    for (const migrate of [true, false]) {
      const engine = createEngine(roles.connection("app"));
      await expect(engine.start({ migrate })).rejects.toMatchObject({ code: "schema_outdated" });
    }
  });
});
