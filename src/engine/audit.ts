/**
 * `engine.audit`: who did what, to what, when, and how it went. An entry is written before its action is done, in a write that the action waits
 * for, and told afterwards how it went, in one that nobody waits for. So nothing is done without an entry; one whose process died
 * in between says `begun`.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Duration } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { AuditEnd, AuditFilter, AuditOutcome, AuditRecord, NewAuditEntry } from "../core/ports/audit.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Page, Store } from "../core/ports/store.ts";
import { Batches } from "./batches.ts";
import { type InWorkspace, inWorkspaceSchema, workspaceOf } from "./call-options.ts";

/** The option `audit`. */
export interface AuditSettings {
  /** How long entries are kept. `null`: for ever. Default 365d. */
  readonly keep?: Duration | null | undefined;
  /**
   * Actions that are not recorded, as `runs.start`, where a program does them thousands of times over HTTP: an entry costs two rows written. Default: none.
   */
  readonly skip?: readonly string[] | undefined;
}

export interface AuditRules {
  /** `null`: for ever. */
  readonly keepMs: number | null;
  readonly skip: ReadonlySet<string>;
}

/** What is about to be done. */
export interface AuditEntry extends InWorkspace {
  /** What is done: the operation of the HTTP API or the call, as `runs.cancel`, or one of the host's own. 1 to 128 characters. */
  readonly action: string;
  /** To what kind of thing, as `run`. 1 to 64 characters. */
  readonly kind: string;
  /** To which one: its id or name; longer ones are cut at 300 characters. Default: to none, or to many. */
  readonly subject?: string | null | undefined;
  /** Who; longer ones are cut at 200 characters. Default: nobody knows. */
  readonly actor?: string | null | undefined;
  /** What else there is to say, without secrets or inputs. More than 4,096 characters of JSON are left out. Default: nothing. */
  readonly details?: JsonObject | null | undefined;
}

/** What is known only when it is done. */
export interface AuditFacts {
  readonly subject?: string;
  /** Taken into the ones of the entry. */
  readonly details?: JsonObject;
}

export type AuditNote = (facts: AuditFacts) => void;

export interface ListAuditOptions extends InWorkspace {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly kind?: string | undefined;
  /** Id or name of what it was done to. */
  readonly subject?: string | undefined;
  readonly outcome?: AuditOutcome | undefined;
  /** This time or later. */
  readonly since?: Date | undefined;
  /** Earlier than this time. */
  readonly until?: Date | undefined;
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

const MAX = { action: 128, kind: 64, actor: 200, subject: 300, details: 4_096 } as const;
const DAY_MS = 86_400_000;
// oxlint-disable-next-line no-control-regex -- they are what is replaced
const CONTROL = /[\u0000-\u001F\u007F]/g;

const listSchema: z.ZodObject = inWorkspaceSchema.extend({
  actor: z.string().optional(),
  action: z.string().optional(),
  kind: z.string().optional(),
  subject: z.string().optional(),
  outcome: z.enum(["begun", "done", "failed", "refused"]).optional(),
  since: z.date().optional(),
  until: z.date().optional(),
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});

const entrySchema: z.ZodObject = inWorkspaceSchema.extend({
  action: z.string().min(1).max(MAX.action),
  kind: z.string().min(1).max(MAX.kind),
  subject: z.string().nullable().optional(),
  actor: z.string().nullable().optional(),
  details: z.record(z.string(), z.json()).nullable().optional(),
});

export const auditSchema: z.ZodObject = z.strictObject({
  keep: z.union([z.string(), z.number(), z.null()]).optional(),
  skip: z.array(z.string()).optional(),
});

/** Throws `duration_invalid`. */
export function parseAudit({ keep = 365 * DAY_MS, skip = [] }: AuditSettings = {}): AuditRules {
  return { keepMs: keep === null ? null : parseDuration(keep, 'option "audit.keep"'), skip: new Set(skip) };
}

export interface AuditParts {
  readonly store: Pick<Store, "audit">;
  readonly rules: Pick<AuditRules, "skip">;
  readonly logger: Logger;
}

export class AuditApi {
  readonly #parts: AuditParts;
  readonly #begins: Batches<NewAuditEntry>;
  readonly #ends: Batches<AuditEnd>;

