/** Who asks, and whether a browser was made to ask by another site. */
import { FlowForgeError } from "../core/errors.ts";
import { isNameText } from "./fields.ts";
import type { Operation, Route } from "./route.ts";

/** In the URL of any request that needs a login. */
export const WORKSPACE_PARAMETER = "workspace";

/** What the host says of a request. */
export interface Access {
  /** The only workspace that the request sees, unless `allWorkspaces` says more. 1 to 128 characters without control characters. */
  readonly workspace: string;
  /**
   * `true`: an operator of the whole installation. He may name any workspace with `?workspace=`, where `workspace` is what he sees without, and do
   * what is of no workspace: list them, look at the workers. Default false.
   */
  readonly allWorkspaces?: boolean | undefined;
  /** Who it is, for the record of what is resolved by hand: at most 200 characters. */
  readonly actor?: string | undefined;
  /** Whether an operation may be done, by its id in the OpenAPI document, as `runs.start`. Default: every one. */
  readonly can?: ((operation: string) => boolean) | undefined;
}

/** `null`: nobody that may ask. It may read the request's URL and headers, and must leave its body alone. */
export type Authorize = (request: Request) => Access | null | Promise<Access | null>;

export interface Gate {
  readonly authorize: Authorize;
  /** Nobody may do anything but look. */
  readonly readOnly: boolean;
}

/** With the workspace that the request is for. Throws `http_unauthorized`, `http_forbidden` and `http_request_invalid`. */
export async function accessOf(request: Request, route: Route, gate: Gate): Promise<Access> {
  return admitted(await loginOf(request, gate), request, { route, gate });
}

/** Throws `http_unauthorized`. */
export async function loginOf(request: Request, gate: Gate): Promise<Access> {
  const access = await gate.authorize(request);
  if (!access) {
    throw unauthorized();
  }
  // Without this a host's mistake would end in the workspace `default`, which is somebody's.
  if (typeof access.workspace !== "string" || access.workspace === "") {
    throw new TypeError("What authorize answered names no workspace.");
  }
  return access;
}

/** With the workspace that the request is for. Throws `http_forbidden` and `http_request_invalid`. */
export function admitted(
  access: Access,
  request: Request,
  { route, gate }: { readonly route: Route; readonly gate: Gate },
): Access {
  if (!may(access, gate, route)) {
    throw forbidden(`operation "${route.id}"`);
  }
  const workspace = namedWorkspace(request);
  if (workspace === null || workspace === access.workspace) return access;
  if (access.allWorkspaces !== true) throw forbidden("another workspace");
  return { ...access, workspace };
}

/** The one that the URL names; `null`: none. */
function namedWorkspace(request: Request): string | null {
  const [name, ...more] = new URL(request.url).searchParams.getAll(WORKSPACE_PARAMETER);
  if (name === undefined) return null;
  if (more.length === 0 && name.length >= 1 && name.length <= 128 && isNameText(name)) return name;
  throw new FlowForgeError("http_request_invalid", {
    subject: `"${WORKSPACE_PARAMETER}" of the query`,
    expected: "the name of one workspace",
    next: "Correct the URL.",
  });
}

function forbidden(subject: string): FlowForgeError {
  return new FlowForgeError("http_forbidden", { subject, next: "Ask somebody who may do it." });
}

/** Whether this caller may do what a route does. */
export function may(access: Access, gate: Gate, { id, method, everywhere }: Operation): boolean {
  if (gate.readOnly && method !== "GET") return false;
  if (everywhere && access.allWorkspaces !== true) return false;
  return !access.can || access.can(id) === true;
}

export function unauthorized(): FlowForgeError {
  return new FlowForgeError("http_unauthorized", {
    subject: "the request",
    next: "Send what the server's login asks for.",
  });
}

/**
 * Refuses what a browser sends because another site's page told it to: such requests carry the user's cookies. A request that says
 * nothing of its origin is no such one: browsers always name it where something is written.
 *
 * Throws `http_origin_refused`.
 */
export function assertOwnSite(request: Request, origins: readonly string[]): void {
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  if (origin !== null && origins.includes(origin)) return;
  const own = site === null ? origin === null || isHost(origin, request) : OWN_SITES.has(site);
  if (own) return;
  throw new FlowForgeError("http_origin_refused", {
    subject: "a request from another site",
    next: "Send it from a page of this server, or name the page's origin in the option `origins`.",
  });
}

const OWN_SITES: ReadonlySet<string> = new Set(["same-origin", "none"]);

function isHost(origin: string, request: Request): boolean {
  return URL.canParse(origin) && new URL(origin).host === new URL(request.url).host;
}
