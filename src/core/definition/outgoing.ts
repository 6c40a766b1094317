/** What actions send in the name of their run. */

/**
 * `payload`: JSON. `id`: 1 to 200 characters without control characters; default: one that is made of the attempt's idempotency key and
 * the event's name, so that each name is published once.
 */
export type PublishEvent = (
  event: string,
  payload?: unknown,
  options?: { readonly id?: string | undefined },
) => Promise<PublishedEvent>;

export interface PublishedEvent {
  readonly id: string;
  /** How many runs that waited have got it, from whichever attempt. */
  readonly runs: number;
  /** How many runs it has started. */
  readonly started?: number | undefined;
  /** How many have no room for its payload (`limits.runBytes`), and did not get it. Absent: none. */
  readonly full?: number | undefined;
}
