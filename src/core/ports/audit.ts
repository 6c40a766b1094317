/**
 * What people do: who did what to what, when, and how it went. An entry is written before the action is done (`begin`), so that nothing is done
 * without one, and told afterwards how it went (`end`). One that stays `begun` is of an action that goes on still, or whose process died: it
 * may have been done. Part of `Store`; both stores pass the same rules.
 */
import type { JsonObject } from "../json.ts";

/** `refused`: the caller may not do it, and nothing was tried. */
export type AuditOutcome = "begun" | "done" | "failed" | "refused";

/** How an action went, and what is known of it only then. */
export interface AuditEnd {
  /** Of the entry: a UUID that its writer made. */
  readonly id: string;
  readonly outcome: AuditOutcome;
  /** Of the error; `null`: there was none. */
  readonly code: string | null;
  /** `null`: as it was written before. */
  readonly subject: string | null;
  /** `null`: as they were written before. */
  readonly details: JsonObject | null;
}

export interface NewAuditEntry extends AuditEnd {
  readonly workspace: string;
  /** Who; `null`: nobody knows. */
  readonly actor: string | null;
  /** What was done, as `runs.cancel`. */
  readonly action: string;
  /** To what kind of thing, as `run`. */
  readonly kind: string;
}

export interface AuditRecord extends NewAuditEntry {
  /** Milliseconds since 1970 by the store's clock. */
  readonly at: number;
  /** `null`: it has not ended. */
  readonly endedAt: number | null;
}

export interface AuditFilter {
  readonly workspace: string;
  readonly actor?: string;
  readonly action?: string;
  readonly kind?: string;
  readonly subject?: string;
  readonly outcome?: AuditOutcome;
  /** This time or later. */
  readonly since?: number;
  /** Earlier than this time. */
  readonly until?: number;
  /** Opaque; from the page before. */
  readonly cursor?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface AuditPage {
  readonly items: readonly AuditRecord[];
  readonly cursor: string | null;
}

export interface AuditStore {
  /** All or none of them. An entry that is not `begun` has ended with this. */
  begin(entries: readonly NewAuditEntry[]): Promise<void>;
  /** Of entries that are `begun`; others stay as they are. */
  end(ends: readonly AuditEnd[]): Promise<void>;
  /** Newest first, by `at` and then `id`. Rejects a limit or cursor that is none with `option_invalid`. */
  page(filter: AuditFilter): Promise<AuditPage>;
  /** Deletes entries that are older than this, of every workspace; at most so many, and returns how many. */
  expire(options: { readonly olderThanMs: number; readonly limit: number }): Promise<number>;
}
