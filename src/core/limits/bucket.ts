/**
 * A token bucket: it fills evenly up to `burst`, and node runs that begin take from it. Stores do the same in their own languages; the
 * contract of buckets holds them together.
 */
import type { Rate } from "./workspace-limits.ts";

export interface Bucket {
  readonly tokens: number;
  /** Milliseconds since 1970, by the clock of whoever keeps it. */
  readonly at: number;
}

export interface Taken {
  readonly bucket: Bucket;
  /** Whole tokens. */
  readonly tokens: number;
  /** Until there is another one. */
  readonly waitMs: number;
}

/** What a worker takes at once lasts for so long, so that the bucket is asked a few times a second and not for each node run. */
export const BLOCK_MS = 200;

export function blockOf({ perSecond }: Rate): number {
  return Math.max(1, Math.ceil((perSecond * BLOCK_MS) / 1_000));
}

/** What a bucket holds that nobody knows (yet, or since it was lost): a block. Full, it would let a burst through with every loss. */
export function freshTokens(rate: Rate): number {
  return Math.min(rate.burst, blockOf(rate));
}

/** Of a bucket that nothing but its store can forget. */
export function fullTokens({ burst }: Rate): number {
  return burst;
}

// oxlint-disable-next-line max-params -- the bucket, what is asked of it, when, and how it begins
export function take(
  bucket: Bucket | null,
  ask: { readonly rate: Rate; readonly wanted: number; readonly returned: number },
  now: number,
  fresh: (rate: Rate) => number = freshTokens,
): Taken {
  const { rate, wanted, returned } = ask;
  const { tokens: had, at } = bucket ?? { tokens: fresh(rate), at: now };
  const filled = had + returned + (Math.max(0, now - at) * rate.perSecond) / 1_000;
  const full = Math.min(rate.burst, filled);
  const tokens = Math.min(wanted, Math.max(0, Math.floor(full)));
  const left = full - tokens;
  const waitMs = Math.ceil((Math.max(0, 1 - left) * 1_000) / rate.perSecond);
  return { bucket: { tokens: left, at: Math.max(at, now) }, tokens, waitMs };
}
