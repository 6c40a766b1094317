/** Circuit breakers of the caller's workspace: those that are not closed, and both ways by hand. */
import { z } from "zod";
import { BREAKER_SCOPES, type BreakerScope } from "../../core/breaker/key.ts";
import { FlowForgeError } from "../../core/errors.ts";
import type { BreakerOf } from "../../index.ts";
import { cursor, limit, nothing } from "../fields.ts";
import { type Caller, type Route, route } from "../route.ts";

const PATH = "/breakers/{scope}/{name}";

export const breakerRoutes: readonly Route[] = [
  route({
    id: "breakers.list",
    method: "GET",
    path: "/breakers",
    summary: "Circuit breakers that are not closed, by scope and name, page by page",
    query: z.strictObject({ cursor: cursor.optional(), limit: limit.optional() }),
    answer: ({ engine, workspace, query }) => engine.breakers.list({ ...query, workspace }),
  }),
  route({
    id: "breakers.open",
    method: "POST",
    path: `${PATH}/open`,
    summary: "Park node runs behind a breaker until somebody closes it",
    audit: { kind: "breaker" },
    body: nothing,
    answer: async (call) => {
      await call.engine.breakers.open(breakerOf(call));
      return {};
    },
  }),
  route({
    id: "breakers.close",
    method: "POST",
    path: `${PATH}/close`,
    summary: "Let go on what is parked behind a breaker, in growing waves",
    audit: { kind: "breaker" },
    body: nothing,
    answer: async (call) => {
      await call.engine.breakers.close(breakerOf(call));
      return {};
    },
  }),
];

function breakerOf({ param, workspace }: Pick<Caller, "param" | "workspace">): BreakerOf {
  return { workspace, scope: scopeOf(param("scope")), name: param("name") };
}

function scopeOf(text: string): BreakerScope {
  const scope = BREAKER_SCOPES.find((each) => each === text);
  if (scope !== undefined) return scope;
  throw new FlowForgeError("http_request_invalid", {
    subject: "the scope in the path",
    expected: BREAKER_SCOPES.join(", "),
    next: "Correct the URL.",
  });
}
