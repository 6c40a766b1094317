/** Who did what in the workspace. */
import { z } from "zod";
import { cursor, limit, name, time } from "../fields.ts";
import { type Route, route } from "../route.ts";

export const auditRoutes: readonly Route[] = [
  route({
    id: "audit.list",
    method: "GET",
    path: "/audit",
    summary: "Who did what, to what, when, and how it went: the newest first, page by page",
    query: z.strictObject({
      actor: name.optional(),
      action: name.optional(),
      kind: name.optional(),
      subject: name.optional(),
      outcome: z.enum(["begun", "done", "failed", "refused"]).optional(),
      since: time.optional(),
      until: time.optional(),
      cursor: cursor.optional(),
      limit: limit.optional(),
    }),
    answer: ({ engine, workspace, query }) => engine.audit.list({ ...query, workspace }),
  }),
];
