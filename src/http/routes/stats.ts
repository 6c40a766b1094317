/** How things stand in the caller's workspace, and how they went. */
import { z } from "zod";
import { name, time } from "../fields.ts";
import { type Route, route } from "../route.ts";
import { noWorkflow } from "./workflows.ts";

const span = { since: time.optional(), until: time.optional() };

export const statsRoutes: readonly Route[] = [
  route({
    id: "stats",
    method: "GET",
    path: "/stats",
    summary: "How things stand now, and how they went over hours and days",
    query: z.strictObject({
      ...span,
      workflow: name.max(128).optional(),
      step: z.string().max(40).optional(),
    }),
    answer: ({ engine, workspace, query }) => engine.stats({ ...query, workspace }),
  }),
  route({
    id: "stats.all",
    method: "GET",
    path: "/stats/all",
    summary: "The same of all workspaces together",
    everywhere: true,
    query: z.strictObject({ ...span, step: z.string().max(40).optional() }),
    answer: ({ engine, query }) => engine.stats({ ...query, allWorkspaces: true }),
  }),
  route({
    id: "workflows.stats",
    method: "GET",
    path: "/workflows/{name}/stats",
    summary: "How a workflow's runs went, and the attempts of each of its nodes",
    query: z.strictObject(span),
    answer: async ({ engine, workspace, param, query }) => {
      if (!(await engine.workflows.get(param("name"), { workspace }))) throw noWorkflow(param("name"));
      return engine.workflows.stats(param("name"), { ...query, workspace });
    },
  }),
];
