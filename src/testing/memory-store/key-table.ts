/** Idempotency keys of starts: whose run each is, and until when. */
import { type KeyHolder, type KeyRef, KEY_KEEP_MS } from "../../core/ports/keys.ts";
import type { NewRun } from "../../core/ports/commit.ts";
import { assertText } from "./commit-entry.ts";
import { rowsByWorkspaceKey, type WorkspaceRows } from "./workspace-table.ts";
import type { Tables } from "./tables.ts";

interface Row extends KeyHolder {
  expiresAt: number;
}

export class KeyTable {
  readonly #tables: Tables;
  readonly #rows = new Map<string, Row>();
  readonly ofWorkspaces: WorkspaceRows = rowsByWorkspaceKey(this.#rows);

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** `null`: free. */
  holder(ref: KeyRef, now: number): KeyHolder | null {
    const row = this.#rows.get(textOf(ref));
    if (!row || this.#isFree(row, now)) return null;
    const { runId, fingerprint } = row;
    return { runId, fingerprint, ...(this.#tables.runs.has(runId) ? {} : { isRunGone: true }) };
  }

  isTaken(start: NewRun, now: number): boolean {
    return start.key !== undefined && this.holder({ ...start.key, workspace: start.workspace }, now) !== null;
  }

  take(start: NewRun, runId: string, now: number): void {
    if (!start.key) return;
    const { scope, key, fingerprint } = start.key;
    for (const text of [scope, key, fingerprint]) assertText(text);
    const row = { runId, fingerprint, expiresAt: now + KEY_KEEP_MS };
    this.#rows.set(textOf({ workspace: start.workspace, scope, key }), row);
  }

  expire(limit: number, now: number): number {
    const due = [...this.#rows]
      .filter(([, row]) => row.expiresAt <= now)
      .sort(([, a], [, b]) => a.expiresAt - b.expiresAt)
      .slice(0, limit);
    for (const [text, row] of due) {
      if (this.#isFree(row, now)) this.#rows.delete(text);
      else row.expiresAt = (this.#tables.runs.get(row.runId)!.header.finishedAt ?? now) + KEY_KEEP_MS;
    }
    return due.length;
  }

  #isFree(row: Row, now: number): boolean {
    if (row.expiresAt > now) return false;
    const run = this.#tables.runs.get(row.runId);
    return !run || (run.header.finishedAt !== null && run.header.finishedAt <= now - KEY_KEEP_MS);
  }
}

function textOf({ workspace, scope, key }: KeyRef): string {
  return JSON.stringify([workspace, scope, key]);
}