  /** @internal */
  constructor(parts: AuditParts) {
    this.#parts = parts;
    const { audit } = parts.store;
    this.#begins = new Batches((entries) => audit.begin(entries));
    this.#ends = new Batches((ends) => audit.end(ends));
  }

  /**
   * What was done in a workspace, the newest first, page by page: over HTTP and in the dashboard, to dead letters by calls, and what the host records
   * with `record`. Throws `option_invalid`.
   */
  async list(options: ListAuditOptions = {}): Promise<Page<AuditRecord>> {
    const workspace = workspaceOf(options, "audit.list", listSchema);
    const { since, until, limit = 100, ...rest } = options;
    // What this process has still to tell of its entries belongs to them.
    await this.flush();
    const filter: AuditFilter = {
      ...given(rest),
      ...(since ? { since: since.getTime() } : {}),
      ...(until ? { until: until.getTime() } : {}),
      workspace,
      limit,
    };
    return this.#parts.store.audit.page(filter);
  }

  /**
   * Does `work` and records who did it: for a host with pages of its own, around any call to the engine. The entry is stored before `work` is
   * called; where it cannot be, `work` is not called, and what the store throws is thrown. `note` adds what is known only then. What
   * `work` resolves to or throws passes through.
   *
   *     await engine.audit.record({ action: "runs.cancel", kind: "run", subject: id, actor: user.email, workspace }, () =>
   *       engine.runs.cancel(id, { workspace }),
   *     );
   *
   * Throws `option_invalid`.
   */
  async record<T>(entry: AuditEntry, work: (note: AuditNote) => T | Promise<T>): Promise<T> {
    const workspace = workspaceOf(entry, "audit.record", entrySchema);
    if (this.#parts.rules.skip.has(entry.action)) return work(() => {});
    const begun = newEntry(entry, workspace);
    await this.#begins.add(begun);
    let facts: AuditFacts = {};
    const note: AuditNote = (more) => {
      const details = { ...facts.details, ...more.details };
      facts = { ...facts, ...more, details };
    };
    try {
      const result = await work(note);
      this.#end(begun, { outcome: "done", code: null }, facts);
      return result;
    } catch (error) {
      this.#end(begun, { outcome: "failed", code: codeOf(error) }, facts);
      throw error;
    }
  }

  /** Somebody wanted to do what he may not. @internal */
  async refused(entry: AuditEntry, code: string): Promise<void> {
    const workspace = workspaceOf(entry, "audit.record", entrySchema);
    if (this.#parts.rules.skip.has(entry.action)) return;
    await this.#begins.add({ ...newEntry(entry, workspace), outcome: "refused", code });
  }

  /** Until everything is told. @internal */
  async flush(): Promise<void> {
    await Promise.all([this.#begins.settled(), this.#ends.settled()]);
  }

  #end(entry: NewAuditEntry, how: Pick<AuditEnd, "outcome" | "code">, facts: AuditFacts): void {
    const subject = facts.subject === undefined ? null : text(facts.subject, MAX.subject);
    const details = facts.details ? detailsOf({ ...entry.details, ...facts.details }) : null;
    this.#ends.add({ id: entry.id, ...how, subject, details }).catch((error: unknown) => {
      const { workspace, actor, action, kind } = entry;
      this.#parts.logger.error(
        { error, workspace, actor, action, kind, subject: subject ?? entry.subject, ...how },
        "how an action went could not be recorded; its entry stays begun",
      );
    });
  }
}

function newEntry(entry: AuditEntry, workspace: string): NewAuditEntry {
  const { action, kind, subject = null, actor = null, details = null } = entry;
  return {
    id: randomUUID(),
    workspace,
    action: text(action, MAX.action),
    kind: text(kind, MAX.kind),
    actor: actor === null ? null : text(actor, MAX.actor),
    subject: subject === null ? null : text(subject, MAX.subject),
    details: details && detailsOf(details),
    outcome: "begun",
    code: null,
  };
}

/** What the store takes, whatever it was: an entry must not fail because of how something is called. */
function text(given: string, most: number): string {
  return given.replaceAll(CONTROL, "\uFFFD").slice(0, most).toWellFormed();
}

function detailsOf(details: JsonObject): JsonObject {
  const { length } = JSON.stringify(details);
  return length > MAX.details ? { omitted: length } : details;
}

function codeOf(error: unknown): string {
  return FlowForgeError.is(error) ? error.code : "internal";
}

/** Without what is `undefined`. */
function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
