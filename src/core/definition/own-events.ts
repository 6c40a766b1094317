/** Events that the engine itself publishes, and what their names begin with: nobody else's do. */
export const OWN_PREFIX = "flowforge.";

export const OWN_EVENTS = [
  "flowforge.run.succeeded",
  "flowforge.run.failed",
  "flowforge.run.cancelled",
  "flowforge.dead_letter",
  "flowforge.run.stuck",
  "flowforge.breaker.opened",
  "flowforge.breaker.closed",
  "flowforge.schedule.missed",
  "flowforge.alert",
] as const;

export type OwnEvent = (typeof OWN_EVENTS)[number];

/** One that nobody will ever publish. */
export function isNoEvent(name: string): boolean {
  return name.startsWith(OWN_PREFIX) && !OWN_EVENTS.some((own) => own === name);
}
