/**
 * Durations as counts in bins, four to each doubling: whatever was counted in however many processes and minutes is added bin by bin, and
 * a quantile of the sum is right to within a tenth.
 */

/** Counts by bin; what is not there is 0. */
export type Bins = readonly number[];

const PER_DOUBLING = 4;
/** More than two years. */
const LAST_BIN = 36 * PER_DOUBLING;

/** Bin 0: below a millisecond. */
export function binOf(ms: number): number {
  if (!(ms >= 1)) return 0;
  return Math.min(LAST_BIN, 1 + Math.floor(Math.log2(ms) * PER_DOUBLING));
}

/** In the middle of the bin, by ratio. */
function midOf(bin: number): number {
  return bin === 0 ? 0.5 : 2 ** ((bin - 0.5) / PER_DOUBLING);
}

export function addTo(bins: number[], ms: number): void {
  const bin = binOf(ms);
  while (bins.length <= bin) bins.push(0);
  bins[bin]!++;
}

export function addBins(into: number[], bins: Bins): void {
  while (into.length < bins.length) into.push(0);
  for (let bin = 0; bin < bins.length; bin++) into[bin]! += bins[bin]!;
}

/** The value that the part `q` of what was counted does not exceed, in milliseconds. `null`: nothing was counted. */
export function quantile(bins: Bins, q: number): number | null {
  const total = bins.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = Math.min(total, Math.max(1, Math.ceil(total * q)));
  return rounded(midOf(bins.findIndex((count) => (left -= count) <= 0)));
}

/** Two digits are as many as a bin knows. */
function rounded(ms: number): number {
  return Number(ms.toPrecision(2));
}
