/** What a host passes to `engine.deadLetters`. */
import { z } from "zod";
import type { DeadLetterFilter } from "../core/ports/dead-letter.ts";
import { DEFAULT_WORKSPACE, inWorkspaceSchema, type InWorkspace } from "./call-options.ts";
import { checkOptions } from "./check-options.ts";

/** Which dead letters are meant. Every part that is given must fit. */
export interface DeadLetterQuery extends InWorkspace {
  readonly runId?: string | undefined;
  readonly workflow?: string | undefined;
  readonly node?: string | undefined;
  readonly errorClass?: string | undefined;
  /** What equal failures share; from a dead letter or a group. */
  readonly fingerprint?: string | undefined;
  /** This time or later. */
  readonly openedAfter?: Date | undefined;
  /** Earlier than this time. */
  readonly openedBefore?: Date | undefined;
}

export interface DeadLetterListOptions extends DeadLetterQuery {
  /** Default `open`. */
  readonly state?: "open" | "resolved" | "all" | undefined;
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

export interface ResolveOptions extends InWorkspace {
  /** Who resolves it, for the record: at most 200 characters. */
  readonly by?: string | undefined;
}

export interface BulkRedriveOptions extends Omit<ResolveOptions, "workspace"> {
  /** A new intention with a new idempotency key. Default false: the key of the attempts before. */
  readonly newKey?: boolean | undefined;
  /** Also where the effect may then happen twice. Default false. */
  readonly force?: boolean | undefined;
  /**
   * The run goes on with this version of its workflow, for good: `"latest"` is the one that a new run would have. What has ended is kept.
   * Where the node's action, input or list differs there, it gets a new idempotency key. See `deadLetters.preview`. Default: the version
   * that the run has.
   */
  readonly version?: number | "latest" | undefined;
}

export interface PreviewOptions extends InWorkspace {
  /** The version that the run would go on with. */
  readonly version: number | "latest";
}

export interface RedriveOptions extends BulkRedriveOptions, InWorkspace {
  /** Takes the place of the rendered input, now and in later attempts. It makes a new idempotency key. Only for actions. */
  readonly input?: unknown;
}

export interface BulkCompleteOptions extends Omit<ResolveOptions, "workspace"> {
  /** What the node gives. It must fit the action's output schema. Default null. */
  readonly output?: unknown;
  /** Of a condition or a wait, which need it; actions have none. */
  readonly outcome?: string | undefined;
}

export interface CompleteOptions extends BulkCompleteOptions, InWorkspace {}

const by = z.string().min(1).max(200).optional();
const text = z.string().min(1).max(300).optional();
const query = {
  runId: text,
  workflow: text,
  node: text,
  errorClass: text,
  fingerprint: text,
  openedAfter: z.date().optional(),
  openedBefore: z.date().optional(),
};
const version = z.union([z.int().min(1), z.literal("latest")], 'a version number or "latest"');
const bulkRedrive = {
  by,
  newKey: z.boolean().optional(),
  force: z.boolean().optional(),
  version: version.optional(),
};

const complete = { by, output: z.unknown().optional(), outcome: z.string().optional() };

export const querySchema: z.ZodObject = inWorkspaceSchema.extend(query);
export const letterListSchema: z.ZodObject = inWorkspaceSchema.extend({
  ...query,
  state: z.enum(["open", "resolved", "all"]).optional(),
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});
export const resolveSchema: z.ZodObject = inWorkspaceSchema.extend({ by });
export const bulkResolveSchema: z.ZodObject = z.strictObject({ by });
export const bulkRedriveSchema: z.ZodObject = z.strictObject(bulkRedrive);
export const redriveSchema: z.ZodObject = inWorkspaceSchema.extend({
  ...bulkRedrive,
  input: z.unknown().optional(),
});
export const previewSchema: z.ZodObject = inWorkspaceSchema.extend({ version });
export const completeSchema: z.ZodObject = inWorkspaceSchema.extend(complete);
export const bulkCompleteSchema: z.ZodObject = z.strictObject(complete);

/** What the store is asked for, after a check. `call`: what the host called, for the error. */
export function letterFilter(
  options: DeadLetterQuery,
  call: string,
  schema: z.ZodObject = querySchema,
): DeadLetterFilter {
  checkOptions(schema, options, call);
  const { workspace = DEFAULT_WORKSPACE, runId, workflow, node, errorClass, fingerprint } = options;
  const { openedAfter, openedBefore } = options;
  return {
    workspace,
    ...(runId === undefined ? {} : { runId }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(node === undefined ? {} : { node }),
    ...(errorClass === undefined ? {} : { errorClass }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(openedAfter ? { openedAfter: openedAfter.getTime() } : {}),
    ...(openedBefore ? { openedBefore: openedBefore.getTime() } : {}),
  };
}
