/** Credentials: values go in, and no route gives one back. */
import { z } from "zod";
import { cursor, limit, name } from "../fields.ts";
import { chosen } from "../audit.ts";
import { type Route, route } from "../route.ts";

export const credentialRoutes: readonly Route[] = [
  route({
    id: "credentials.list",
    method: "GET",
    path: "/credentials",
    summary: "Credentials by name, without their values",
    query: z.strictObject({ cursor: cursor.optional(), limit: limit.optional() }),
    answer: ({ engine, workspace, query }) => engine.credentials.list({ ...query, workspace }),
  }),
  route({
    id: "credentials.set",
    method: "PUT",
    path: "/credentials/{name}",
    summary: "Store a credential, in the place of one of this name",
    audit: { kind: "credential", details: ({ body }) => chosen({ allowHosts: body.allowHosts }) },
    body: z.strictObject({
      fields: z.record(name, z.string()),
      allowHosts: z.array(z.string().max(300)).max(100).optional(),
    }),
    answer: async ({ engine, workspace, param, body: { fields, allowHosts } }) => {
      await engine.credentials.set(param("name"), fields, { workspace, allowHosts });
      return {};
    },
  }),
  route({
    id: "credentials.delete",
    method: "DELETE",
    path: "/credentials/{name}",
    summary: "Delete a credential",
    audit: { kind: "credential" },
    answer: async ({ engine, workspace, param }) => {
      await engine.credentials.delete(param("name"), { workspace });
      return {};
    },
  }),
];
