/** Schedules: those of triggers by the trigger's id, those that were set under a name by `@` and the name. */
import { z } from "zod";
import { FlowForgeError } from "../../core/errors.ts";
import type { NamedScheduleOf, ScheduleOf } from "../../index.ts";
import { chosen } from "../audit.ts";
import { cursor, labels, limit, name, nothing, time } from "../fields.ts";
import { type Caller, type Route, route } from "../route.ts";

const duration = z.union([z.string().max(40), z.number()]);
const definition = z.strictObject({
  trigger: name.optional(),
  input: z.unknown().optional(),
  labels: labels.optional(),
  cron: name.optional(),
  timeZone: name.optional(),
  every: duration.optional(),
  at: name.optional(),
  overlap: z.enum(["allow", "skip", "queue", "cancelPrevious"]).optional(),
  catchUp: z.enum(["none", "one", "all"]).optional(),
  catchUpWindow: duration.optional(),
  jitter: duration.optional(),
});
const PATH = "/schedules/{workflow}/{schedule}";

const looking: readonly Route[] = [
  route({
    id: "schedules.list",
    method: "GET",
    path: "/schedules",
    summary: "Schedules by workflow, page by page",
    query: z.strictObject({
      workflow: name.max(128).optional(),
      cursor: cursor.optional(),
      limit: limit.optional(),
    }),
    answer: ({ engine, workspace, query }) => engine.schedules.list({ ...query, workspace }),
  }),
  route({
    id: "schedules.get",
    method: "GET",
    path: PATH,
    summary: "One schedule: the id of its trigger, or @ and its name",
    answer: async (call) => {
      const found = await call.engine.schedules.get(scheduleOf(call));
      if (found) return found;
      throw noSchedule(call.param("schedule"));
    },
  }),
  route({
    id: "schedules.next",
    method: "GET",
    path: `${PATH}/next`,
    summary: "The times of its next ticks, as many as `count`",
    query: z.strictObject({ count: limit.optional() }),
    answer: async (call) => {
      const { count = 10 } = call.query;
      const ticks = await call.engine.schedules.next({ ...scheduleOf(call), count });
      return { items: ticks.map((at) => new Date(at).toISOString()) };
    },
  }),
];

const writing: readonly Route[] = [
  route({
    id: "schedules.set",
    method: "PUT",
    path: PATH,
    summary: "Make a schedule under a name, or change it; the same again changes nothing",
    audit: { kind: "schedule", details: ({ body: { input: _input, ...rest } }) => chosen(rest) },
    body: definition,
    answer: (call) => call.engine.schedules.set({ ...namedOf(call), ...call.body }),
  }),
  route({
    id: "schedules.delete",
    method: "DELETE",
    path: PATH,
    summary: "Delete a schedule that was set under a name; its runs go on",
    audit: { kind: "schedule" },
    answer: async (call) => {
      await call.engine.schedules.delete(namedOf(call));
      return {};
    },
  }),
  route({
    id: "schedules.pause",
    method: "POST",
    path: `${PATH}/pause`,
    summary: "Let nothing be due from now on",
    audit: { kind: "schedule" },
    body: nothing,
    answer: async (call) => {
      await call.engine.schedules.pause(scheduleOf(call));
      return {};
    },
  }),
  route({
    id: "schedules.resume",
    method: "POST",
    path: `${PATH}/resume`,
    summary: "Go on with the first tick from now on",
    audit: { kind: "schedule" },
    body: nothing,
    answer: async (call) => {
      await call.engine.schedules.resume(scheduleOf(call));
      return {};
    },
  }),
  route({
    id: "schedules.trigger",
    method: "POST",
    path: `${PATH}/trigger`,
    summary: "Start a run now, as for a tick",
    audit: { kind: "schedule" },
    body: nothing,
    answer: (call) => call.engine.schedules.trigger(scheduleOf(call)),
  }),
  route({
    id: "schedules.backfill",
    method: "POST",
    path: `${PATH}/backfill`,
    summary: "Start a run for every tick of a span that has none",
    audit: { kind: "schedule", details: ({ body }) => chosen(body) },
    body: z.strictObject({ from: time, to: time }),
    answer: async (call) => ({
      items: await call.engine.schedules.backfill({ ...scheduleOf(call), ...call.body }),
    }),
  }),
];

export const scheduleRoutes: readonly Route[] = [...looking, ...writing];

function scheduleOf({ param, workspace }: Pick<Caller, "param" | "workspace">): ScheduleOf {
  const workflow = partOf("workflow", param("workflow"));
  const schedule = param("schedule");
  if (!schedule.startsWith("@")) return { workspace, workflow, trigger: partOf("schedule", schedule) };
  return { workspace, workflow, name: partOf("schedule", schedule.slice(1)) };
}

function namedOf(call: Pick<Caller, "param" | "workspace">): NamedScheduleOf {
  const of = scheduleOf(call);
  if (of.name !== undefined) return of;
  throw new FlowForgeError("http_request_invalid", {
    subject: "the schedule in the path",
    expected: "@ and a name",
    next: "A schedule of a trigger is changed, and goes, with its workflow's definition.",
  });
}

/** What nothing can be called is not found. */
function partOf(what: "workflow" | "schedule", text: string): string {
  if (text.length >= 1 && text.length <= 128) return text;
  if (what === "schedule") throw noSchedule(text);
  throw new FlowForgeError("workflow_not_found", {
    subject: "the workflow in the path",
    next: "Look at GET /workflows.",
  });
}

function noSchedule(schedule: string): FlowForgeError {
  return new FlowForgeError("schedule_not_found", {
    subject: `schedule ${JSON.stringify(schedule.slice(0, 80))}`,
    next: "Look at GET /schedules.",
  });
}
