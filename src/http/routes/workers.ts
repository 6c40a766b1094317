/** The processes that work. They are of no workspace: what they execute is everybody's. */
import { type Route, route } from "../route.ts";

export const workerRoutes: readonly Route[] = [
  route({
    id: "workers.list",
    method: "GET",
    path: "/workers",
    summary: "Processes that work, or did so within the last hour",
    everywhere: true,
    answer: async ({ engine }) => ({ items: await engine.workers.list() }),
  }),
];
