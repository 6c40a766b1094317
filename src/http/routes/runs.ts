/** Starting runs and looking at them. */
import { z } from "zod";
import { FlowForgeError } from "../../core/errors.ts";
import type { JsonObject } from "../../index.ts";
import { cursor, errorText, isNameText, labels, limit, name, time } from "../fields.ts";
import { json } from "../problem.ts";
import { chosen } from "../audit.ts";
import { type Call, type Route, route } from "../route.ts";
import { runEvents } from "../run-events.ts";
import { noRun, STATUSES } from "../run-filter.ts";

/** More runs in one request would hold their commit, and whoever waits for its answer, for too long. */
const MOST_STARTS = 1000;

const settings = {
  input: z.unknown().optional(),
  at: time.optional(),
  deadline: z.union([z.string().max(40), z.number()]).optional(),
  labels: labels.optional(),
};
const key = name.max(255);
const start = z.strictObject({ workflow: name, trigger: name.optional(), ...settings });
const batch = z.strictObject({
  workflow: name,
  starts: z
    .array(z.strictObject({ ...settings, idempotencyKey: key.optional() }))
    .min(1)
    .max(MOST_STARTS),
});
const signalOrStart = z.strictObject({
  signal: name,
  payload: z.unknown().optional(),
  id: name.max(200).optional(),
  ...settings,
});
const label = z
  .string()
  .max(400)
  .regex(/^[^:]{1,64}:/, "as name:value")
  .refine(isNameText, "text without control characters")
  .transform((text) => [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)] as const);
const list = z.strictObject({
  workflow: name.optional(),
  status: z.array(z.enum(STATUSES)).optional(),
  label: z.array(label).max(32).optional(),
  parent: name.optional(),
  error: errorText.optional(),
  createdAfter: time.optional(),
  createdBefore: time.optional(),
  cursor: cursor.optional(),
  limit: limit.optional(),
});
const items = z.strictObject({
  status: z.array(z.enum(["running", "waiting", "succeeded", "failed", "cancelled"])).optional(),
  cursor: cursor.optional(),
  limit: limit.optional(),
});

const logs = z.strictObject({
  node: name.optional(),
  item: z
    .string()
    .regex(/^(?:-1|\d{1,6})$/, "the place of an item")
    .transform(Number)
    .optional(),
  cursor: cursor.optional(),
  limit: limit.optional(),
});

