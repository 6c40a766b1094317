/** What happens in the workspace, for whoever listens. */
import { type Route, route } from "../route.ts";
import { workspaceEvents } from "../workspace-events.ts";

export const feedRoutes: readonly Route[] = [
  route({
    id: "feed.follow",
    method: "GET",
    path: "/feed",
    summary: "What happens in the workspace, as server-sent events; goes on after the Last-Event-ID",
    headers: { "Last-Event-ID": "The id of the last event that was heard" },
    stream: true,
    answer: workspaceEvents,
  }),
];
