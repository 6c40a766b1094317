/** What gave up, and what becomes of it. */
import { z } from "zod";
import { FlowForgeError } from "../../core/errors.ts";
import { cursor, limit, name, nothing, time } from "../fields.ts";
import { type Route, route } from "../route.ts";

const version = z.union([z.int().min(1), z.literal("latest")]);
const query = {
  runId: name.optional(),
  workflow: name.optional(),
  node: name.optional(),
  errorClass: name.optional(),
  fingerprint: name.optional(),
  openedAfter: time.optional(),
  openedBefore: time.optional(),
};
const filter = z
  .strictObject(query)
  .refine((parts) => Object.keys(parts).length > 0, "at least one part of the filter");
const complete = { output: z.unknown().optional(), outcome: name.optional() };
const redrive = {
  newKey: z.boolean().optional(),
  force: z.boolean().optional(),
  version: version.optional(),
};

const looking: readonly Route[] = [
  route({
    id: "deadLetters.list",
    method: "GET",
    path: "/dead-letters",
    summary: "Dead letters, page by page",
    query: z.strictObject({
      ...query,
      state: z.enum(["open", "resolved", "all"]).optional(),
      cursor: cursor.optional(),
      limit: limit.optional(),
    }),
    answer: ({ engine, workspace, query: options }) => engine.deadLetters.list({ ...options, workspace }),
  }),
  route({
    id: "deadLetters.groups",
    method: "GET",
    path: "/dead-letter-groups",
    summary: "Open dead letters that failed alike",
    query: z.strictObject(query),
    answer: async ({ engine, workspace, query: options }) => ({
      items: await engine.deadLetters.groups({ ...options, workspace }),
    }),
  }),
  route({
    id: "deadLetters.get",
    method: "GET",
    path: "/dead-letters/{id}",
    summary: "One dead letter",
    answer: async ({ engine, workspace, param }) => {
      const letter = await engine.deadLetters.get(param("id"), { workspace });
      if (letter) return letter;
      throw new FlowForgeError("dead_letter_not_found", {
        subject: `dead letter ${JSON.stringify(param("id").slice(0, 80))}`,
        next: "Look at GET /dead-letters.",
      });
    },
  }),
  route({
    id: "deadLetters.preview",
    method: "POST",
    path: "/dead-letters/{id}/preview",
    summary: "What a redrive with another version of the workflow would do; changes nothing",
    audit: "none",
    body: z.strictObject({ version }),
    answer: ({ engine, workspace, param, body }) =>
      engine.deadLetters.preview(param("id"), { workspace, ...body }),
  }),
];

const resolving: readonly Route[] = [
  route({
    id: "deadLetters.redrive",
    method: "POST",
    path: "/dead-letters/{id}/redrive",
    summary: "Try the node again",
    audit: "engine",
    body: z.strictObject({ ...redrive, input: z.unknown().optional() }).prefault({}),
    answer: async ({ engine, workspace, actor, param, body }) => {
      await engine.deadLetters.redrive(param("id"), { ...body, workspace, by: actor });
      return {};
    },
  }),
  route({
    id: "deadLetters.complete",
    method: "POST",
    path: "/dead-letters/{id}/complete",
    summary: "Give the node its output by hand",
    audit: "engine",
    body: z.strictObject(complete).prefault({}),
    answer: async ({ engine, workspace, actor, param, body }) => {
      await engine.deadLetters.complete(param("id"), { ...body, workspace, by: actor });
      return {};
    },
  }),
  route({
    id: "deadLetters.discard",
    method: "POST",
    path: "/dead-letters/{id}/discard",
    summary: "Leave the node undone",
    audit: "engine",
    body: nothing,
    answer: async ({ engine, workspace, actor, param }) => {
      await engine.deadLetters.discard(param("id"), { workspace, by: actor });
      return {};
    },
  }),
  route({
    id: "deadLetters.redriveMany",
    method: "POST",
    path: "/bulk/dead-letters/redrive",
    summary: "Try every node again whose dead letter fits",
    audit: "engine",
    body: z.strictObject({ filter, ...redrive }),
    answer: ({ engine, workspace, actor, body: { filter: which, ...options } }) =>
      engine.deadLetters.redrive({ ...which, workspace }, { ...options, by: actor }),
  }),
  route({
    id: "deadLetters.completeMany",
    method: "POST",
    path: "/bulk/dead-letters/complete",
    summary: "Give every node the same output by hand whose dead letter fits",
    audit: "engine",
    body: z.strictObject({ filter, ...complete }),
    answer: ({ engine, workspace, actor, body: { filter: which, ...options } }) =>
      engine.deadLetters.complete({ ...which, workspace }, { ...options, by: actor }),
  }),
  route({
    id: "deadLetters.discardMany",
    method: "POST",
    path: "/bulk/dead-letters/discard",
    summary: "Leave every node undone whose dead letter fits",
    audit: "engine",
    body: z.strictObject({ filter }),
    answer: ({ engine, workspace, actor, body }) =>
      engine.deadLetters.discard({ ...body.filter, workspace }, { by: actor }),
  }),
];

export const deadLetterRoutes: readonly Route[] = [...looking, ...resolving];
