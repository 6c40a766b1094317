/** The walls between the rooms hold: a tree that breaks each of them must not pass the linter. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

describe("the linter's walls", () => {
  let folder: string;
  let output: string;
  let status: number | null;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "flowforge-walls-"));
    cpSync(join(root, "test/fixtures/walls"), folder, { recursive: true });
    cpSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const result = spawnSync(join(root, "node_modules/.bin/oxlint"), ["--format=unix"], {
      cwd: folder,
      encoding: "utf8",
    });
    output = result.stdout + result.stderr;
    status = result.status;
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("a tree that breaks them does not pass", () => {
    expect(status).not.toBe(0);
  });

  test("what both adapters may import is no wall", () => {
    expect(output).not.toMatch(/'\.\.\/postgres-connection\/pool\.ts' import is restricted/);
  });

  test("an action that speaks to foreign databases may have their driver", () => {
    expect(output).not.toMatch(/actions\/sql-ask\.ts.*'pg' import is restricted/);
  });

  test.each([
    ["core imports Node.js", /core\/run\/clock\.ts.*'node:fs' import is restricted/],
    ["core imports a driver", /core\/run\/clock\.ts.*'pg' import is restricted/],
    [
      "core imports an adapter",
      /core\/run\/clock\.ts.*'\.\.\/\.\.\/postgres\/store\.ts' import is restricted/,
    ],
    ["core/schedule imports Node.js", /core\/schedule\/ticks\.ts.*'node:fs' import is restricted/],
    ["core reads the clock", /core\/run\/clock\.ts.*'Date\.now' is restricted/],
    ["core rolls dice", /core\/run\/clock\.ts.*'Math\.random' is restricted/],
    ["core sets timers", /core\/run\/clock\.ts.*'setTimeout'.*time is an argument/],
    ["core knows the process", /core\/run\/clock\.ts.*'process'.*pass what it needs as an argument/],
    ["postgres speaks BullMQ", /postgres\/store\.ts.*'bullmq' import is restricted/],
    ["postgres imports the worker", /postgres\/store\.ts.*'\.\.\/worker\/work\.ts' import is restricted/],
    [
      "the queue imports the store",
      /bullmq\/scheduler\.ts.*'\.\.\/postgres\/store\.ts' import is restricted/,
    ],
    ["shared connections speak SQL", /postgres-connection\/pool\.ts.*'kysely' import is restricted/],
    [
      "shared connections import the store",
      /postgres-connection\/pool\.ts.*'\.\.\/postgres\/store\.ts' import is restricted/,
    ],
    ["security imports the worker", /security\/vault\.ts.*'\.\.\/worker\/work\.ts' import is restricted/],
    ["security speaks SQL", /security\/vault\.ts.*'pg' import is restricted/],
    ["the worker imports an adapter", /worker\/work\.ts.*'\.\.\/postgres\/store\.ts' import is restricted/],
    ["an action has a driver", /actions\/ask\.ts.*'pg' import is restricted/],
    ["sql.query has another driver", /actions\/sql-ask\.ts.*'kysely' import is restricted/],
    ["sql.query imports the store", /actions\/sql-ask\.ts.*'\.\.\/postgres\/store\.ts' import is restricted/],
    ["the API imports the store", /http\/handler\.ts.*'\.\.\/postgres\/store\.ts' import is restricted/],
    ["the API speaks SQL", /http\/handler\.ts.*'pg' import is restricted/],
    ["a cycle, of types too", /worker\/work\.ts.*Dependency cycle detected/],
  ])("%s", (_name, expected) => {
    expect(output).toMatch(expected);
  });
});
