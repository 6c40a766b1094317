/** The dashboard's built files. They are one script and one style sheet beside the package's own code. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { FlowForgeError } from "../../core/errors.ts";

export interface Asset {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Another one where the bytes are others. */
  readonly etag: string;
}

export type AssetName = "app.js" | "app.css";

/** From the sources it is what `npm install` has built; from the package it is part of it. */
const FOLDER = new URL(
  import.meta.url.endsWith(".ts") ? "../../../dist/dashboard/" : "./dashboard/",
  import.meta.url,
);

const read = new Map<AssetName, Promise<Asset>>();

/** Read once. Throws `dashboard_missing` where it was not built. */
export function asset(name: AssetName): Promise<Asset> {
  const known = read.get(name);
  if (known) return known;
  const loading = load(name);
  read.set(name, loading);
  // What is missing may be built later.
  loading.catch(() => read.delete(name));
  return loading;
}

async function load(name: AssetName): Promise<Asset> {
  try {
    const bytes = new Uint8Array(await readFile(new URL(name, FOLDER)));
    return { bytes, etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"` };
  } catch (error) {
    throw new FlowForgeError("dashboard_missing", {
      subject: `the dashboard's file ${name}`,
      next: "In a checkout of the sources run npm run build:dashboard.",
      cause: error,
    });
  }
}
