/**
 * `createHandler`: every request goes the same way, and stops at the first gate that it does not pass: path, verb, own site, login,
 * permission, body, schema. Only then is the engine called, always with the caller's workspace.
 */
import type { Duration } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import { FlowForgeError } from "../core/errors.ts";
import { didYouMean } from "../core/suggestion.ts";
import type { Engine } from "../index.ts";
import {
  type Access,
  accessOf,
  admitted,
  assertOwnSite,
  type Authorize,
  loginOf,
  may,
  unauthorized,
} from "./access.ts";
import { assertNoBody, readJson, readRaw } from "./body.ts";
import { json, problem, SAFE_HEADERS } from "./problem.ts";
import { queryOf } from "./query.ts";
import { type Caller, type Operation, type Route, subjectOf } from "./route.ts";
import { find, type Found, type Match } from "./router.ts";
import { routes } from "./routes.ts";
import { type StreamLimits, type StreamOwner, Streams, type StreamSource } from "./streams.ts";

export interface HandlerOptions {
  /** Says who asks. There is no default: without it every workspace would be everybody's. */
  readonly authorize: Authorize;
  /** Where the handler is mounted, as `/flowforge`. Paths with and without it are understood, because some frameworks take it off. Default: none. */
  readonly basePath?: string | undefined;
  /** Pages of these origins may send writes too, as `https://admin.example.com`. Default: only pages of this server. */
  readonly origins?: readonly string[] | undefined;
  /** The largest body that is read, in bytes. Default 1 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** `true`: whoever logs in may look, and do nothing. Webhooks and links for approvals, which need no login, still work. Default: false. */
  readonly readOnly?: boolean | undefined;
  /**
   * `GET /metrics` for Prometheus: what has happened in this process and how things stand, of all workspaces. Only for whom this `authorize` says
   * `true`, whose login is the scraper's and no user's. Default: there is no such path.
   */
  readonly metrics?: { readonly authorize: (request: Request) => boolean | Promise<boolean> } | undefined;
  /** How many streams of events may be open on this handler, from 1. Each asks the database about once a second. Default 100. */
  readonly maxStreams?: number | undefined;
  /** The same for one login, which is a workspace and its `actor`, from 1. Default 10. */
  readonly maxStreamsPerLogin?: number | undefined;
  /**
   * How often `authorize` is asked again for each open stream, as `"30s"`; a stream is closed where it does not answer the same workspace and
   * actor any more, or `can` refuses. From 1 second to 1 day. Default `"60s"`.
   */
  readonly checkLoginEvery?: Duration | undefined;
  /** Told of what ended in a status from 500 on. What it throws is dropped. Default: nobody is. */
  readonly onError?: ((error: unknown, request: Request) => void) | undefined;
}

/** Never rejects: an error is a `Response` too. */
export type Handler = (request: Request) => Promise<Response>;

interface Settings {
  readonly engine: Engine;
  readonly authorize: Authorize;
  readonly basePath: string;
  readonly origins: readonly string[];
  readonly maxBodyBytes: number;
  readonly readOnly: boolean;
  readonly metrics: HandlerOptions["metrics"];
  readonly onError: (error: unknown, request: Request) => void;
  readonly streams: Streams;
}

/** Throws `option_invalid`. */
export function createHandler(engine: Engine, options: HandlerOptions): Handler {
  const settings = settingsOf(engine, options);
  return async (request) => {
    try {
      if (isMetrics(request, settings)) return await metricsOf(request, settings);
      const found = lookup(request, settings);
      if (found === 404) throw notFound();
      if ("allow" in found) return problem(wrongVerb(found.allow), { allow: found.allow.join(", ") });
      return await answer(request, found, settings);
    } catch (error) {
      const response = problem(error);
      if (response.status >= 500) tell(settings, error, request);
      return response;
    }
  };
}

async function answer(request: Request, match: Match, settings: Settings): Promise<Response> {
  const { route, params } = match;
  const { engine, basePath } = settings;
  if ((route.method !== "GET" || route.stream) && !route.raw) assertOwnSite(request, settings.origins);
  const access = route.open ? null : await enter(request, match, settings);
  // Whoever sends what is taken as it comes has an address that was told him, and may sign all of it.
  const query = route.raw ? {} : queryOf(request, route);
  const bytes = route.raw ? await readRaw(request, MAX_RAW_BYTES) : NO_BYTES;
  const body = route.raw ? undefined : await bodyOf(request, route, settings.maxBodyBytes);
  const caller = {
    engine,
    basePath,
    request,
    // An open route knows its workspace by other means, and asks for none.
    workspace: access?.workspace ?? "",
    actor: access?.actor,
    ...auditOf(engine, route, access),
    bytes,
    allWorkspaces: access?.allWorkspaces === true,
    may: (other: Operation) => access !== null && may(access, settings, other),
    stream: (source: StreamSource) => {
      const owner = ownerOf(request, { route, access: access! }, settings);
      return settings.streams.open(source, owner);
    },
    param: (name: string) => params.get(name)!,
  };
  const result: unknown = await route.answer(caller, { query, body });
  return result instanceof Response ? result : json(result);
}

function auditOf(
  engine: Engine,
  { id: action }: Route,
  access: Access | null,
): Pick<Caller, "note" | "record"> {
  const { workspace, actor } = access ?? {};
  return {
    note: () => {},
    record: (entry, work) => engine.audit.record({ workspace, actor, ...entry, action }, work),
  };
}

