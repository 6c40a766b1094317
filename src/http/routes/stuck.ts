/** Runs of the caller's workspace that should move and do not. */
import { z } from "zod";
import { cursor, limit } from "../fields.ts";
import { type Route, route } from "../route.ts";

export const stuckRoutes: readonly Route[] = [
  route({
    id: "stuck.list",
    method: "GET",
    path: "/stuck-runs",
    summary: "Runs that should move and do not, with the reason, the newest first",
    query: z.strictObject({ cursor: cursor.optional(), limit: limit.optional() }),
    answer: ({ engine, workspace, query }) => engine.stuck.list({ ...query, workspace }),
  }),
];
