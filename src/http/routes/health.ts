/** For the probes of an orchestrator, which have no login: yes or no, and nothing else. */
import { json } from "../problem.ts";
import { type Route, route } from "../route.ts";

export const healthRoutes: readonly Route[] = [
  route({
    id: "health.live",
    method: "GET",
    path: "/health/live",
    summary: "Whether the process lives; 503: a restart would help",
    open: true,
    answer: async ({ engine }) => {
      const { live } = await engine.health();
      return json({ live }, { status: live ? 200 : 503 });
    },
  }),
  route({
    id: "health.ready",
    method: "GET",
    path: "/health/ready",
    summary: "Whether the process can be sent requests; 503: not now",
    open: true,
    answer: async ({ engine }) => {
      const { ready } = await engine.health();
      return json({ ready }, { status: ready ? 200 : 503 });
    },
  }),
];
