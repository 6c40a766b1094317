/** Waiting with an end. */

/** `true` when the promise has settled, either way, before the deadline. Its rejection is taken care of. */
export async function settlesWithin(promise: Promise<unknown>, deadlineMs: number): Promise<boolean> {
  let late: NodeJS.Timeout | undefined;
  const deadline = new Promise<false>((resolve) => (late = setTimeout(() => resolve(false), deadlineMs)));
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, deadline]);
  } finally {
    clearTimeout(late);
  }
}

/** The promise's outcome, or a rejection with what `late` makes when the deadline passes first. */
export async function within<T>(promise: Promise<T>, deadlineMs: number, late: () => unknown): Promise<T> {
  if (!(await settlesWithin(promise, deadlineMs))) throw late();
  return promise;
}
