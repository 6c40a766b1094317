/**
 * How the places of a workspace go to workers. A worker has as many as it uses and some to spare; where another one is in want, each has its
 * part, and the part that cannot be divided goes to whoever has waited longest. So no worker keeps the others from what only they can run.
 */
export interface PlaceHolder {
  readonly places: number;
  /** Since when it has had fewer than it wants. `null`: it has what it wants. */
  readonly since: number | null;
}

export interface PlaceAsk {
  readonly limit: number;
  /** Node runs that run at the worker: it has places for these whatever the limit says. */
  readonly used: number;
  /** So many more. */
  readonly wanted: number;
}

export interface PlaceShare extends PlaceHolder {
  /** With more in use than this the worker begins nothing in the place of what ends there. `null`: nobody else is in want. */
  readonly cap: number | null;
}

/** `own`: what the worker had. `others`: the other live workers that have places or want some. */
export function shareOfPlaces(
  ask: PlaceAsk,
  by: { readonly own: PlaceHolder | null; readonly others: readonly PlaceHolder[]; readonly now: number },
): PlaceShare {
  const { limit, used, wanted } = ask;
  const { own, others, now } = by;
  const held = others.reduce((sum, { places }) => sum + places, 0);
  const oldest = others.reduce((min, { since }) => Math.min(min, since ?? Infinity), Infinity);
  const mine = own?.since ?? now;
  const cap = oldest === Infinity ? null : Math.floor(limit / (others.length + 1)) + (oldest >= mine ? 1 : 0);
  const places = Math.max(used, Math.min(used + wanted, limit - held, cap ?? Infinity));
  return { places, cap, since: places < used + wanted ? mine : null };
}