/** Who tries what he may not is recorded; where nobody may do anything there would be no end of it. */
async function enter(request: Request, { route, params }: Match, settings: Settings): Promise<Access> {
  const login = await loginOf(request, settings);
  try {
    return admitted(login, request, { route, gate: settings });
  } catch (error) {
    const { id: action, audited: kind } = route;
    if (kind !== null && !settings.readOnly && FlowForgeError.is(error) && error.code === "http_forbidden") {
      const { workspace, actor } = login;
      const subject = subjectOf(route.path, (name) => params.get(name)!);
      await settings.engine.audit.refused({ workspace, actor, action, kind, subject }, error.code);
    }
    throw error;
  }
}

function ownerOf(
  request: Request,
  { route, access }: { readonly route: Route; readonly access: Access },
  settings: Settings,
): StreamOwner {
  const { workspace, actor } = access;
  const check = async (): Promise<boolean> => {
    try {
      const now = await accessOf(request, route, settings);
      return now.workspace === workspace && now.actor === actor;
    } catch (error) {
      // Who cannot be asked for any more has no login either.
      if (problem(error).status >= 500) tell(settings, error, request);
      return false;
    }
  };
  return { login: JSON.stringify([workspace, actor ?? null]), signal: request.signal, check };
}

async function bodyOf(request: Request, route: Route, maxBytes: number): Promise<unknown> {
  if (route.body) return readJson(request, maxBytes);
  return assertNoBody(request);
}

function isMetrics(request: Request, { basePath, metrics }: Settings): boolean {
  return metrics !== undefined && request.method === "GET" && pathOf(request, basePath) === "/metrics";
}

async function metricsOf(request: Request, { engine, metrics }: Settings): Promise<Response> {
  if ((await metrics!.authorize(request)) !== true) throw unauthorized();
  const headers = { ...SAFE_HEADERS, "content-type": "text/plain; version=0.0.4; charset=utf-8" };
  return new Response(await engine.metrics(), { headers });
}

function lookup(request: Request, { basePath }: Settings): Found {
  return find(routes, request.method, pathOf(request, basePath));
}

function pathOf(request: Request, basePath: string): string {
  const { pathname } = new URL(request.url);
  return pathname.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : pathname;
}

function tell({ onError }: Settings, error: unknown, request: Request): void {
  try {
    onError(error, request);
  } catch {
    // The caller has his answer; a host's logger must not take it away.
  }
}

const NO_BYTES = new Uint8Array();
/** One more than the intake takes, which answers for itself. */
const MAX_RAW_BYTES = 1_048_577;
const KNOWN = [
  "authorize",
  "basePath",
  "origins",
  "maxBodyBytes",
  "readOnly",
  "metrics",
  "maxStreams",
  "maxStreamsPerLogin",
  "checkLoginEvery",
  "onError",
];
const DEFAULT_MAX_BYTES = 1_048_576;
const CHECK_MS = { least: 1_000, most: 86_400_000 };

function settingsOf(engine: Engine, options: HandlerOptions): Settings {
  const given: HandlerOptions | undefined = options;
  const unknown = Object.keys(given ?? {}).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) {
    throw invalid(unknown, `one of ${KNOWN.join(", ")}`, `Correct its name.${didYouMean(unknown, KNOWN)}`);
  }
  if (typeof given?.authorize !== "function") {
    throw invalid("authorize", "a function", "Pass one that answers { workspace } or null.");
  }
  const { authorize, basePath = "", origins = [], readOnly = false, onError } = given;
  const { maxBodyBytes = DEFAULT_MAX_BYTES, metrics } = given;
  if (!/^(?:\/[\w.~-]+)*$/.test(basePath)) {
    throw invalid("basePath", "a path such as /flowforge", "Begin with a slash, and end without one.");
  }
  if (!isCount(maxBodyBytes)) throw invalid("maxBodyBytes", "a whole number of bytes", "Correct it.");
  if (!Array.isArray(origins) || !origins.every(isOrigin)) {
    throw invalid("origins", "origins such as https://admin.example.com", "Leave paths and stars away.");
  }
  if (typeof readOnly !== "boolean") throw invalid("readOnly", "true or false", "Correct it.");
  if (metrics !== undefined && typeof metrics?.authorize !== "function") {
    throw invalid("metrics", "{ authorize }, a function", "Pass one that says true to your Prometheus only.");
  }
  const checked = { engine, authorize, basePath, origins, maxBodyBytes, readOnly, metrics };
  return { ...checked, streams: new Streams(streamLimits(given)), onError: onError ?? (() => {}) };
}

function streamLimits(given: HandlerOptions): StreamLimits {
  const { maxStreams = 100, maxStreamsPerLogin = 10, checkLoginEvery = "60s" } = given;
  for (const [name, value] of Object.entries({ maxStreams, maxStreamsPerLogin }))
    if (!isCount(value)) throw invalid(name, "a whole number from 1", "Correct it.");
  const checkMs = parseDuration(checkLoginEvery, 'option "checkLoginEvery" of createHandler');
  if (checkMs < CHECK_MS.least || checkMs > CHECK_MS.most)
    throw invalid("checkLoginEvery", "1 second to 1 day", "Correct it.");
  return { most: maxStreams, mostPerLogin: maxStreamsPerLogin, checkMs };
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}

function isOrigin(text: unknown): boolean {
  return typeof text === "string" && URL.canParse(text) && new URL(text).origin === text;
}

function invalid(option: string, expected: string, next: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: `option "${option}" of createHandler`,
    expected,
    next,
  });
}

function notFound(): FlowForgeError {
  return new FlowForgeError("http_not_found", {
    subject: "the request's path",
    next: "Look at /openapi.json for what there is.",
  });
}

function wrongVerb(allow: readonly string[]): FlowForgeError {
  return new FlowForgeError("http_method_not_allowed", {
    subject: "the request's verb",
    expected: allow.join(" or "),
    next: "Look at /openapi.json for what there is.",
  });
}
