/** Every operation there is. What is not in this list does not exist. */
import { openApi } from "./open-api.ts";
import { type Route, route } from "./route.ts";
import { approvalRoutes } from "./routes/approvals.ts";
import { auditRoutes } from "./routes/audit.ts";
import { breakerRoutes } from "./routes/breakers.ts";
import { credentialRoutes } from "./routes/credentials.ts";
import { dashboardRoutes } from "./routes/dashboard.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { eventRoutes } from "./routes/events.ts";
import { feedRoutes } from "./routes/feed.ts";
import { healthRoutes } from "./routes/health.ts";
import { pollRoutes } from "./routes/polls.ts";
import { runControlRoutes } from "./routes/run-control.ts";
import { runRoutes } from "./routes/runs.ts";
import { statsRoutes } from "./routes/stats.ts";
import { stuckRoutes } from "./routes/stuck.ts";
import { scheduleRoutes } from "./routes/schedules.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { workerRoutes } from "./routes/workers.ts";
import { workflowRoutes } from "./routes/workflows.ts";
import { workspaceRoutes } from "./routes/workspaces.ts";

export const routes: readonly Route[] = [
  ...workflowRoutes,
  ...runRoutes,
  ...runControlRoutes,
  ...deadLetterRoutes,
  ...credentialRoutes,
  ...approvalRoutes,
  ...eventRoutes,
  ...webhookRoutes,
  ...statsRoutes,
  ...stuckRoutes,
  ...scheduleRoutes,
  ...pollRoutes,
  ...feedRoutes,
  ...workspaceRoutes,
  ...breakerRoutes,
  ...workerRoutes,
  ...auditRoutes,
  ...healthRoutes,
  ...dashboardRoutes(() => routes),
  route({
    id: "openapi",
    method: "GET",
    path: "/openapi.json",
    summary: "This document",
    answer: ({ basePath }) => openApi(routes, basePath),
  }),
];
