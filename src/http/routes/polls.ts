/** Polls, by workflow and the id of their trigger. */
import { z } from "zod";
import { FlowForgeError } from "../../core/errors.ts";
import type { PollOf } from "../../index.ts";
import { cursor, limit, name, nothing } from "../fields.ts";
import { type Caller, type Route, route } from "../route.ts";

const PATH = "/polls/{workflow}/{trigger}";

export const pollRoutes: readonly Route[] = [
  route({
    id: "polls.list",
    method: "GET",
    path: "/polls",
    summary: "Polls by workflow, page by page",
    query: z.strictObject({
      workflow: name.max(128).optional(),
      cursor: cursor.optional(),
      limit: limit.optional(),
    }),
    answer: ({ engine, workspace, query }) => engine.polls.list({ ...query, workspace }),
  }),
  route({
    id: "polls.get",
    method: "GET",
    path: PATH,
    summary: "One poll: how far it has come, and why it failed last",
    answer: async (call) => {
      const found = await call.engine.polls.get(pollOf(call));
      if (found) return found;
      throw noPoll(call.param("trigger"));
    },
  }),
  route({
    id: "polls.pause",
    method: "POST",
    path: `${PATH}/pause`,
    summary: "Ask nothing from now on",
    audit: { kind: "poll" },
    body: nothing,
    answer: async (call) => {
      await call.engine.polls.pause(pollOf(call));
      return {};
    },
  }),
  route({
    id: "polls.resume",
    method: "POST",
    path: `${PATH}/resume`,
    summary: "Go on from the cursor",
    audit: { kind: "poll" },
    body: nothing,
    answer: async (call) => {
      await call.engine.polls.resume(pollOf(call));
      return {};
    },
  }),
  route({
    id: "polls.pollNow",
    method: "POST",
    path: `${PATH}/poll-now`,
    summary: "Ask as soon as a worker comes to it",
    audit: { kind: "poll" },
    body: nothing,
    answer: async (call) => {
      await call.engine.polls.pollNow(pollOf(call));
      return {};
    },
  }),
];

/** What nothing can be called is not found. */
function pollOf({ param, workspace }: Pick<Caller, "param" | "workspace">): PollOf {
  const [workflow, trigger] = [param("workflow"), param("trigger")];
  if (workflow.length > 128 || trigger.length > 128) throw noPoll(trigger);
  return { workspace, workflow, trigger };
}

function noPoll(trigger: string): FlowForgeError {
  return new FlowForgeError("poll_not_found", {
    subject: `poll ${JSON.stringify(trigger.slice(0, 80))}`,
    next: "Look at GET /polls.",
  });
}
