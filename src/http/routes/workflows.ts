/** Definitions and their versions. */
import { z } from "zod";
import { defineWorkflow } from "../../core/definition/workflow.ts";
import { FlowForgeError } from "../../core/errors.ts";
import { textOf } from "../audit.ts";
import { nothing } from "../fields.ts";
import { json } from "../problem.ts";
import { type Route, route } from "../route.ts";

const definition = z.record(z.string(), z.unknown());
const which = z.strictObject({
  version: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, "a version number")
    .transform(Number)
    .optional(),
});

export const workflowRoutes: readonly Route[] = [
  route({
    id: "workflows.list",
    method: "GET",
    path: "/workflows",
    summary: "The newest version of every workflow",
    answer: async ({ engine, workspace }) => ({ items: await engine.workflows.list({ workspace }) }),
  }),
  route({
    id: "workflows.register",
    method: "POST",
    path: "/workflows",
    summary: "Store a definition; the same one again is the same version",
    audit: { kind: "workflow", subject: ({ body }) => textOf(body["name"]) },
    body: definition,
    answer: async ({ engine, workspace, body }) => {
      // Checked here: what `register` takes for a workflow of the host's own code is believed.
      const workflow = defineWorkflow<unknown>(body);
      return json(await engine.workflows.register(workflow, { workspace }), { status: 201 });
    },
  }),
  route({
    id: "workflows.validate",
    method: "POST",
    path: "/validate",
    summary: "Every problem of a definition; stores nothing",
    audit: "none",
    body: definition,
    answer: ({ engine, body }) => {
      const { issues } = engine.workflows.validate(body);
      return { issues };
    },
  }),
  route({
    id: "workflows.get",
    method: "GET",
    path: "/workflows/{name}",
    summary: "The newest version of a workflow, or the one that is named",
    query: which,
    answer: async ({ engine, workspace, param, query: { version } }) => {
      const options = version === undefined ? { workspace } : { workspace, version };
      const found = await engine.workflows.get(param("name"), options);
      if (found) return found;
      throw noWorkflow(param("name"));
    },
  }),
  route({
    id: "workflows.versions",
    method: "GET",
    path: "/workflows/{name}/versions",
    summary: "All versions of a workflow, the newest first",
    answer: async ({ engine, workspace, param }) => {
      const items = await engine.workflows.versions(param("name"), { workspace });
      if (items.length > 0) return { items };
      throw noWorkflow(param("name"));
    },
  }),
  route({
    id: "workflows.enable",
    method: "POST",
    path: "/workflows/{name}/enable",
    summary: "Let the workflow's triggers start runs again",
    audit: { kind: "workflow" },
    body: nothing,
    answer: async ({ engine, workspace, param }) => {
      await engine.workflows.enable(param("name"), { workspace });
      return {};
    },
  }),
  route({
    id: "workflows.disable",
    method: "POST",
    path: "/workflows/{name}/disable",
    summary: "Let none of the workflow's triggers start a run; what is under way goes on",
    audit: { kind: "workflow" },
    body: nothing,
    answer: async ({ engine, workspace, param }) => {
      await engine.workflows.disable(param("name"), { workspace });
      return {};
    },
  }),
];

export function noWorkflow(name: string): FlowForgeError {
  return new FlowForgeError("workflow_not_found", {
    subject: `workflow ${JSON.stringify(name.slice(0, 80))}`,
    next: "Look at GET /workflows.",
  });
}
