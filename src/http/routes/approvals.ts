/** Approval links. Whoever has one may use it: it says itself which run and workspace it is for, and is signed. */
import { z } from "zod";
import { name } from "../fields.ts";
import { json } from "../problem.ts";
import { type Route, route } from "../route.ts";
import type { Approval } from "../../index.ts";

export const approvalRoutes: readonly Route[] = [
  route({
    id: "approvals.link",
    method: "POST",
    path: "/runs/{id}/approvals",
    summary: "Make a link that sends one signal to the run, once",
    body: z.strictObject({
      signal: name,
      payload: z.unknown().optional(),
      expiresIn: z.union([z.string().max(40), z.number()]).optional(),
      id: name.optional(),
    }),
    answer: async ({ engine, workspace, param, body: { signal, ...options } }) => {
      const token = await engine.approvals.link(param("id"), signal, { ...options, workspace });
      return json({ token }, { status: 201 });
    },
  }),
  route({
    id: "approvals.read",
    method: "GET",
    path: "/approvals/{token}",
    summary: "What a link is for, without using it: for the page that asks",
    open: true,
    answer: ({ engine, param }) => shown(engine.approvals.read(param("token"))),
  }),
  route({
    id: "approvals.use",
    method: "POST",
    path: "/approvals/{token}",
    summary: "Use a link. A GET never does: mail programs open links by themselves",
    open: true,
    body: z.strictObject({ payload: z.unknown().optional() }).prefault({}),
    answer: async ({ engine, param, body }) =>
      shown(await engine.approvals.use(param("token"), body.payload)),
  }),
];

/** The holder of a link is no member of the workspace, and has no use for its name. */
function shown({ runId, signal, payload, expiresAt }: Approval): object {
  return { runId, signal, payload, expiresAt };
}