export const runRoutes: readonly Route[] = [
  route({
    id: "runs.start",
    method: "POST",
    path: "/runs",
    summary: "Start a run; with the header Idempotency-Key once, however often it is sent",
    audit: { kind: "run", subject: () => null, details: startDetails },
    headers: { "Idempotency-Key": "1 to 255 characters; sent again, it gives the run that it started" },
    body: start,
    answer: async ({ engine, workspace, request, basePath, body, note }) => {
      const { workflow, trigger, input, ...more } = body;
      const options = { ...more, workspace, idempotencyKey: keyOf(request) };
      const run = await engine.runs.start(
        workflow,
        trigger === undefined ? { ...options, input } : { ...options, trigger, input },
      );
      note({ subject: run.id });
      const headers = { location: `${basePath}/runs/${run.id}` };
      return json({ id: run.id, workflow: run.workflow }, { status: 201, headers });
    },
  }),
  route({
    id: "runs.startMany",
    method: "POST",
    path: "/run-batches",
    summary: "Start up to 1,000 runs of a workflow, each with an idempotency key of its own where it has one",
    audit: {
      kind: "workflow",
      subject: ({ body }) => body.workflow,
      details: ({ body }) => chosen({ runs: body.starts.length }),
    },
    body: batch,
    answer: async ({ engine, workspace, body: { workflow, starts } }) => {
      const runs = await engine.runs.startMany(
        workflow,
        starts.map((each) => ({ ...each, workspace })),
      );
      return json({ items: runs.map(({ id }) => ({ id, workflow })) }, { status: 201 });
    },
  }),
  route({
    id: "runs.signalOrStart",
    method: "POST",
    path: "/run-keys/{workflow}/{key}/signals",
    summary: "Send a signal to the run that has the key; where there is none, start it first",
    audit: {
      kind: "run",
      subject: () => null,
      details: ({ param, body }) =>
        chosen({ workflow: param("workflow"), key: param("key"), signal: body.signal, id: body.id }),
    },
    body: signalOrStart,
    answer: async ({ engine, workspace, param, body, note }) => {
      const workflow = param("workflow");
      const run = await engine.runs.signalOrStart(workflow, { ...body, key: param("key"), workspace });
      note({ subject: run.id });
      return { id: run.id, workflow };
    },
  }),
  route({
    id: "runs.list",
    method: "GET",
    path: "/runs",
    summary: "Runs, the newest first, page by page",
    query: list,
    answer: ({ engine, workspace, query: { label: pairs, ...query } }) =>
      engine.runs.list({
        ...query,
        workspace,
        ...(pairs ? { labels: Object.fromEntries(pairs) } : {}),
      }),
  }),
  route({
    id: "runs.get",
    method: "GET",
    path: "/runs/{id}",
    summary: "A run with its nodes and failed attempts",
    answer: async ({ engine, workspace, param }) => {
      const run = await engine.runs.get(param("id"), { workspace });
      if (run) return run;
      throw noRun(param("id"));
    },
  }),
  route({
    id: "runs.items",
    method: "GET",
    path: "/runs/{id}/nodes/{node}/items",
    summary: "The items of a map, page by page",
    query: items,
    answer: ({ engine, workspace, param, query }) =>
      engine.runs.items(param("id"), param("node"), { ...query, workspace }),
  }),
  route({
    id: "runs.logs",
    method: "GET",
    path: "/runs/{id}/logs",
    summary: "What the run's actions wrote, page by page",
    query: logs,
    answer: async ({ engine, workspace, param, query }) => {
      const page = await engine.runs.logs(param("id"), { ...query, workspace });
      // Most runs that are asked for have lines; only for the others it has to be found out whether they exist.
      if (page.items.length > 0 || (await engine.runs.get(param("id"), { workspace }))) return page;
      throw noRun(param("id"));
    },
  }),
  route({
    id: "runs.events",
    method: "GET",
    path: "/runs/{id}/events",
    summary: "What happens in a run, as server-sent events; goes on after the Last-Event-ID",
    headers: { "Last-Event-ID": "The id of the last event that was heard" },
    stream: true,
    answer: runEvents,
  }),
  route({
    id: "runs.getByKey",
    method: "GET",
    path: "/run-keys/{workflow}/{key}",
    summary: "The run that was started with an idempotency key",
    answer: async ({ engine, workspace, param }) => {
      const workflow = param("workflow");
      const run = await engine.runs.getByKey(param("key"), { workspace, workflow });
      if (run) return { id: run.id, workflow };
      throw noRun(param("key"));
    },
  }),
];

function startDetails({
  body,
  request,
}: Pick<Call<undefined, z.infer<typeof start>>, "body" | "request">): JsonObject {
  const { workflow, trigger, at, deadline, labels: given } = body;
  const key = request.headers.get("idempotency-key") ?? undefined;
  return chosen({ workflow, trigger, at, deadline, labels: given, key });
}

/** `undefined`: the header is not there. Its value may be quoted, as the draft of the header has it. */
function keyOf(request: Request): string | undefined {
  const header = request.headers.get("idempotency-key");
  if (header === null) return undefined;
  const key = /^"[^"\\]*"$/.test(header) ? header.slice(1, -1) : header;
  if (key.length >= 1 && key.length <= 255 && isNameText(key)) return key;
  throw new FlowForgeError("http_request_invalid", {
    subject: "the header Idempotency-Key",
    expected: "1 to 255 characters",
    next: "Send a key that is new for every start that is meant.",
  });
}
