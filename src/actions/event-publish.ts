/** `event.publish`: tells the other runs of the workspace what has happened. */
import { z } from "zod";
import { type Action, defineAction } from "../core/definition/action.ts";
import type { PublishedEvent } from "../core/definition/outgoing.ts";
import { NAME } from "../core/definition/names.ts";
import type { Json } from "../core/json.ts";

/** What a workflow passes to `event.publish`. */
export interface EventToPublish {
  /** Name of the event: the one that waits, and triggers, have. */
  readonly name: string;
  /** Default `null`. */
  readonly payload?: Json | undefined;
  /**
   * What makes the event the same one when it is published again: a run takes each id once. 1 to 200 characters without control characters.
   * Default: one that is made of the node's idempotency key, so that a repeated attempt publishes once.
   */
  readonly id?: string | undefined;
}

const event: z.ZodType<EventToPublish, EventToPublish> = z.strictObject({
  name: z.string().max(NAME.maxLength).regex(NAME.pattern),
  payload: z.json().optional(),
  id: z
    .string()
    .min(1)
    .max(200)
    // oxlint-disable-next-line no-control-regex -- they are what is refused
    .regex(/^[^\u0000-\u001f\u007f]*$/, "must not hold control characters")
    .optional(),
});

const published: z.ZodType<PublishedEvent, PublishedEvent> = z.looseObject({
  id: z.string(),
  runs: z.int(),
  full: z.int().optional(),
});

/** For as long as a run that took an id is there, it knows it; what an event has started is known for 30 days after its end. */
const KEY_LIFETIME = "30d";

/**
 * Publishes an event in the run's own workspace, as `engine.publish` does. Runs that wait for it, or will, get it once, and each workflow that it
 * starts is started once, however many attempts there are.
 */
export const eventPublish: Action<EventToPublish, PublishedEvent> = defineAction({
  name: "event.publish",
  target: null,
  description: "Publishes an event to the runs of the workspace.",
  input: event,
  output: published,
  effect: { kind: "idempotent", keyLifetime: KEY_LIFETIME },
  timeout: "1m",
  run: ({ input: { name, payload = null, id }, publish }) => publish(name, payload, { id }),
});
