/**
 * Reads versions of workflows from wherever they are nearest: what other processes have left in Redis, and else PostgreSQL. A version never changes, so a copy is as
 * good as the original where its checksum is the one that PostgreSQL has for that version: that is asked every time, in one row without
 * the definition, so that neither a foreign copy nor one of a database that was restored is ever run.
 */
import { createHash } from "node:crypto";
import type { WorkflowDocument } from "../core/definition/document.ts";
import { canonicalJson } from "../core/definition/normalise.ts";
import type { DefinitionCache } from "../core/ports/definition-cache.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Store, VersionHead, WorkflowVersion } from "../core/ports/store.ts";
import type { Observer } from "./observer.ts";

export interface VersionKey {
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
}

export interface VersionsOptions {
  readonly store: Pick<Store, "workflow" | "versionHead">;
  /** `null`: there is no Redis. */
  readonly cache: DefinitionCache | null;
  readonly observer: Pick<Observer, "definition">;
  readonly logger: Logger;
  /** Monotonic, in milliseconds. */
  readonly now?: () => number;
}

/** So long nobody tries Redis again. */
const AWAY_MS = 5_000;

export function checksumOf(document: WorkflowDocument): string {
  return createHash("sha256").update(canonicalJson(document)).digest("hex");
}

export class Versions {
  readonly #options: VersionsOptions;
  #awayUntil = 0;

  constructor(options: VersionsOptions) {
    this.#options = options;
  }

  /** `null`: the store has no such version. `head`: where somebody has just asked for it. */
  async load(key: VersionKey, head?: VersionHead): Promise<WorkflowVersion | null> {
    const { store, cache, observer } = this.#options;
    const { workspace, workflow: name, version } = key;
    if (cache) {
      const known = head ?? (await store.versionHead(workspace, name, version));
      if (!known) return null;
      const document = await this.#shared(cache, { workspace, checksum: known.checksum });
      if (document) {
        observer.definition("redis");
        return { workspace, name, ...known, document };
      }
    }
    const stored = await store.workflow(workspace, name, version);
    if (!stored) return null;
    observer.definition("postgres");
    this.share(stored);
    return stored;
  }

  /** Leaves a version for the other processes. Nobody waits for it. */
  share({ workspace, checksum, document }: WorkflowVersion): void {
    const { cache } = this.#options;
    if (!cache || this.#isAway()) return;
    cache.write(workspace, checksum, JSON.stringify(document)).catch((error: unknown) => this.#away(error));
  }

  /** The workspace is deleted. Where Redis cannot be told, it forgets by itself within a day. */
  async forget(workspace: string): Promise<void> {
    await this.#options.cache?.forget(workspace).catch((error: unknown) => this.#away(error));
  }

  async #shared(
    cache: DefinitionCache,
    { workspace, checksum }: Pick<WorkflowVersion, "workspace" | "checksum">,
  ): Promise<WorkflowDocument | null> {
    if (this.#isAway()) return null;
    try {
      const text = await cache.read(workspace, checksum);
      return text === null ? null : documentOf(text, checksum);
    } catch (error) {
      this.#away(error);
      return null;
    }
  }

  #isAway(): boolean {
    return this.#now() < this.#awayUntil;
  }

  #away(error: unknown): void {
    if (!this.#isAway())
      this.#options.logger.warn({ error }, "Redis cannot keep definitions; PostgreSQL is asked for them");
    this.#awayUntil = this.#now() + AWAY_MS;
  }

  #now(): number {
    return (this.#options.now ?? (() => performance.now()))();
  }
}

/** `null`: it is not what it should be, whoever wrote it. */
function documentOf(text: string, checksum: string): WorkflowDocument | null {
  try {
    const document = JSON.parse(text) as WorkflowDocument;
    return checksumOf(document) === checksum ? document : null;
  } catch {
    return null;
  }
}
