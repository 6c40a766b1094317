/** Programs that tests need and npm does not bring: on PATH, or installed by root on Debian. */
import { execFile } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Wanted {
  /** What it may be called. */
  readonly names: readonly string[];
  /** The package of Debian that has it. */
  readonly debian: string;
}

/** The path of the first that is there; `undefined`: there is none and none can be installed. */
export async function programOf(wanted: Wanted): Promise<string | undefined> {
  return (await onPath(wanted.names)) ?? (await installed(wanted));
}

async function onPath(names: readonly string[]): Promise<string | undefined> {
  const folders = [
    ...(process.env["PATH"] ?? "").split(path.delimiter),
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
  ];
  for (const folder of folders) {
    for (const name of names) {
      const file = path.join(folder, name);
      if (path.isAbsolute(file) && (await isThere(file))) return file;
    }
  }
  return undefined;
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function installed({ names, debian }: Wanted): Promise<string | undefined> {
  const isDebian = (await readFile("/etc/os-release", "utf8").catch(() => "")).includes("debian");
  if (!isDebian || process.getuid?.() !== 0) return undefined;
  console.warn(`[tests] No ${names[0]} here: installing it with apt-get (root on Debian).`);
  // RUNLEVEL=1 keeps packages from starting servers of their own on their usual ports.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const options = { env, maxBuffer: 16 * 1024 * 1024 };
  try {
    await run("apt-get", ["update", "-q", "-o", "DPkg::Lock::Timeout=180"], options);
    const flags = ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=180"];
    await run("apt-get", ["install", ...flags, debian], options);
  } catch (error) {
    console.error(`[tests] apt-get could not install ${debian}: ${String(error).slice(0, 500)}`);
  }
  // Also after a failure: two test runs may have tried at the same time.
  return onPath(names);
}
