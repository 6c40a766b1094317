/** The tenants as a whole: his own for who has a login of one, all of them for who looks after the installation. */
import { z } from "zod";
import { FlowForgeError } from "../../core/errors.ts";
import { setLimitsSchema } from "../../core/limits/limits-schema.ts";
import { chosen } from "../audit.ts";
import { cursor, limit, name } from "../fields.ts";
import { SAFE_HEADERS } from "../problem.ts";
import { type Caller, type Route, route } from "../route.ts";

const PATH = "/workspaces/{workspace}";

export const workspaceRoutes: readonly Route[] = [
  route({
    id: "workspaces.list",
    method: "GET",
    path: "/workspaces",
    summary: "Names of the workspaces that have anything, page by page",
    everywhere: true,
    query: z.strictObject({ cursor: cursor.optional(), limit: limit.optional() }),
    answer: ({ engine, query }) => engine.workspaces.list(query),
  }),
  route({
    id: "workspaces.get",
    method: "GET",
    path: PATH,
    summary: "How much a workspace has; it counts every row",
    answer: async (call) => {
      const found = await call.engine.workspaces.get(seen(call));
      if (found) return found;
      throw noWorkspace();
    },
  }),
  route({
    id: "workspaces.export",
    method: "GET",
    path: `${PATH}/export`,
    summary: "All of a workspace as lines of JSON",
    answer: (call) => {
      const lines = call.engine.workspaces.export(seen(call));
      const headers = { ...SAFE_HEADERS, "content-type": "application/x-ndjson; charset=utf-8" };
      return new Response(asBytes(lines), { headers });
    },
  }),
  route({
    id: "workspaces.getLimits",
    method: "GET",
    path: `${PATH}/limits`,
    summary: "What was set for a workspace, and what holds for it",
    answer: (call) => call.engine.workspaces.getLimits(seen(call)),
  }),
  route({
    id: "workspaces.setLimits",
    method: "PUT",
    path: `${PATH}/limits`,
    summary: "Set what a workspace may use, in place of what was set before; {} is as if nothing had been",
    everywhere: true,
    // Whoever reads the log of a workspace finds what was done to it, from wherever that was.
    audit: {
      kind: "workspace",
      details: ({ body }) => chosen(body),
      by: ({ param }) => ({ workspace: named(param("workspace")) }),
    },
    body: setLimitsSchema,
    answer: ({ engine, param, body }) => engine.workspaces.setLimits(named(param("workspace")), body),
  }),
  route({
    id: "workspaces.delete",
    method: "DELETE",
    path: PATH,
    summary: "Delete all that a workspace has, and say what that was; the same again goes on with it",
    everywhere: true,
    audit: { kind: "workspace" },
    query: z.strictObject({ grace: name.optional() }),
    answer: ({ engine, param, query }) =>
      engine.workspaces.delete(named(param("workspace")), { grace: query.grace }),
  }),
];

/** What a login may not see is no different from what is not there. */
function seen({ param, workspace, allWorkspaces }: Caller): string {
  const asked = named(param("workspace"));
  if (asked === workspace || allWorkspaces) return asked;
  throw noWorkspace();
}

/** What nothing can be called is not found. */
function named(text: string): string {
  if (text.length <= 128) return text;
  throw noWorkspace();
}

function noWorkspace(): FlowForgeError {
  return new FlowForgeError("workspace_not_found", {
    subject: "the workspace in the path",
    next: "Look at GET /workspaces.",
  });
}

/** As fast as it is read, and no further than that: who goes away ends it. */
function asBytes(lines: AsyncIterable<string>): ReadableStream<Uint8Array> {
  const iterator = lines[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      pull: async (controller) => {
        const next = await iterator.next();
        if (next.done === true) controller.close();
        else controller.enqueue(encoder.encode(next.value));
      },
      cancel: async () => void (await iterator.return?.()),
    },
    { highWaterMark: 0 },
  );
}
