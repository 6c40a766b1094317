/** The options of single calls: as a host passes them, and their schemas. */
import { z } from "zod";
import type { Duration } from "../core/definition/document.ts";
import type { RunFilter } from "../core/ports/store.ts";
import type { RunStatus } from "../core/run/state.ts";
import type { CallerTransaction } from "../postgres/caller-transaction.ts";
import { checkOptions } from "./check-options.ts";
import type { TimeInput } from "./start-time.ts";

export const DEFAULT_WORKSPACE = "default";

export interface InWorkspace {
  /** The tenant: 1 to 128 characters without control characters. Default `default`. */
  readonly workspace?: string | undefined;
}

export interface CancelOptions extends InWorkspace {
  /**
   * Undo what has succeeded: once nothing runs any more, the compensations of the nodes run, the last node's first, and then the run
   * is `cancelled`. Default false.
   */
  readonly compensate?: boolean | undefined;
}

/** `Input`: what the workflow's input schema takes; `unknown` where the compiler does not know it. */
export type StartOptions<Input = unknown> = StartSettings & (ManualStart<Input> | TriggeredStart);

interface ManualStart<Input> {
  /** Must fit the workflow's input schema. None: null. */
  readonly input?: Input | undefined;
  readonly trigger?: undefined;
}

interface TriggeredStart {
  /** Id of the trigger node to start at. Default: the workflow's manual trigger. */
  readonly trigger: string;
  /** What fired the trigger; its `input` template, where it has one, makes the run's input of it. */
  readonly input?: unknown;
}

interface StartSettings extends InWorkspace {
  /**
   * The run begins then, at most about a second late, by the clock of the database. It is stored at once, as `queued`; cancel,
   * pause and signals reach it before. A time that has passed: at once. Default: at once.
   */
  readonly at?: TimeInput | undefined;
  /**
   * From the run's start: `"30s"`, `"2h"`, or milliseconds. A run that has not ended by then is cancelled and fails with
   * `deadline_exceeded`. Default: the workflow's `deadline`.
   */
  readonly deadline?: Duration | undefined;
  /**
   * 1 to 255 characters without control characters. The same key again, for the same workflow and workspace, gives the run that
   * it started, until 30 days after that run's end; with another input it is `idempotency_conflict`. Use it where a caller may
   * repeat himself: an order's number, a delivery's id.
   */
  readonly idempotencyKey?: string | undefined;
  /**
   * The run becomes part of this transaction: a client of `pg` after `BEGIN`, on the engine's own database, or a transaction of
   * Kysely. See `engine.transaction` for one that the engine opens. Default: a commit of its own.
   */
  readonly tx?: CallerTransaction | undefined;
  /** At most 32, each name 1 to 64 and each value at most 256 characters. */
  readonly labels?: { readonly [name: string]: string } | undefined;
}

/** Which run `signalOrStart` means, what it sends and how the run is started where there is none. */
export type SignalOrStartOptions<Input = unknown> = Omit<StartSettings, "idempotencyKey" | "tx"> &
  (ManualStart<Input> | TriggeredStart) & {
    /** As `idempotencyKey` of `runs.start`. */
    readonly key: string;
    /** Name of the signal. */
    readonly signal: string;
    /** Any JSON. Default null. */
    readonly payload?: unknown;
    /** What makes the signal the same one when it is sent again. Default: a new one for every call. */
    readonly id?: string | undefined;
  };

/** Which runs are meant. Every part that is given must fit. */
export interface RunQuery extends InWorkspace {
  readonly workflow?: string | undefined;
  readonly status?: readonly RunStatus[] | undefined;
  /** The run has all of these. */
  readonly labels?: { readonly [name: string]: string } | undefined;
  /** Id of the run whose children are meant. */
  readonly parent?: string | undefined;
  /**
   * Text that an error of the run has in its class, code or message: of a failed attempt, also where a later one succeeded, or of a
   * dead letter, open or resolved; of nodes and of items of maps. Upper and lower case are the same, at least for a to z; no character
   * has a meaning of its own. 1 to 200 characters without control characters.
   */
  readonly error?: string | undefined;
  /** This time or later. */
  readonly createdAfter?: Date | undefined;
  /** Earlier than this time. */
  readonly createdBefore?: Date | undefined;
}

export interface RerunOptions extends InWorkspace {
  /** Id of the node to begin at: what ended before it is taken over and not run again. Default: everything runs again. */
  readonly from?: string | undefined;
}

