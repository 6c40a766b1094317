/**
 * Reads from whatever was thrown the few facts that decide: an HTTP status, a system code, an SQLSTATE, when to come back.
 * Libraries put them on the error, on its response, or on its cause (`fetch failed`). Nothing here trusts what it reads:
 * getters may throw, causes may be circular.
 */
import { markOf } from "./failures.ts";

export interface FailureFacts {
  readonly name: string;
  readonly message: string;
  /** What the thrower said: `PermanentError`, `RetryableError` or `NotYet`. */
  readonly mark: "permanent" | "retry" | "notYet" | null;
  /** System code (`ECONNREFUSED`) or a library's own. */
  readonly code: string | null;
  /** HTTP status, 300 and above: below are exit codes of processes too. */
  readonly status: number | null;
  readonly sqlState: string | null;
  readonly afterMs: number | null;
  readonly timedOut: boolean;
  /** `false`: nothing was sent, so nothing can have happened. `null`: not known. */
  readonly sentRequest: boolean | null;
  /** The code says that it is about the network. */
  readonly network: boolean;
}

type Facts = { -readonly [K in keyof FailureFacts]: FailureFacts[K] };
type Fields = { readonly [key: string]: unknown };

const MAX_MESSAGE = 2_000;
const MAX_NAME = 100;
const MAX_CAUSES = 5;

/** No connection came about, or the server's certificate was refused before anything was sent. */
const UNSENT_CODES: ReadonlySet<string> = new Set([
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "ENOTFOUND",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UND_ERR_CONNECT_TIMEOUT",
]);
const NETWORK_CODE = /^(?:EAI_\w+|ECONN\w+|EHOST\w+|ENET\w+|ENOTFOUND|EPIPE|ETIMEDOUT|UND_ERR_\w+)$/;
/** Only classes that exist: `EPIPE` and an ORM's `P2002` are none. */
const SQLSTATE = /^(?:\d[0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/;

/** `now`: milliseconds since 1970, for dates in `Retry-After`; `null`: only the answer's own `Date` is there. */
export function describe(error: unknown, now: number | null = null): FailureFacts {
  const facts: Facts = {
    name: "Error",
    message: "",
    mark: null,
    code: null,
    status: null,
    sqlState: null,
    afterMs: null,
    timedOut: false,
    sentRequest: null,
    network: false,
  };
  try {
    if (isFields(error)) read(facts, error, now);
    else facts.message = shorten(String(error), MAX_MESSAGE);
  } catch {
    // A getter or a proxy that throws. What was read until then has to do.
    facts.message ||= "The error could not be read.";
  }
  return facts;
}

function read(facts: Facts, error: Fields, now: number | null): void {
  const { name, message } = error;
  if (typeof name === "string" && name !== "") facts.name = shorten(name, MAX_NAME);
  facts.message = shorten(
    typeof message === "string" ? message : "Something that is no error was thrown.",
    MAX_MESSAGE,
  );
  readMark(facts, error);
  let layer: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && isFields(layer); depth++) {
    readLayer(facts, layer, now);
    layer = layer["cause"];
  }
}

function readMark(facts: Facts, error: Fields): void {
  const mark = markOf(error);
  if (!mark) return;
  facts.mark = mark.type === "retryable" ? "retry" : mark.type;
  if (mark.type !== "permanent") facts.afterMs = mark.afterMs;
}

/** The outer error knows better than its cause: only what is not known yet is taken. */
function readLayer(facts: Facts, error: Fields, now: number | null): void {
  const response = isFields(error["response"]) ? error["response"] : {};
  facts.status ??= statusOf(error["status"]) ?? statusOf(error["statusCode"]) ?? statusOf(response["status"]);
  facts.afterMs ??=
    msOf(error["retryAfterMs"]) ?? retryAfter(error["headers"], now) ?? retryAfter(response["headers"], now);
  facts.sqlState ??= sqlStateOf(error["sqlState"]) ?? sqlStateOf(error["code"]);
  if (error["timedOut"] === true) facts.timedOut = true;
  if (typeof error["sentRequest"] === "boolean") facts.sentRequest ??= error["sentRequest"];
  readCode(facts, error);
}

function readCode(facts: Facts, error: Fields): void {
  const { code } = error;
  if (facts.code !== null || typeof code !== "string" || code === "" || SQLSTATE.test(code)) return;
  facts.code = shorten(code, MAX_NAME);
  facts.network = NETWORK_CODE.test(code);
  // A connect that timed out has the same code as a read that did.
  if (UNSENT_CODES.has(code) || (facts.network && isOfConnect(error))) facts.sentRequest ??= false;
}

/** Where a name has several addresses, Node throws one error that holds those of the connects to each of them. */
function isOfConnect({ syscall, errors }: Fields): boolean {
  if (!Array.isArray(errors)) return syscall === "connect";
  return errors.length > 0 && errors.every((one) => isFields(one) && one["syscall"] === "connect");
}

function statusOf(value: unknown): number | null {
  return typeof value === "number" && value >= 300 && value < 600 ? Math.floor(value) : null;
}

function sqlStateOf(value: unknown): string | null {
  return typeof value === "string" && SQLSTATE.test(value) ? value : null;
}

function msOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.ceil(value) : null;
}

/** `Retry-After`: seconds, or a date, which is held against the answer's own `Date` where it has one: clocks differ. */
function retryAfter(headers: unknown, now: number | null): number | null {
  const value = header(headers, "retry-after");
  if (value === null) return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const answered = Date.parse(header(headers, "date") ?? "");
  const ms = Date.parse(value) - (Number.isNaN(answered) ? (now ?? NaN) : answered);
  return Number.isFinite(ms) ? Math.max(0, Math.ceil(ms)) : null;
}

/** From a `Headers` object or a plain one. */
function header(headers: unknown, name: string): string | null {
  if (!isFields(headers)) return null;
  const { get } = headers;
  const found: unknown = typeof get === "function" ? get.call(headers, name) : plainHeader(headers, name);
  return typeof found === "string" || typeof found === "number" ? String(found).trim() : null;
}

function plainHeader(headers: Fields, name: string): unknown {
  return headers[Object.keys(headers).find((key) => key.toLowerCase() === name) ?? name];
}

function isFields(value: unknown): value is Fields {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}
