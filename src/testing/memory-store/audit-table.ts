/** What people did. */
import { FlowForgeError } from "../../core/errors.ts";
import type {
  AuditEnd,
  AuditFilter,
  AuditPage,
  AuditRecord,
  AuditStore,
  NewAuditEntry,
} from "../../core/ports/audit.ts";
import type { WorkspaceRows } from "./workspace-table.ts";

type Place = Pick<AuditRecord, "at" | "id">;

const MAX_LIMIT = 1_000;
const EXACT = ["workspace", "actor", "action", "kind", "subject", "outcome"] as const;
const CURSOR = /^(\d+)\.([0-9a-f-]{36})$/;

export class AuditTable implements AuditStore {
  readonly #now: () => number;
  readonly #rows = new Map<string, AuditRecord>();

  /** Neither counted nor a reason for a workspace to be there. */
  readonly ofWorkspaces: WorkspaceRows = {
    workspaces: () => [],
    count: () => 0,
    forget: (workspace) => {
      for (const row of this.#rows.values()) if (row.workspace === workspace) this.#rows.delete(row.id);
    },
  };

  constructor(now: () => number) {
    this.#now = now;
  }

  async begin(entries: readonly NewAuditEntry[]): Promise<void> {
    const at = this.#now();
    for (const { id } of entries) if (this.#rows.has(id)) throw new Error(`There is an entry ${id}.`);
    for (const entry of entries) this.#put({ ...entry, at, endedAt: entry.outcome === "begun" ? null : at });
  }

  async end(ends: readonly AuditEnd[]): Promise<void> {
    const endedAt = this.#now();
    for (const { id, outcome, code, subject, details } of ends) {
      const row = this.#rows.get(id);
      if (row?.outcome !== "begun") continue;
      const known = { subject: subject ?? row.subject, details: details ?? row.details };
      this.#put({ ...row, outcome, code, ...known, endedAt });
    }
  }

  async page(filter: AuditFilter): Promise<AuditPage> {
    const { limit, cursor } = filter;
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
      throw wrongOption("limit", `a whole number from 1 to ${MAX_LIMIT}`);
    const before = cursor === undefined ? null : parseCursor(cursor);
    const found = [...this.#rows.values()]
      .filter((row) => fits(row, filter) && (!before || newestFirst(before, row) < 0))
      .sort(newestFirst);
    const items = found.slice(0, limit).map((row) => structuredClone(row));
    const last = found.length > limit ? items.at(-1) : undefined;
    return { items, cursor: last ? `${last.at}.${last.id}` : null };
  }

  async expire({ olderThanMs, limit }: Parameters<AuditStore["expire"]>[0]): Promise<number> {
    const before = this.#now() - olderThanMs;
    const over = [...this.#rows.values()].filter(({ at }) => at < before).sort((a, b) => a.at - b.at);
    const gone = over.slice(0, limit);
    for (const { id } of gone) this.#rows.delete(id);
    return gone.length;
  }

  #put(row: AuditRecord): void {
    this.#rows.set(row.id, structuredClone(row));
  }
}

function fits(row: AuditRecord, { since = -Infinity, until = Infinity, ...filter }: AuditFilter): boolean {
  return (
    row.at >= since &&
    row.at < until &&
    EXACT.every((part) => filter[part] === undefined || row[part] === filter[part])
  );
}

function newestFirst(a: Place, b: Place): number {
  if (a.at !== b.at) return b.at - a.at;
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}

function parseCursor(cursor: string): Place {
  const match = CURSOR.exec(cursor);
  if (!match) throw wrongOption("cursor", "the cursor of the page before");
  return { at: Number(match[1]), id: match[2]! };
}

function wrongOption(name: string, expected: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: `option "${name}"`,
    expected,
    next: "Correct the call.",
  });
}