export interface ListOptions extends RunQuery {
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

/** What an item of a map can be. One that was not claimed yet is none of these. */
const ITEM_STATUSES = ["running", "waiting", "succeeded", "failed", "cancelled"] as const;
export type MapItemStatus = (typeof ITEM_STATUSES)[number];

export interface MapItemsOptions extends InWorkspace {
  /** Only items in one of these. Default: all. */
  readonly status?: readonly MapItemStatus[] | undefined;
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

// oxlint-disable-next-line no-control-regex -- they are what is refused
const text = z.string().regex(/^[^\u0000-\u001f\u007f]*$/, "must not hold control characters");
const workspace = text.min(1).max(128).optional();
const idempotencyKey = text.min(1).max(255);

export const inWorkspaceSchema: z.ZodObject = z.strictObject({ workspace });

const compensate = z.boolean().optional();
export const cancelSchema: z.ZodObject = z.strictObject({ workspace, compensate });
export const bulkCancelSchema: z.ZodObject = z.strictObject({ compensate });

export const versionSchema: z.ZodObject = z.strictObject({
  workspace,
  version: z.int().min(1).optional(),
});

export const keySchema: z.ZodObject = z.strictObject({
  key: idempotencyKey,
  workspace,
  workflow: z.unknown(),
});

const starting = {
  workspace,
  input: z.unknown().optional(),
  trigger: z.string().optional(),
  at: z.unknown().optional(),
  deadline: z.union([z.string(), z.number()]).optional(),
  labels: z
    .record(text.min(1).max(64), text.max(256))
    .refine((labels) => Object.keys(labels).length <= 32, "must be at most 32 labels")
    .optional(),
};

export const startSchema: z.ZodObject = z.strictObject({
  ...starting,
  idempotencyKey: idempotencyKey.optional(),
  tx: z.unknown().optional(),
});

/** Of `signalOrStart`: a signal reaches no run that is not committed. */
export const keyedStartSchema: z.ZodObject = z.strictObject(starting);

const statuses: Readonly<Record<RunStatus, null>> = {
  queued: null,
  running: null,
  waiting: null,
  paused: null,
  cancelling: null,
  compensating: null,
  succeeded: null,
  failed: null,
  cancelled: null,
};

export const rerunSchema: z.ZodObject = inWorkspaceSchema.extend({ from: z.string().optional() });

const runQuery = {
  workflow: z.string().optional(),
  status: z.array(z.enum(Object.keys(statuses))).optional(),
  labels: z.record(text.min(1).max(64), text.max(256)).optional(),
  parent: z.string().optional(),
  error: text
    .min(1)
    .max(200)
    .refine((value) => value.isWellFormed(), "must be text")
    .optional(),
  createdAfter: z.date().optional(),
  createdBefore: z.date().optional(),
};

export const runQuerySchema: z.ZodObject = inWorkspaceSchema.extend(runQuery);

export const listSchema: z.ZodObject = inWorkspaceSchema.extend({
  ...runQuery,
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});

export const mapItemsSchema: z.ZodObject = inWorkspaceSchema.extend({
  status: z.array(z.enum(ITEM_STATUSES)).optional(),
  cursor: z
    .string()
    .regex(/^\d{1,9}$/, "the cursor of the page before")
    .optional(),
  limit: z.int().min(1).max(1_000).optional(),
});

/** What the store is asked for, after a check. `call`: what the host called, for the error. */
export function runFilter(
  options: RunQuery,
  call: string,
  schema: z.ZodObject = runQuerySchema,
): Omit<RunFilter, "cursor" | "limit"> {
  const workspace = workspaceOf(options, call, schema);
  const { workflow, status, labels, parent, error, createdAfter, createdBefore } = options;
  return {
    workspace,
    ...(workflow === undefined ? {} : { workflow }),
    ...(status === undefined ? {} : { status }),
    ...(labels === undefined ? {} : { labels }),
    ...(parent === undefined ? {} : { parent }),
    ...(error === undefined ? {} : { error }),
    ...(createdAfter ? { createdAfter: createdAfter.getTime() } : {}),
    ...(createdBefore ? { createdBefore: createdBefore.getTime() } : {}),
  };
}

/** The workspace that is meant, after a check. `call`: what the host called, for the error. */
export function workspaceOf(
  options: InWorkspace,
  call: string,
  schema: z.ZodObject = inWorkspaceSchema,
): string {
  checkOptions(schema, options, call);
  return options.workspace ?? DEFAULT_WORKSPACE;
}
