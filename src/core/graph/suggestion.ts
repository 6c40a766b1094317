/** "Did you mean": the name that is closest to one that is not known. */

/** Names further away than this are no help. */
const MAX_DISTANCE = 2;

/** A document with thousands of wrong names must not cost thousands times thousands of comparisons. */
const MAX_COMPARISONS = 100_000;

/** Gives suggestions as a sentence with a space before it, or nothing. One per validation: it has a budget of work. */
export class Suggestions {
  #left = MAX_COMPARISONS;

  for(name: string, known: Iterable<string>): string {
    const best = this.#closest(name, known);
    return best === null ? "" : ` Did you mean "${best}"?`;
  }

  #closest(name: string, known: Iterable<string>): string | null {
    let best: string | null = null;
    let bestDistance = Math.min(MAX_DISTANCE, Math.floor(name.length / 2)) + 1;
    for (const candidate of known) {
      if (this.#left-- <= 0) return null;
      const distance = distanceWithin(name.toLowerCase(), candidate.toLowerCase(), bestDistance);
      if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
    }
    return best;
  }
}

/** Edits (insert, remove, replace) from `a` to `b`, or `limit` where there are at least so many. */
function distanceWithin(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    let smallest = row;
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const edits = Math.min(replaced, (previous[column] as number) + 1, (current[column - 1] as number) + 1);
      current.push(edits);
      smallest = Math.min(smallest, edits);
    }
    if (smallest >= limit) return limit;
    previous = current;
  }
  return previous[b.length] as number;
}
