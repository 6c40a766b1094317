/** What is done to runs: one by its id, or all that fit a filter. */
import { z } from "zod";
import { chosen, counted } from "../audit.ts";
import { json } from "../problem.ts";
import { name, nothing } from "../fields.ts";
import { type Route, route } from "../route.ts";
import { runFilter } from "../run-filter.ts";

const compensate = z.boolean().optional();
const many = z.strictObject({ filter: runFilter });
const signal = z.strictObject({ name, payload: z.unknown().optional(), id: name.max(200).optional() });

const single: readonly Route[] = [
  route({
    id: "runs.cancel",
    method: "POST",
    path: "/runs/{id}/cancel",
    summary: "End a run; with `compensate` what has succeeded is undone first",
    audit: { kind: "run", details: ({ body }) => chosen(body) },
    body: z.strictObject({ compensate }).prefault({}),
    answer: async ({ engine, workspace, param, body }) => {
      await engine.runs.cancel(param("id"), { workspace, ...body });
      return {};
    },
  }),
  route({
    id: "runs.pause",
    method: "POST",
    path: "/runs/{id}/pause",
    summary: "Let what runs end, and start nothing new",
    audit: { kind: "run" },
    body: nothing,
    answer: async ({ engine, workspace, param }) => {
      await engine.runs.pause(param("id"), { workspace });
      return {};
    },
  }),
  route({
    id: "runs.resume",
    method: "POST",
    path: "/runs/{id}/resume",
    summary: "Let a paused run go on",
    audit: { kind: "run" },
    body: nothing,
    answer: async ({ engine, workspace, param }) => {
      await engine.runs.resume(param("id"), { workspace });
      return {};
    },
  }),
  route({
    id: "runs.signal",
    method: "POST",
    path: "/runs/{id}/signals",
    summary: "Send a signal to a run; with an id it is taken once",
    audit: { kind: "run", details: ({ body }) => chosen({ signal: body.name, id: body.id }) },
    body: signal,
    answer: ({ engine, workspace, param, body }) =>
      engine.runs.signal(param("id"), body.name, body.payload ?? null, { workspace, id: body.id }),
  }),
  route({
    id: "runs.rerun",
    method: "POST",
    path: "/runs/{id}/rerun",
    summary: "Start a run once more, from its beginning or from a node",
    audit: { kind: "run", details: ({ body }) => chosen(body) },
    body: z.strictObject({ from: name.optional() }).prefault({}),
    answer: async ({ engine, workspace, param, basePath, body, note }) => {
      const run = await engine.runs.rerun(param("id"), { workspace, ...body });
      note({ details: { started: run.id } });
      const headers = { location: `${basePath}/runs/${run.id}` };
      return json({ id: run.id, workflow: run.workflow }, { status: 201, headers });
    },
  }),
];

const bulk: readonly Route[] = [
  route({
    id: "runs.cancelMany",
    method: "POST",
    path: "/bulk/runs/cancel",
    summary: "Cancel every run that fits",
    audit: { kind: "run", details: ({ body }) => chosen(body) },
    body: many.extend({ compensate }),
    answer: async ({ engine, workspace, body, note }) =>
      counted(note, await engine.runs.cancel({ ...body.filter, workspace }, { compensate: body.compensate })),
  }),
  route({
    id: "runs.pauseMany",
    method: "POST",
    path: "/bulk/runs/pause",
    summary: "Pause every run that fits",
    audit: { kind: "run", details: ({ body }) => chosen(body) },
    body: many,
    answer: async ({ engine, workspace, body, note }) =>
      counted(note, await engine.runs.pause({ ...body.filter, workspace })),
  }),
  route({
    id: "runs.resumeMany",
    method: "POST",
    path: "/bulk/runs/resume",
    summary: "Resume every paused run that fits",
    audit: { kind: "run", details: ({ body }) => chosen(body) },
    body: many,
    answer: async ({ engine, workspace, body, note }) =>
      counted(note, await engine.runs.resume({ ...body.filter, workspace })),
  }),
];

export const runControlRoutes: readonly Route[] = [...single, ...bulk];
