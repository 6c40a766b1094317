/** Webhooks: the one way in that needs no login, because the trigger's signature says who sends. And what came in that way. */
import { z } from "zod";
import { cursor, limit, name } from "../fields.ts";
import { SAFE_HEADERS } from "../problem.ts";
import { type Route, route } from "../route.ts";

const page = { cursor: cursor.optional(), limit: limit.optional() };

export const webhookRoutes: readonly Route[] = [
  route({
    id: "webhooks.receive",
    method: "POST",
    path: "/webhooks/{workspace}/{path}",
    summary: "Where a provider sends its webhooks. The trigger's signature is the login",
    audit: "none",
    open: true,
    raw: true,
    answer: async ({ engine, request, param, bytes }) => {
      const answer = await engine.webhooks.receive({
        workspace: param("workspace"),
        path: param("path"),
        method: request.method,
        url: request.url,
        headers: Object.fromEntries(request.headers),
        body: bytes,
      });
      const headers = { ...SAFE_HEADERS, ...answer.headers };
      return new Response(answer.body, { status: answer.status, headers });
    },
  }),
  route({
    id: "webhooks.list",
    method: "GET",
    path: "/webhooks",
    summary: "The paths that take webhooks, and their triggers",
    query: z.strictObject(page),
    answer: ({ engine, workspace, query }) => engine.webhooks.list({ ...query, workspace }),
  }),
  route({
    id: "webhooks.deliveries",
    method: "GET",
    path: "/webhook-deliveries",
    summary: "What came in, the newest first; rejected deliveries with the reason",
    query: z.strictObject({
      ...page,
      path: name.max(128).optional(),
      status: z
        .array(z.enum(["received", "accepted", "rejected"]))
        .length(1)
        .optional(),
    }),
    answer: ({ engine, workspace, query: { status, ...query } }) =>
      engine.webhooks.deliveries({ ...query, workspace, status: status?.[0] }),
  }),
  route({
    id: "webhooks.replay",
    method: "POST",
    path: "/webhook-deliveries/{id}/replay",
    summary: "Take a rejected delivery in after all",
    audit: { kind: "delivery" },
    answer: ({ engine, workspace, param }) => engine.webhooks.replay(param("id"), { workspace }),
  }),
];
