/** The option `breakers`: which circuit breakers there are, and when they open. */
import { z } from "zod";
import type { BreakerScope } from "../core/breaker/key.ts";
import { type BreakerPolicy, DEFAULT_BREAKER } from "../core/breaker/policy.ts";
import type { Duration } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { BreakerRules, ScopeRules } from "../worker/breakers/breaker-uses.ts";

export interface BreakerSettings {
  /** It opens when at least this part of the attempts within `window` failed. Above 0, at most 1. Default 0.5. */
  readonly ratio?: number;
  /** Attempts within `window` before it may open. 1 to 1,000,000. Default 10. */
  readonly minimum?: number;
  /** 1 second to 1 hour. Default 30s. */
  readonly window?: Duration;
  /** How long nothing is let through before a few node runs are tried. 1 second to 1 day. Default 10s. */
  readonly probeEvery?: Duration;
  /** How many are tried then; all of them must succeed. 1 to 1,000. Default 3. */
  readonly probes?: number;
  /** How many go on after the probes; each further wave is twice as large. 1 to 100,000. Default 10. */
  readonly firstWave?: number;
  /** After how long a wave is followed by the next one when not all of it has ended. 1 second to 1 hour. Default 5s. */
  readonly waveEvery?: Duration;
  /**
   * `"transient"`: failures that another attempt may mend, as refused connections, timeouts and statuses from 500 on. `"all"`: also those that none would
   * mend, as 401 for a key that was withdrawn; such a node run has given up already, and only those behind it are spared. Default `"transient"`.
   */
  readonly failures?: "transient" | "all";
}

export interface BreakerGroup extends BreakerSettings {
  /** By name, in place of the settings of the group: a host, an action, a credential, a workflow, a workspace. `false`: it has no breaker. */
  readonly overrides?: { readonly [name: string]: BreakerSettings | false };
}

/** Each kind is there only when it is named; `true`: with the defaults. */
export interface BreakerOptions {
  /** What actions talk to: the host of `http.request` and `webhook.deliver`, or what an action says with `target`; else its name. */
  readonly targets?: boolean | BreakerGroup;
  /** The credentials that a node names. */
  readonly credentials?: boolean | BreakerGroup;
  readonly workflows?: boolean | BreakerGroup;
  readonly workspaces?: boolean | BreakerGroup;
}

const duration = z.union([z.string(), z.number()]);
const settings = {
  ratio: z.number().gt(0).lte(1).optional(),
  minimum: z.int().min(1).max(1_000_000).optional(),
  window: duration.optional(),
  probeEvery: duration.optional(),
  probes: z.int().min(1).max(1_000).optional(),
  firstWave: z.int().min(1).max(100_000).optional(),
  waveEvery: duration.optional(),
  failures: z.enum(["transient", "all"]).optional(),
};
const group = z.union([
  z.boolean(),
  z.strictObject({
    ...settings,
    overrides: z.record(z.string(), z.union([z.literal(false), z.strictObject(settings)])).optional(),
  }),
]);

export const breakersSchema: z.ZodType = z.union([
  z.boolean(),
  z.strictObject({
    targets: group.optional(),
    credentials: group.optional(),
    workflows: group.optional(),
    workspaces: group.optional(),
  }),
]);

const SCOPES = {
  targets: "target",
  credentials: "credential",
  workflows: "workflow",
  workspaces: "workspace",
} as const satisfies { readonly [Option in keyof BreakerOptions]: BreakerScope };

/** `null`: none. `true`: those of targets and credentials. Throws `option_invalid` and `duration_invalid`. */
export function parseBreakers(options: boolean | BreakerOptions | undefined): BreakerRules | null {
  const given = options === true ? { targets: true, credentials: true } : options;
  if (!given) return null;
  const rules: { -readonly [Scope in BreakerScope]: ScopeRules | null } = {
    target: null,
    credential: null,
    workflow: null,
    workspace: null,
  };
  for (const option of ["targets", "credentials", "workflows", "workspaces"] as const)
    rules[SCOPES[option]] = parseGroup(given[option], `breakers.${option}`);
  return Object.values(rules).every((each) => each === null) ? null : rules;
}

function parseGroup(given: boolean | BreakerGroup | undefined, option: string): ScopeRules | null {
  if (!given) return null;
  const { overrides = {}, ...rest } = given === true ? {} : given;
  const own = Object.entries(overrides).map(([name, each]) => {
    const policy = each === false ? null : policyOf({ ...rest, ...each }, `${option}.overrides.${name}`);
    return [name, policy] as const;
  });
  return { policy: policyOf(rest, option), overrides: new Map(own) };
}

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

function policyOf(given: BreakerSettings, option: string): BreakerPolicy {
  const { window, probeEvery, waveEvery, failures, ...counts } = given;
  return {
    ...DEFAULT_BREAKER,
    ...defined(counts),
    windowMs: msOf(window, {
      option: `${option}.window`,
      most: HOUR_MS,
      otherwise: DEFAULT_BREAKER.windowMs,
    }),
    probeEveryMs: msOf(probeEvery, {
      option: `${option}.probeEvery`,
      most: DAY_MS,
      otherwise: DEFAULT_BREAKER.probeEveryMs,
    }),
    waveMs: msOf(waveEvery, {
      option: `${option}.waveEvery`,
      most: HOUR_MS,
      otherwise: DEFAULT_BREAKER.waveMs,
    }),
    countsPermanent: failures === "all",
  };
}

/** A field that says `undefined` says nothing. */
function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function msOf(
  given: Duration | undefined,
  { option, most, otherwise }: { readonly option: string; readonly most: number; readonly otherwise: number },
): number {
  if (given === undefined) return otherwise;
  const ms = parseDuration(given, `option "${option}"`);
  if (ms >= SECOND_MS && ms <= most) return ms;
  throw new FlowForgeError("option_invalid", {
    subject: `option "${option}"`,
    expected: `1 second to ${most / SECOND_MS} seconds`,
    received: `${ms} ms`,
    next: "Choose another time.",
  });
}
