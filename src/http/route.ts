/** One operation of the API as data: verb, path, what it takes, and what it does with the engine. */
import type { z } from "zod";
import type { Engine } from "../index.ts";
import { checked } from "./checked.ts";
import type { StreamSource } from "./streams.ts";

export interface Caller {
  readonly engine: Engine;
  /** Of the caller, for every call to the engine. */
  readonly workspace: string;
  readonly actor: string | undefined;
  /** Whether the caller may name any workspace. */
  readonly allWorkspaces: boolean;
  readonly request: Request;
  /** Where the handler is mounted, for links. */
  readonly basePath: string;
  /** The body of a `raw` route, as it came; none of any other one. */
  readonly bytes: Uint8Array;
  /** Whether the caller may do what a route does. */
  may(operation: Operation): boolean;
  /** Answers with a stream, where one more may be open. Throws `http_streams_exhausted` and `http_streams_limit`. */
  stream(source: StreamSource): Response;
  /** A part of the path, decoded. */
  param(name: string): string;
}

export interface Call<Query, Body> extends Caller {
  readonly query: Query;
  readonly body: Body;
}

export interface Definition<Query, Body> {
  /** Its operation id, which `can` of the host's `authorize` is asked with. */
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** As `/runs/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** `true`: without login. Only for what knows its caller by other means, or tells nothing of any workspace. */
  readonly open?: true;
  /** `true`: of no workspace, so only for a caller of all of them. */
  readonly everywhere?: true;
  /** `true`: answers for as long as the caller listens. */
  readonly stream?: true;
  /** `true`: its body is not read as JSON, and has a limit of its own. Whoever sends it is no page of a browser. */
  readonly raw?: true;
  /** Headers that it reads: name and what for. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  /** What is answered as JSON with status 200, or a `Response`. */
  readonly answer: (call: Call<Query, Body>) => unknown;
}

export interface Route extends Omit<Definition<unknown, unknown>, "answer"> {
  readonly answer: (caller: Caller, given: { readonly query: unknown; readonly body: unknown }) => unknown;
}

/** What decides whether a caller may do what a route does. */
export type Operation = Pick<Route, "id" | "method" | "everywhere">;

/** Checks what the caller gave, and then answers. */
export function route<Query = undefined, Body = undefined>(definition: Definition<Query, Body>): Route;
export function route(definition: Definition<unknown, unknown>): Route {
  const { query, body, answer } = definition;
  return {
    ...definition,
    answer: (caller, given) =>
      answer({
        ...caller,
        query: query ? checked(query, given.query, "query") : undefined,
        body: body ? checked(body, given.body, "body") : undefined,
      }),
  };
}
