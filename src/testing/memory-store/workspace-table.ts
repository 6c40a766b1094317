/** Workspaces as a whole. Everything of one is erased in one go, but for its data keys. */
import { NOTHING, type WorkspaceCounts, type WorkspaceStore } from "../../core/ports/workspaces.ts";
import type { RetentionTable } from "./retention-table.ts";
import type { Tables } from "./tables.ts";

/** What else has something of workspaces. */
export interface WorkspaceRows {
  workspaces(): Iterable<string>;
  /** How many rows it has of the workspace. */
  count(workspace: string): number;
  forget(workspace: string): void;
}

/** Rows of a table that are known by a text. */
export function rowsByWorkspace<Row>(
  rows: Map<string, Row>,
  workspaceOf: (row: Row, key: string) => string,
): WorkspaceRows {
  const own = (workspace: string): string[] =>
    [...rows].filter(([key, row]) => workspaceOf(row, key) === workspace).map(([key]) => key);
  return {
    workspaces: () => [...rows].map(([key, row]) => workspaceOf(row, key)),
    count: (workspace) => own(workspace).length,
    forget: (workspace) => own(workspace).forEach((key) => rows.delete(key)),
  };
}

/** The same of a table that is known by lists of texts, the first of which is the workspace. */
export function rowsByWorkspaceKey<Row>(rows: Map<string, Row>): WorkspaceRows {
  return rowsByWorkspace(rows, (_, key) => (JSON.parse(key) as readonly [string])[0]);
}

type Kind = Exclude<keyof WorkspaceCounts, "runs" | "credentials" | "dataKeys">;

export interface WorkspaceTableParts {
  readonly tables: Tables;
  readonly retention: RetentionTable;
  readonly rows: readonly (readonly [Kind, WorkspaceRows])[];
  readonly credentials: {
    count(workspace: string): Pick<WorkspaceCounts, "credentials" | "dataKeys">;
    workspaces(): Iterable<string>;
    shred(workspace: string): Promise<unknown>;
  };
  /** What is not counted. */
  readonly settings: readonly Pick<WorkspaceRows, "forget">[];
}

export class WorkspaceTable implements WorkspaceStore {
  readonly #parts: WorkspaceTableParts;

  constructor(parts: WorkspaceTableParts) {
    this.#parts = parts;
  }

  async list({ after = "", limit }: { after?: string; limit: number }): Promise<readonly string[]> {
    const { tables, rows, credentials } = this.#parts;
    const all = new Set(credentials.workspaces());
    for (const { header } of tables.runs.values()) all.add(header.workspace);
    for (const [, each] of rows) for (const workspace of each.workspaces()) all.add(workspace);
    return [...all]
      .sort()
      .filter((workspace) => workspace > after)
      .slice(0, limit);
  }

  async counts(workspace: string): Promise<WorkspaceCounts> {
    return this.#count(workspace);
  }

  #count(workspace: string): WorkspaceCounts {
    const { rows, credentials } = this.#parts;
    const counts = { ...NOTHING, runs: this.#runs(workspace).length, ...credentials.count(workspace) };
    for (const [kind, each] of rows) counts[kind] += each.count(workspace);
    return counts;
  }

  async underWay(workspace: string): Promise<number> {
    return this.#runs(workspace).filter(({ header }) => header.finishedAt === null).length;
  }

  async erase(workspace: string): Promise<WorkspaceCounts> {
    const { rows, credentials, retention } = this.#parts;
    const counts = this.#count(workspace);
    for (const run of this.#runs(workspace)) retention.remove(run);
    for (const [, each] of rows) each.forget(workspace);
    this.#parts.tables.feed.forget(workspace);
    for (const each of this.#parts.settings) each.forget(workspace);
    await credentials.shred(workspace);
    return counts;
  }

  #runs(workspace: string) {
    return [...this.#parts.tables.runs.values()].filter(({ header }) => header.workspace === workspace);
  }
}
