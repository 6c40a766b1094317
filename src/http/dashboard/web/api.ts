/** Calls to the API that serves this page. Paths are those of the OpenAPI document. */

import { setBy } from "./clock.ts";

/** What the server answered instead of what was asked for. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** What to do next, where the server knows. */
  readonly next: string | undefined;

  constructor(status: number, problem: Problem) {
    super(problem.detail ?? problem.title ?? `The server answered ${status}.`);
    this.name = "ApiError";
    this.status = status;
    this.code = problem.code ?? "unknown";
    this.next = problem.next;
  }
}

interface Problem {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly next?: string;
}

/** The page is at `…/dashboard`, and the API beside it. */
export const base: string = location.pathname.replace(/\/dashboard\/?$/, "");

/** The workspace that the page's own address names; `null`: the one that the login has. Only who may see all of them can name another one. */
const named: string | null = new URLSearchParams(location.search).get("workspace");

/** The address of an operation. A path may name another workspace than the page. */
export function addressOf(path: string): string {
  if (named === null || /[?&]workspace=/.test(path)) return base + path;
  return `${base}${path}${path.includes("?") ? "&" : "?"}workspace=${encodeURIComponent(named)}`;
}

/** The address of the same dashboard for another workspace. */
export function dashboardOf(workspace: string): string {
  return `${location.pathname}?workspace=${encodeURIComponent(workspace)}#/`;
}

/** What a bulk operation has come to. */
export interface BulkResult {
  readonly done: number;
  readonly refused: number;
}

export interface Sending {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Throws `ApiError`, and what `fetch` throws where there is no answer. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call<T>("GET", path, signal ? { signal } : {});
}

/** Throws as `get` does. */
export async function send<T = unknown>(
  method: "POST" | "PUT" | "DELETE",
  path: string,
  sending: Sending = {},
): Promise<T> {
  return call<T>(method, path, sending);
}

async function call<T>(method: string, path: string, { body, headers, signal }: Sending): Promise<T> {
  const response = await fetch(addressOf(path), {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
    credentials: "same-origin",
  });
  setBy(response.headers.get("date"));
  const text = await response.text();
  const value: unknown = text === "" ? {} : parsed(text);
  if (response.ok) return value as T;
  throw new ApiError(response.status, isProblem(value) ? value : {});
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null;
}

/** `?a=1&b=2`, without what is `undefined` or empty; a list is said once per element. */
export function query(
  parts: Readonly<Record<string, string | number | readonly string[] | undefined>>,
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) {
    if (value === undefined || value === "") continue;
    if (typeof value === "object") for (const each of value) search.append(name, each);
    else search.set(name, String(value));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

/** A part of a path. */
export function part(text: string): string {
  return encodeURIComponent(text);
}
