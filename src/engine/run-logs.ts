/** `engine.runs.logs`: what the actions of a run wrote. */
import { z } from "zod";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { LogLevel, LogStore } from "../core/ports/logs.ts";
import type { Page } from "../core/ports/store.ts";
import { type InWorkspace, inWorkspaceSchema, workspaceOf } from "./call-options.ts";

export interface RunLogsOptions extends InWorkspace {
  /** Only lines of this node. Default: of all. */
  readonly node?: string | undefined;
  /** Only lines of this item of a map. Default: of all. */
  readonly item?: number | undefined;
  /** Only lines behind this one: the page's `cursor`, or the `id` of any line. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

/** A line that an action wrote with `ctx.logger`, without the secrets that the attempt knew. */
export interface RunLogLine {
  readonly id: string;
  readonly node: string;
  /** -1: of the node run itself. */
  readonly item: number;
  readonly attempt: number;
  /** Milliseconds since 1970 by the database's clock. */
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: { readonly [name: string]: Json };
}

const schema: z.ZodObject = inWorkspaceSchema.extend({
  node: z.string().optional(),
  item: z.int().min(-1).optional(),
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});

export class RunLogs {
  readonly #store: Pick<LogStore, "page">;
  readonly #flush: () => Promise<void>;

  constructor(store: Pick<LogStore, "page">, flush: () => Promise<void>) {
    this.#store = store;
    this.#flush = flush;
  }

  async page(runId: string, options: RunLogsOptions): Promise<Page<RunLogLine>> {
    const workspace = workspaceOf(options, "runs.logs", schema);
    const { node, item, cursor, limit = 100 } = options;
    const after = cursor === undefined ? 0 : seqOf(cursor);
    // What this process still has belongs to it.
    await this.#flush();
    const found = await this.#store.page({ workspace, runId, node, item, after, limit: limit + 1 });
    const items = found.slice(0, limit).map(({ seq, fields, ...line }) => ({
      id: String(seq),
      ...line,
      fields: (fields === null ? {} : JSON.parse(fields)) as RunLogLine["fields"],
    }));
    return { items, cursor: found.length > limit ? items.at(-1)!.id : null };
  }
}

function seqOf(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new FlowForgeError("option_invalid", {
    subject: 'option "cursor" of runs.logs',
    expected: "the cursor of the page before, or the id of a line",
    received: JSON.stringify(cursor.slice(0, 80)),
    next: "Correct it and ask again.",
  });
}
