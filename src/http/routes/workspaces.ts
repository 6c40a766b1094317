/** The tenants as a whole, for who looks after all of them. */
import { z } from "zod";
import { limit, name } from "../fields.ts";
import { type Route, route } from "../route.ts";

export const workspaceRoutes: readonly Route[] = [
  route({
    id: "workspaces.list",
    method: "GET",
    path: "/workspaces",
    summary: "Names of the workspaces that have anything, page by page",
    everywhere: true,
    query: z.strictObject({ cursor: name.optional(), limit: limit.optional() }),
    answer: ({ engine, query }) => engine.workspaces.list(query),
  }),
];
