/** `engine.workspaces`: the tenants as a whole. Which there are, what they hold, a copy of it, and the end of it. */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import type { Duration } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Page, Store } from "../core/ports/store.ts";
import { isNothing, NOTHING, sumOf, type WorkspaceCounts } from "../core/ports/workspaces.ts";
import type { JsonObject } from "../core/json.ts";
import type { SetLimits } from "../core/limits/limits-schema.ts";
import type { LimitsInForce } from "../core/limits/workspace-limits.ts";
import type { LimitBook } from "../worker/limit-book.ts";
import type { Vault } from "../security/vault/vault.ts";
import { workspaceOf } from "./call-options.ts";
import { checkOptions } from "./check-options.ts";
import type { RunControl } from "./run-control.ts";
import { exportLines } from "./workspace-export.ts";
import type { WorkflowsApi } from "./workflows.ts";
import { checkSetLimits, type WorkspaceRules } from "./workspace-limits.ts";

export interface ListWorkspacesOptions {
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

export interface DeleteWorkspaceOptions {
  /** How long actions that run get to end, once they are told. `0`: nobody waits for them. Default 10s. */
  readonly grace?: Duration | undefined;
}

export interface WorkspaceSummary extends WorkspaceCounts {
  readonly workspace: string;
}

/** What a workspace may use. */
export interface LimitsSummary {
  readonly workspace: string;
  /** What was set for it. `null`: nothing. */
  readonly set: SetLimits | null;
  /** What holds for it in this engine, with its plan and what the options say for all. */
  readonly inForce: LimitsInForce;
}

export interface WorkspacesParts {
  readonly store: Store;
  readonly control: RunControl;
  readonly workflows: WorkflowsApi;
  readonly vault: Vault | null;
  readonly rules: WorkspaceRules;
  readonly book: LimitBook;
}

/** Rows of each kind that are deleted at once. */
const ROWS = 500;
const LOOK_MS = 100;

const listSchema: z.ZodObject = z.strictObject({
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});
const deleteSchema: z.ZodObject = z.strictObject({ grace: z.union([z.string(), z.number()]).optional() });

export class WorkspacesApi {
  readonly #parts: WorkspacesParts;

  /** @internal */
  constructor(parts: WorkspacesParts) {
    this.#parts = parts;
  }

  /** Workspaces that have anything, in an order of the database's, page by page. Throws `option_invalid`. */
  async list(options: ListWorkspacesOptions = {}): Promise<Page<string>> {
    checkOptions(listSchema, options, "workspaces.list");
    const { cursor, limit = 100 } = options;
    const after = cursor === undefined ? {} : { after: cursor };
    const found = await this.#parts.store.workspaces.list({ ...after, limit: limit + 1 });
    const items = found.slice(0, limit);
    return { items, cursor: found.length > limit ? items.at(-1)! : null };
  }

  /** What a workspace has; `null`: nothing, so there is none. It counts every row: not for a busy page. Throws `option_invalid`. */
  async get(workspace: string): Promise<WorkspaceSummary | null> {
    const name = nameOf(workspace, "workspaces.get");
    const counts = await this.#parts.store.workspaces.counts(name);
    return isNothing(counts) ? null : { workspace: name, ...counts };
  }

  /**
   * Sets what a workspace may use, in place of what was set before: a plan of the option `workspaces.plans`, limits of its own, or both.
   * What neither says is as the option `workspaces.default`. `null`: as if nothing had ever been set. In force here at once, and within about
   * two seconds in every engine; what runs is not stopped, and what waits begins where there is room now.
   *
   * Throws `option_invalid` and `duration_invalid`.
   */
  async setLimits(workspace: string, limits: SetLimits | null): Promise<LimitsSummary> {
    const name = nameOf(workspace, "workspaces.setLimits");
    const { store, rules, book } = this.#parts;
    const { plan = null, ...own } = limits ?? {};
    if (limits !== null) checkSetLimits(limits, rules);
    // What is undefined is not said.
    const stored = { workspace: name, plan, limits: JSON.parse(JSON.stringify(own)) as JsonObject };
    await store.limits.set(stored);
    book.put(stored);
    return this.getLimits(name);
  }

  /** What was set for a workspace, and what holds for it. Throws `option_invalid`. */
  async getLimits(workspace: string): Promise<LimitsSummary> {
    const name = nameOf(workspace, "workspaces.getLimits");
    const stored = await this.#parts.store.limits.get(name);
    const nothing = { workspace: name, plan: null, limits: {} };
    const { plan, limits } = stored ?? nothing;
    const set = { ...(plan === null ? {} : { plan }), ...limits };
    return {
      workspace: name,
      set: Object.keys(set).length > 0 ? set : null,
      inForce: this.#parts.book.inForce(stored ?? nothing),
    };
  }

  /**
   * All of a workspace as lines of JSON, each with its line break: definitions, schedules, polls, names of credentials (their values never), deliveries of
   * webhooks, events, runs with their nodes and items, dead letters and the audit log. It reads page by page while runs go on, so it shows no single moment; what begins
   * meanwhile may be missing. Throws `option_invalid` before the first line.
   *
   *     await pipeline(Readable.from(engine.workspaces.export("acme")), createWriteStream("acme.jsonl"));
   */
  export(workspace: string): AsyncIterable<string> {
    return exportLines(this.#parts.store, nameOf(workspace, "workspaces.export"));
  }

  /**
   * Deletes everything that a workspace has, in batches: its definitions, schedules, polls, events and webhooks first, so that nothing begins; then its runs, those that
   * are under way are cancelled before; its keys; and its credentials with the keys that sealed them, so that copies in backups can be
   * read by nobody. Resolves with what it removed. For a workspace that has nothing it does nothing.
   *
   * Whatever breaks it off: the same call goes on. What the host starts in the workspace meanwhile is deleted as well; what it starts
   * afterwards makes a new workspace of this name, so stop that first. Actions that still run after `grace` go on in their process, and nothing
   * that they do is stored any more.
   *
   * Throws `option_invalid` and `duration_invalid`.
   */
  async delete(workspace: string, options: DeleteWorkspaceOptions = {}): Promise<WorkspaceSummary> {
    const name = nameOf(workspace, "workspaces.delete");
    checkOptions(deleteSchema, options, "workspaces.delete");
    const graceMs = parseDuration(options.grace ?? "10s", 'option "grace" of workspaces.delete');
    const { store, control, workflows, vault } = this.#parts;
    if (graceMs > 0) {
      await control.operate("cancel", { workspace: name }, {});
      await this.#rest(name, graceMs);
    }
    let removed = NOTHING;
    for (;;) {
      await workflows.forget(name);
      vault?.forget(name);
      const some = await store.workspaces.erase(name, ROWS);
      if (isNothing(some)) return { workspace: name, ...removed };
      removed = sumOf(removed, some);
    }
  }

  /** Until nothing is under way any more, or so long. */
  async #rest(workspace: string, graceMs: number): Promise<void> {
    const endsAt = performance.now() + graceMs;
    while (performance.now() < endsAt && (await this.#parts.store.workspaces.underWay(workspace)) > 0)
      await pause(LOOK_MS);
  }
}

/** There is no default here: a slip must not delete it. */
function nameOf(workspace: string, call: string): string {
  if (typeof workspace === "string") return workspaceOf({ workspace }, call);
  throw new FlowForgeError("option_invalid", {
    subject: `the workspace of ${call}`,
    expected: "its name",
    received: typeof workspace,
    next: "Name the workspace.",
  });
}
