/** Events of workspaces. */
import { FlowForgeError } from "../../core/errors.ts";
import { boundTriggers } from "../../core/graph/bound-triggers.ts";
import type { Announcement } from "../../core/ports/commit.ts";
import {
  EVENT_KEEP_MS,
  EVENT_SHORT_MS,
  type EventChange,
  type EventDetail,
  type EventFilter,
  type EventPage,
  type EventRecord,
  type EventRef,
  type EventStore,
  type NewEvent,
  type Publication,
} from "../../core/ports/events.ts";
import type { Tables } from "./tables.ts";
import type { WorkflowTable } from "./workflow-table.ts";
import { rowsByWorkspaceKey, type WorkspaceRows } from "./workspace-table.ts";

export interface EventTableParts {
  readonly workflows: WorkflowTable;
  readonly tables: Tables;
  readonly now: () => number;
}

interface Row extends EventDetail {
  readonly dueAt: number;
  readonly expiresAt: number;
}

type Place = Pick<EventRecord, "publishedAt" | "id">;

const MAX_LIMIT = 1_000;
const CURSOR = /^(\d+)\.(.+)$/s;

/** Nothing has been done with it. */
const FRESH = {
  stage: "waits",
  after: null,
  runs: 0,
  full: 0,
  started: 0,
  refused: 0,
  refusals: [],
  failures: 0,
} as const;

export class EventTable implements EventStore {
  readonly #parts: EventTableParts;
  readonly #now: () => number;
  readonly #rows = new Map<string, Row>();

  readonly ofWorkspaces: WorkspaceRows = rowsByWorkspaceKey(this.#rows);

  constructor(parts: EventTableParts) {
    this.#parts = parts;
    this.#now = parts.now;
  }

  async announce(announcements: readonly Announcement[]): Promise<void> {
    this.say(announcements);
  }

  /** What a commit says, where somebody listens. */
  say(announces: readonly Announcement[]): void {
    const now = this.#now();
    for (const announcement of announces) {
      if (this.#rows.has(keyOf(announcement)) || !this.#isHeard(announcement)) continue;
      const times = { publishedAt: now, dueAt: now, expiresAt: now + EVENT_SHORT_MS };
      this.#put({ ...announcement, ...FRESH, ...times, fingerprint: "", rev: 0 });
    }
  }

  async publish({ keepMs, ...event }: NewEvent, holdMs: number): Promise<Publication> {
    const now = this.#now();
    const known = this.#rows.get(keyOf(event));
    if (known && !(known.stage === "done" && known.expiresAt <= now))
      return { published: false, event: recordOf(known) };
    const rev = known ? known.rev + 1 : 0;
    const times = { publishedAt: now, dueAt: now + holdMs, expiresAt: now + keepMs };
    return { published: true, event: detailOf(this.#put({ ...event, ...FRESH, ...times, rev })) };
  }

  async due({ holdMs, limit }: Parameters<EventStore["due"]>[0]): Promise<readonly EventDetail[]> {
    const now = this.#now();
    return [...this.#rows.values()]
      .filter(({ stage, dueAt }) => stage !== "done" && dueAt <= now)
      .sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1))
      .slice(0, limit)
      .map((row) => detailOf(this.#put({ ...row, dueAt: now + holdMs })));
  }

  async advance(ref: EventRef, rev: number, { holdMs, ...progress }: EventChange): Promise<boolean> {
    const row = this.#rows.get(keyOf(ref));
    if (row?.rev !== rev || row.stage === "done") return false;
    const longer = progress.refused > 0 ? row.publishedAt + EVENT_KEEP_MS : 0;
    const expiresAt = Math.max(row.expiresAt, longer);
    const payload = progress.stage === "done" ? null : row.payload;
    this.#put({ ...row, ...progress, payload, expiresAt, dueAt: this.#now() + holdMs, rev: rev + 1 });
    return true;
  }

  async get(ref: EventRef): Promise<EventRecord | null> {
    const row = this.#rows.get(keyOf(ref));
    return row ? recordOf(row) : null;
  }

  async page({ workspace, name, refused, cursor, limit }: EventFilter): Promise<EventPage> {
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
      throw wrongOption("limit", `a whole number from 1 to ${MAX_LIMIT}`);
    const before = cursor === undefined ? null : parseCursor(cursor);
    const found = [...this.#rows.values()]
      .filter((row) => row.workspace === workspace && (name === undefined || row.name === name))
      .filter((row) => refused !== true || row.refused > 0)
      .filter((row) => !before || newestFirst(before, row) < 0)
      .sort(newestFirst);
    const items = found.slice(0, limit).map(recordOf);
    const last = found.length > limit ? items.at(-1) : undefined;
    return { items, cursor: last ? `${last.publishedAt}.${last.id}` : null };
  }

  async expire(limit: number): Promise<number> {
    const now = this.#now();
    const over = [...this.#rows.values()].filter((row) => row.stage === "done" && row.expiresAt <= now);
    const gone = over.sort((a, b) => a.expiresAt - b.expiresAt).slice(0, limit);
    for (const row of gone) this.#rows.delete(keyOf(row));
    return gone.length;
  }

  #isHeard({ workspace, name }: Announcement): boolean {
    const { workflows, tables } = this.#parts;
    const isBound = workflows
      .list(workspace)
      .some(({ document }) =>
        boundTriggers(document).some(({ source }) => source.type === "event" && source.name === name),
      );
    return (
      isBound ||
      [...tables.runs.values()].some(
        ({ header, listens }) => header.workspace === workspace && listens.has(name),
      )
    );
  }

  #put(row: Row): Row {
    const copy = structuredClone(row);
    this.#rows.set(keyOf(row), copy);
    return copy;
  }
}

function keyOf({ workspace, id }: EventRef): string {
  return JSON.stringify([workspace, id]);
}

function detailOf({ dueAt: _due, expiresAt: _expires, ...detail }: Row): EventDetail {
  return structuredClone(detail);
}

function recordOf(row: Row): EventRecord {
  const { payload: _payload, ...record } = detailOf(row);
  return record;
}

function newestFirst(a: Place, b: Place): number {
  if (a.publishedAt !== b.publishedAt) return b.publishedAt - a.publishedAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}

function parseCursor(cursor: string): Place {
  const match = CURSOR.exec(cursor);
  if (!match) throw wrongOption("cursor", "the cursor of the page before");
  return { publishedAt: Number(match[1]), id: match[2]! };
}

function wrongOption(name: string, expected: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: `option "${name}"`,
    expected,
    next: "Correct the call.",
  });
}
