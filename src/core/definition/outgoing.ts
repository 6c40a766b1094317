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
  /** How many runs have got it now; those that had it from an earlier attempt are not among them. */
  readonly runs: number;
  /** How many have no room for its payload (`limits.runBytes`), and did not get it. Absent: none. */
  readonly full?: number | undefined;
}
