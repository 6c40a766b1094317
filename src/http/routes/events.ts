/** Events: published to what waits for them and to what they start, and what became of them. */
import { z } from "zod";
import { FlowForgeError } from "../../core/errors.ts";
import { cursor, limit, name } from "../fields.ts";
import { chosen } from "../audit.ts";
import { type Route, route } from "../route.ts";

export const eventRoutes: readonly Route[] = [
  route({
    id: "events.publish",
    method: "POST",
    path: "/events",
    summary: "Publish an event: it wakes waits and starts runs; the same id is the same event",
    audit: {
      kind: "event",
      subject: ({ body }) => body.name,
      details: ({ body }) => chosen({ id: body.id }),
    },
    body: z.strictObject({ name, payload: z.unknown().optional(), id: name.max(200).optional() }),
    answer: ({ engine, workspace, body }) =>
      engine.publish(body.name, body.payload ?? null, { workspace, id: body.id }),
  }),
  route({
    id: "events.list",
    method: "GET",
    path: "/events",
    summary: "Events that are kept, the newest first, and what became of them",
    query: z.strictObject({
      name: name.max(128).optional(),
      refused: z.literal("true").optional(),
      cursor: cursor.optional(),
      limit: limit.optional(),
    }),
    answer: ({ engine, workspace, query: { refused, ...query } }) =>
      engine.events.list({ ...query, workspace, ...(refused ? { refused: true } : {}) }),
  }),
  route({
    id: "events.get",
    method: "GET",
    path: "/events/{id}",
    summary: "What became of an event",
    answer: async ({ engine, workspace, param }) => {
      const event = await engine.events.get(param("id"), { workspace });
      if (event) return event;
      throw new FlowForgeError("event_not_found", {
        subject: `event ${JSON.stringify(param("id"))} in workspace "${workspace}"`,
        next: "Events with an id are kept for 30 days, others for an hour.",
      });
    },
  }),
];
