/** Events to every run of the workspace that waits for them. */
import { z } from "zod";
import { name } from "../fields.ts";
import { type Route, route } from "../route.ts";

export const eventRoutes: readonly Route[] = [
  route({
    id: "events.publish",
    method: "POST",
    path: "/events",
    summary: "Publish an event; with an id a run takes it once",
    body: z.strictObject({ name, payload: z.unknown().optional(), id: name.max(200).optional() }),
    answer: ({ engine, workspace, body }) =>
      engine.publish(body.name, body.payload ?? null, { workspace, id: body.id }),
  }),
];
