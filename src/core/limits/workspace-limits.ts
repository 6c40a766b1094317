/**
 * What a workspace may use. Limits come in layers, the nearest first: what was set for the workspace, the plan that it has, and what the
 * engine says for all. Each field is taken from the nearest layer that has it.
 */
import type { Duration } from "../definition/document.ts";
import { parseDuration } from "../definition/duration.ts";
import { FlowForgeError } from "../errors.ts";

/** So many in so long, evenly; after a quiet time `burst` of them at once. */
export interface RateLimit {
  /** At least 1. */
  readonly limit: number;
  /** 100 ms to a day. Default 1s. */
  readonly per?: Duration | undefined;
  /** At least 1. Default: what comes in a second, and at least 1. */
  readonly burst?: number | undefined;
}

/** `null`: no such limit, whatever the layers below say. */
export interface WorkspaceLimits {
  /** Node runs that begin. What does not begin at once waits in PostgreSQL. Default: any number. */
  readonly rate?: RateLimit | null | undefined;
  /** Node runs that run at once, over all workers. 1 to 1,000,000. Default: any number. */
  readonly concurrency?: number | null | undefined;
  /**
   * Node runs that are handed to the queue and not taken yet; more wait in PostgreSQL, from where workspaces are let in by their weights.
   * The queue is first in, first out, so what one workspace has there others wait behind. 1 to 1,000,000; `null`: any number. Default: its
   * part, by weight, of as many as all live workers run at once; four times as many while no other workspace has anything there.
   */
  readonly queued?: number | null | undefined;
  /**
   * Runs that are started from outside; more are refused with `quota_exceeded`. `burst` is `limit` by default: all of them may come at once.
   * Default: any number.
   */
  readonly starts?: RateLimit | null | undefined;
  /** Bytes of what such runs are started with: input and payload as JSON. As `starts`; more than `burst` needs all of it, and owes the rest. */
  readonly payloadBytes?: RateLimit | null | undefined;
  /** Runs that are stored, whatever their status, until retention deletes them. 1 to 1,000,000. Default: any number. */
  readonly storedRuns?: number | null | undefined;
  /** Its part of the workers where workspaces compete, against the weights of the others. 1 to 1,000. Default 1. */
  readonly weight?: number | undefined;
}

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What holds for a workspace, all layers together. `null`: no limit. */
export interface LimitsInForce {
  readonly rate: Rate | null;
  readonly concurrency: number | null;
  /** Beyond these, starts from outside are refused. */
  readonly starts: Rate | null;
  readonly payloadBytes: Rate | null;
  readonly storedRuns: number | null;
  /** `share`: its part, by weight, of as many as all live workers run at once. */
  readonly queued: number | "share" | null;
  readonly weight: number;
}

/** A layer whose durations are known. */
export type LimitsLayer = Omit<WorkspaceLimits, RateField> & {
  readonly [Field in RateField]?: Rate | null | undefined;
};

type RateField = "rate" | "starts" | "payloadBytes";

export function limitsInForce(layers: readonly LimitsLayer[]): LimitsInForce {
  return {
    rate: nearest(layers, "rate") ?? null,
    concurrency: nearest(layers, "concurrency") ?? null,
    queued: orShare(nearest(layers, "queued")),
    starts: nearest(layers, "starts") ?? null,
    payloadBytes: nearest(layers, "payloadBytes") ?? null,
    storedRuns: nearest(layers, "storedRuns") ?? null,
    weight: nearest(layers, "weight") ?? 1,
  };
}

function nearest<Field extends keyof LimitsLayer>(
  layers: readonly LimitsLayer[],
  field: Field,
): LimitsLayer[Field] {
  return layers.find((layer) => layer[field] !== undefined)?.[field];
}

function orShare(queued: number | null | undefined): LimitsInForce["queued"] {
  return queued === undefined ? "share" : queued;
}

/** Throws `duration_invalid`, and `option_invalid` where it is out of range. `subject`: whose limits they are. */
export function layerOf(limits: WorkspaceLimits, subject: string): LimitsLayer {
  const { rate, starts, payloadBytes, ...others } = limits;
  return {
    ...others,
    ...(rate === undefined ? {} : { rate: rate && rateOf(rate, `rate.per of ${subject}`) }),
    ...(starts === undefined ? {} : { starts: starts && quotaOf(starts, `starts.per of ${subject}`) }),
    ...(payloadBytes === undefined
      ? {}
      : { payloadBytes: payloadBytes && quotaOf(payloadBytes, `payloadBytes.per of ${subject}`) }),
  };
}

/** Who may start a hundred a minute may start them all in its first second. */
function quotaOf(quota: RateLimit, subject: string): Rate {
  return rateOf({ ...quota, burst: quota.burst ?? quota.limit }, subject);
}

const SHORTEST_MS = 100;
const LONGEST_MS = 86_400_000;

function rateOf({ limit, per = "1s", burst }: RateLimit, subject: string): Rate {
  const perMs = parseDuration(per, subject);
  if (perMs < SHORTEST_MS || perMs > LONGEST_MS) {
    throw new FlowForgeError("option_invalid", {
      subject,
      expected: "100ms to 1d",
      received: `${perMs} ms`,
      next: "Choose another time, and as many times the limit.",
    });
  }
  const perSecond = (limit * 1_000) / perMs;
  return { perSecond, burst: burst ?? Math.max(1, Math.ceil(perSecond)) };
}
