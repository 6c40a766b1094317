/** The OpenAPI 3.1 document: made of the routes and the schemas that check their requests, so that it cannot say anything else. */
import { z } from "zod";
import { WORKSPACE_PARAMETER } from "./access.ts";
import type { Route } from "./route.ts";

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly description?: string;
  readonly required: boolean;
  readonly schema: unknown;
}

export function openApi(routes: readonly Route[], basePath: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route);
  return {
    openapi: "3.1.0",
    info: { title: "FlowForge", version: "1" },
    servers: [{ url: basePath === "" ? "/" : basePath }],
    paths,
    components: { schemas: { Problem: PROBLEM } },
  };
}

function operation(route: Route): object {
  const { id, summary, body, open, stream } = route;
  return {
    operationId: id,
    summary,
    ...(open ? { security: [] } : {}),
    parameters: [
      ...pathParameters(route),
      ...queryParameters(route),
      ...workspaceParameter(route),
      ...headerParameters(route),
    ],
    ...(body
      ? {
          requestBody: {
            required: !body.safeParse(undefined).success,
            content: { "application/json": { schema: schemaOf(body) } },
          },
        }
      : {}),
    ...(route.raw ? { requestBody: { required: true, content: { "*/*": {} } } } : {}),
    responses: {
      "2XX": { description: "Done", ...(stream ? { content: { "text/event-stream": {} } } : {}) },
      "4XX": { description: "Refused", content: PROBLEM_CONTENT },
      "5XX": { description: "Not possible now, or at all", content: PROBLEM_CONTENT },
    },
  };
}

function pathParameters({ path }: Route): readonly Parameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name: name!,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters({ query }: Route): readonly Parameter[] {
  if (!query) return [];
  const { properties = {}, required = [] } = schemaOf(query);
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function workspaceParameter({ open }: Route): readonly Parameter[] {
  if (open) return [];
  const description = "Another workspace than the caller's own. Only for a caller of all workspaces";
  return [
    { name: WORKSPACE_PARAMETER, in: "query", description, required: false, schema: { type: "string" } },
  ];
}

function headerParameters({ headers = {} }: Route): readonly Parameter[] {
  return Object.entries(headers).map(([name, description]) => ({
    name,
    in: "header",
    description,
    required: false,
    schema: { type: "string" },
  }));
}

function schemaOf(schema: z.ZodType): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
}

const PROBLEM_CONTENT = {
  "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
};

const PROBLEM = {
  type: "object",
  required: ["type", "title", "status", "code"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    code: { type: "string" },
    detail: { type: "string" },
    next: { type: "string" },
    issues: { type: "array", items: { type: "object" } },
  },
};
