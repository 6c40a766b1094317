/**
 * While somebody answers a question, the page behind it stands still: a row that goes to the next page, or a node that is no longer the one
 * to look at, would take the question with it, and with the question what was filled in.
 */
let questions = 0;
const waiting = new Set<() => void>();

/** Returns what lets the page go on. */
export function standStill(): () => void {
  questions += 1;
  let stands = true;
  return () => {
    if (!stands) return;
    stands = false;
    questions -= 1;
    if (questions > 0) return;
    const all = [...waiting];
    waiting.clear();
    for (const go of all) go();
  };
}

export function isStill(): boolean {
  return questions > 0;
}

/** Calls it once, when the page goes on. */
export function whenMoving(go: () => void): void {
  waiting.add(go);
}

export function forget(go: () => void): void {
  waiting.delete(go);
}
