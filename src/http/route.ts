/** One operation of the API as data: verb, path, what it takes, and what it does with the engine. */
import type { z } from "zod";
import type { AuditEntry, AuditNote, Engine, JsonObject } from "../index.ts";
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
  /** Adds what is known only when it is done to the audit's entry of this call. */
  note: AuditNote;
  /** Records that the caller does this, around the doing. */
  record<T>(entry: Omit<AuditEntry, "action">, work: (note: AuditNote) => Promise<T>): Promise<T>;
}

export interface Call<Query, Body> extends Caller {
  readonly query: Query;
  readonly body: Body;
}

/**
 * How the audit tells of an operation: to what kind of thing it is done, and to which one (default: what its path names). `"none"`: it changes nothing,
 * or is no person's doing. `"engine"`: the call that it makes is recorded by the engine.
 */
export type Audit<Query, Body> =
  | "none"
  | "engine"
  | {
      readonly kind: string;
      readonly subject?: (call: Call<Query, Body>) => string | null;
      /** Neither secrets nor inputs. */
      readonly details?: (call: Call<Query, Body>) => JsonObject;
      /** Of an open route, whose caller is known by other means: who. Of what is done to another workspace than the caller's: where. */
      readonly by?: (call: Call<Query, Body>) => { readonly actor?: string; readonly workspace: string };
    };

export type Definition<Query, Body> = Described<Query, Body> &
  (
    | { readonly method: "GET"; readonly audit?: undefined }
    | { readonly method: "POST" | "PUT" | "DELETE"; readonly audit: Audit<Query, Body> }
  );

interface Described<Query, Body> {
  /** Its operation id, which `can` of the host's `authorize` is asked with. */
  readonly id: string;
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

export interface Route extends Omit<Described<unknown, unknown>, "answer"> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Of what kind the thing is that it is done to. `null`: it is not recorded here. */
  readonly audited: string | null;
  readonly answer: (caller: Caller, given: { readonly query: unknown; readonly body: unknown }) => unknown;
}

/** What decides whether a caller may do what a route does. */
export type Operation = Pick<Route, "id" | "method" | "everywhere">;

/** Checks what the caller gave, and then answers, and records that where it does something. */
export function route<Query = undefined, Body = undefined>(definition: Definition<Query, Body>): Route;
export function route({ audit, ...definition }: Definition<unknown, unknown>): Route {
  const { query, body, answer } = definition;
  const told = typeof audit === "object" ? audit : null;
  return {
    ...definition,
    audited: told && told.kind,
    answer: async (caller, given) => {
      const call = {
        ...caller,
        query: query ? checked(query, given.query, "query") : undefined,
        body: body ? checked(body, given.body, "body") : undefined,
      };
      if (!told) return answer(call);
      const entry = {
        kind: told.kind,
        subject: told.subject ? told.subject(call) : subjectOf(definition.path, caller.param),
        details: told.details?.(call),
        ...told.by?.(call),
      };
      return caller.record(entry, async (note) => answer({ ...call, note }));
    },
  };
}

/** What a path names; `null`: nothing. */
export function subjectOf(path: string, param: (name: string) => string): string | null {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => param(name!));
  return names.length === 0 ? null : names.join("/");
}
