/** The option `retention`: how long runs at rest are kept, and what happens before they go. */
import { z } from "zod";
import type { Duration } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import type { KeepTimes } from "../core/ports/retention.ts";
import type { RunHeader } from "../core/ports/stored-run.ts";
import { checkOptions } from "./check-options.ts";

/** From the end of a run on. `null`: for ever. */
export interface RetentionTimes {
  /** Default 30d. */
  readonly succeeded?: Duration | null | undefined;
  /** Default 90d. */
  readonly failed?: Duration | null | undefined;
  /** Default 30d. */
  readonly cancelled?: Duration | null | undefined;
  /** Of a run with open dead letters, in place of the others. Default 365d. */
  readonly unresolved?: Duration | null | undefined;
}

/** The times of one workspace; `null`: as for all. */
export type WorkspaceRetention = (
  workspace: string,
) => RetentionTimes | null | Promise<RetentionTimes | null>;

export interface RetentionOptions extends RetentionTimes {
  /**
   * Other times for some workspaces; what one does not say is as for all. A function is asked for each workspace, every few minutes; `null`: as
   * for all. Where it throws, nothing of that workspace is deleted.
   */
  readonly workspaces?: { readonly [workspace: string]: RetentionTimes } | WorkspaceRetention | undefined;
  /**
   * Awaited before runs are deleted, for hosts that archive them: at most 500 of one workspace, parents before their children. They can still be read, with
   * `engine.runs.get`. Where it throws, they stay, and it is asked again some minutes later. A run may be shown more than once, and to more
   * than one engine.
   */
  readonly onDelete?: ((runs: readonly RunHeader[]) => void | Promise<void>) | undefined;
}

export interface Retention {
  /** Throws where the host's answer is none. */
  keepTimes(workspace: string): Promise<KeepTimes>;
  readonly onDelete: (runs: readonly RunHeader[]) => Promise<void>;
}

const method = z.custom((value) => typeof value === "function", "must be a function");
const time = z.union([z.string(), z.number(), z.null()]).optional();
const times = { succeeded: time, failed: time, cancelled: time, unresolved: time };
const timesSchema: z.ZodObject = z.strictObject(times);

export const retentionSchema: z.ZodObject = z.strictObject({
  ...times,
  workspaces: z.union([method, z.record(z.string(), z.unknown())]).optional(),
  onDelete: method.optional(),
});

const DAY_MS = 86_400_000;
const DEFAULTS: KeepTimes = {
  succeeded: 30 * DAY_MS,
  failed: 90 * DAY_MS,
  cancelled: 30 * DAY_MS,
  unresolved: 365 * DAY_MS,
};

/** Throws `option_invalid` and `duration_invalid`. */
export function parseRetention(options: RetentionOptions = {}): Retention {
  const { workspaces = {}, onDelete, ...own } = options;
  const all = parseTimes(own, "retention", DEFAULTS);
  const keepTimes = typeof workspaces === "function" ? asked(workspaces, all) : listed(workspaces, all);
  return { keepTimes, onDelete: async (runs) => onDelete?.(runs) };
}

function asked(ask: WorkspaceRetention, all: KeepTimes): Retention["keepTimes"] {
  return async (workspace) => {
    const own = await ask(workspace);
    if (own === null) return all;
    const call = `retention.workspaces("${workspace}")`;
    checkOptions(timesSchema, own, call);
    return parseTimes(own, call, all);
  };
}

function listed(
  workspaces: { readonly [workspace: string]: RetentionTimes },
  all: KeepTimes,
): Retention["keepTimes"] {
  const parsed = new Map(
    Object.entries(workspaces).map(([workspace, own]) => {
      checkOptions(timesSchema, own, `retention.workspaces["${workspace}"]`);
      return [workspace, parseTimes(own, `retention.workspaces["${workspace}"]`, all)];
    }),
  );
  return async (workspace) => parsed.get(workspace) ?? all;
}

/** `place`: what the times are in, for the error. */
function parseTimes(own: RetentionTimes, place: string, rest: KeepTimes): KeepTimes {
  const parse = (kind: keyof KeepTimes): number | null => {
    const given = own[kind];
    if (given === undefined) return rest[kind];
    return given === null ? null : parseDuration(given, `option "${kind}" of ${place}`);
  };
  return {
    succeeded: parse("succeeded"),
    failed: parse("failed"),
    cancelled: parse("cancelled"),
    unresolved: parse("unresolved"),
  };
}
