/** Approval links. Whoever has one may use it: it says itself which run and workspace it is for, and is signed. */
import { z } from "zod";
import { chosen } from "../audit.ts";
import { name } from "../fields.ts";
import { json } from "../problem.ts";
import { type Audit, type Caller, type Route, route } from "../route.ts";
import type { Approval } from "../../index.ts";

/** Whoever has the link; a link that is none is no doing in any workspace. */
const linkAudit = {
  kind: "run",
  subject: ({ engine, param }: Caller) => engine.approvals.read(param("token")).runId,
  details: ({ engine, param }: Caller) => ({ signal: engine.approvals.read(param("token")).signal }),
  by: ({ engine, param }: Caller) => ({
    actor: "approval link",
    workspace: engine.approvals.read(param("token")).workspace,
  }),
} satisfies Audit<unknown, unknown>;

export const approvalRoutes: readonly Route[] = [
  route({
    id: "approvals.link",
    method: "POST",
    path: "/runs/{id}/approvals",
    summary: "Make a link that sends one signal to the run, once",
    audit: {
      kind: "run",
      details: ({ body }) => chosen({ signal: body.signal, expiresIn: body.expiresIn, id: body.id }),
    },
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
    audit: linkAudit,
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
