/** Where the files of a sandbox are: its own entry, and QuickJS, which is an optional dependency. */
import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { notInstalled } from "./failures.ts";

const CORE = "quickjs-emscripten-core";
const VARIANT = "@jitl/quickjs-wasmfile-release-sync";

export interface Installation {
  readonly entry: string;
  /** After the entry. */
  readonly args: readonly string[];
  /** What the process may read, and nothing else. */
  readonly readable: readonly string[];
}

/** Looks for QuickJS as a module at `from` would. Throws `sandbox_missing` where it is not installed. */
export function findInstallation(from: string = import.meta.url): Installation {
  const { core, variant, wasm } = findQuickJs(from);
  const entry = realpathSync(entryFile());
  return {
    entry,
    args: [moduleUrl(core), moduleUrl(variant), wasm],
    readable: [
      path.dirname(entry),
      packageOf(core),
      packageOf(variant),
      // Imported by both; beside either of them, by way of a link perhaps.
      path.join(path.dirname(packageOf(core)), "@jitl", "quickjs-ffi-types"),
      path.join(path.dirname(packageOf(variant)), "quickjs-ffi-types"),
    ].map((folder) => folder + path.sep),
  };
}

interface QuickJsFiles {
  readonly core: string;
  readonly variant: string;
  readonly wasm: string;
}

function findQuickJs(from: string): QuickJsFiles {
  const require = createRequire(from);
  const find = (name: string): string => realpathSync(require.resolve(name));
  try {
    return { core: find(CORE), variant: find(VARIANT), wasm: find(`${VARIANT}/wasm`) };
  } catch (cause) {
    throw notInstalled([CORE, VARIANT], cause);
  }
}

/** Beside this file, as TypeScript in the repository and as JavaScript in the package. */
function entryFile(): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`./sandbox-process.${extension}`, import.meta.url));
}

/** Of `dist/index.js` in a package. */
function packageOf(main: string): string {
  return path.dirname(path.dirname(main));
}

/** Both packages have their module beside what `require` finds. */
function moduleUrl(main: string): string {
  return pathToFileURL(path.join(path.dirname(main), "index.mjs")).href;
}
