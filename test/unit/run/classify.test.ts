/** What a failed attempt means: who says it, and what the effect class makes of ignorance. */
import { describe, expect, test } from "vitest";
import type { EffectKind } from "../../../src/core/definition/action.ts";
import { classifyFailure, isMarked } from "../../../src/core/run/classify.ts";
import { NotYet, PermanentError, RetryableError } from "../../../src/core/run/failures.ts";

type Meaning = "retry" | "permanent" | "unknown" | "unclear";

/** `atMostOnce` retries, gives up, or does not know; no class flags what is known to be unknown, and nothing else. */
function meaningOf(error: unknown): Meaning {
  const { verdict } = classifyFailure(error, "atMostOnce");
  if (verdict.type !== "outcomeUnknown") return verdict.type === "permanent" ? "permanent" : "retry";
  return classifyFailure(error, null).unknown ? "unknown" : "unclear";
}

const failing = (fields: object): Error => Object.assign(new Error("it failed"), fields);

describe("by HTTP status", () => {
  test.each([
    [400, "permanent"],
    [401, "permanent"],
    [404, "permanent"],
    [409, "permanent"],
    [422, "permanent"],
    [499, "permanent"],
    [408, "retry"],
    [425, "retry"],
    [429, "retry"],
    [500, "retry"],
    [501, "retry"],
    [502, "unknown"],
    [503, "unknown"],
    [504, "unknown"],
    [520, "unknown"],
    [521, "retry"],
    [522, "unknown"],
    [523, "retry"],
    [524, "unknown"],
    [525, "retry"],
    [599, "retry"],
    [302, "permanent"],
  ] as const)("%i: %s", (status, meaning) => {
    expect(meaningOf(failing({ status }))).toBe(meaning);
  });
});

describe("by system code", () => {
  test.each([
    ["ECONNREFUSED", "retry"],
    ["ENOTFOUND", "retry"],
    ["EAI_AGAIN", "retry"],
    ["UND_ERR_CONNECT_TIMEOUT", "retry"],
    ["ECONNRESET", "unknown"],
    ["EPIPE", "unknown"],
    ["ETIMEDOUT", "unknown"],
    ["ABORT_ERR", "unknown"],
    ["UND_ERR_SOCKET", "unknown"],
    ["UND_ERR_HEADERS_TIMEOUT", "unknown"],
    ["ERR_STREAM_PREMATURE_CLOSE", "unknown"],
    ["ERR_HTTP2_STREAM_ERROR", "unknown"],
    ["ERR_HTTP2_GOAWAY_SESSION", "unknown"],
    ["CERT_HAS_EXPIRED", "retry"],
    ["ENOENT", "unclear"],
    ["P2002", "unclear"],
  ] as const)("%s: %s", (code, meaning) => {
    expect(meaningOf(failing({ code }))).toBe(meaning);
  });

  test("a connect that timed out sent nothing", () => {
    expect(meaningOf(failing({ code: "ETIMEDOUT", syscall: "connect" }))).toBe("retry");
    expect(meaningOf(failing({ code: "ETIMEDOUT", syscall: "read" }))).toBe("unknown");
  });

  test("connects to several addresses that all timed out sent nothing", () => {
    const connects = (...syscalls: readonly string[]): Error =>
      Object.assign(new AggregateError(syscalls.map((syscall) => failing({ code: "ETIMEDOUT", syscall }))), {
        code: "ETIMEDOUT",
      });
    const fetched = (cause: Error): Error => new TypeError("fetch failed", { cause });
    expect(meaningOf(fetched(connects("connect", "connect")))).toBe("retry");
    expect(meaningOf(fetched(connects("connect", "read")))).toBe("unknown");
    expect(meaningOf(fetched(connects()))).toBe("unknown");
    expect(meaningOf(failing({ code: "ETIMEDOUT", errors: ["what"] }))).toBe("unknown");
  });

  test("fetch hides the code in the cause", () => {
    expect(meaningOf(new TypeError("fetch failed", { cause: failing({ code: "ECONNREFUSED" }) }))).toBe(
      "retry",
    );
    expect(meaningOf(new TypeError("fetch failed", { cause: failing({ code: "ECONNRESET" }) }))).toBe(
      "unknown",
    );
  });
});

describe("by SQLSTATE", () => {
  test.each([
    ["23505", "permanent"],
    ["22P02", "permanent"],
    ["42P01", "permanent"],
    ["P0001", "permanent"],
    ["XX000", "permanent"],
    ["08001", "retry"],
    ["08006", "unknown"],
    ["40001", "retry"],
    ["40P01", "retry"],
    ["40003", "unknown"],
    ["53300", "retry"],
    ["55P03", "retry"],
    ["57014", "retry"],
    ["57P01", "unknown"],
    ["58030", "retry"],
  ] as const)("%s: %s", (code, meaning) => {
    expect(meaningOf(failing({ code }))).toBe(meaning);
    expect(meaningOf(failing({ sqlState: code }))).toBe(meaning);
  });
});

describe("by what else is known", () => {
  test.each([
    [failing({ timedOut: true }), "unknown"],
    [failing({ timedOut: true, sentRequest: false }), "retry"],
    [failing({ sentRequest: true }), "unclear"],
    [new DOMException("stopped", "AbortError"), "unknown"],
    [new DOMException("too late", "TimeoutError"), "unknown"],
    [new Error("Connection terminated unexpectedly"), "unknown"],
    [new Error("Connection is closed."), "unknown"],
    [new Error("socket hang up"), "unknown"],
    [new Error("who knows"), "unclear"],
    [new TypeError("x is not a function"), "unclear"],
    ["just text", "unclear"],
    [undefined, "unclear"],
  ] as const)("%s: %s", (error, meaning) => {
    expect(meaningOf(error)).toBe(meaning);
  });

  test("what the thrower says counts more than anything else", () => {
    const cause = failing({ status: 404 });
    expect(meaningOf(new RetryableError("try again", { cause }))).toBe("retry");
    expect(meaningOf(new RetryableError("try again", { cause: failing({ code: "ECONNRESET" }) }))).toBe(
      "retry",
    );
    expect(meaningOf(new PermanentError("no", { cause: failing({ status: 500 }) }))).toBe("permanent");
    expect(meaningOf(new PermanentError("no", { cause: failing({ status: 503 }) }))).toBe("permanent");
  });

  test("what the action says counts more than what the error tells, but less than the thrower", () => {
    const said = (error: unknown, meaning: "retry" | "permanent" | "unknown") =>
      classifyFailure(error, "atMostOnce", { said: meaning }).verdict.type;
    expect(said(failing({ status: 503 }), "retry")).toBe("retry");
    expect(said(failing({ status: 500 }), "permanent")).toBe("permanent");
    expect(said(failing({ status: 400 }), "unknown")).toBe("outcomeUnknown");
    expect(said(new PermanentError("no"), "retry")).toBe("permanent");
    expect(classifyFailure(failing({ status: 503, retryAfterMs: 9 }), null, { said: "retry" })).toMatchObject(
      {
        verdict: { type: "later", afterMs: 9 },
        unknown: false,
      },
    );
  });

  test("what is not there yet is no failure, in no class", () => {
    for (const effect of ["atMostOnce", "readonly", null] as const)
      expect(classifyFailure(new NotYet({ after: "3d" }), effect)).toMatchObject({
        verdict: { type: "notYet", afterMs: 259_200_000 },
        unknown: false,
      });
    const forged = new NotYet({ after: 1 });
    expect([forged, new PermanentError("x"), new RetryableError("x")].map(isMarked)).toEqual([
      true,
      true,
      true,
    ]);
    expect([new Error("x"), null, { name: "NotYet" }].map(isMarked)).toEqual([false, false, false]);
  });

  test("a definite answer counts more than a timeout", () => {
    expect(meaningOf(failing({ status: 400, timedOut: true }))).toBe("permanent");
    expect(meaningOf(failing({ code: "40001", timedOut: true }))).toBe("retry");
  });
});

describe("by effect class", () => {
  const classes = ["idempotent", "verifiable", "readonly", "atMostOnce", null] as const;
  const unknown = failing({ status: 503 });

  test.each(classes)("a definite failure is the same for %s", (effect: EffectKind | null) => {
    expect(classifyFailure(failing({ status: 400 }), effect)).toMatchObject({
      verdict: { type: "permanent" },
      unknown: false,
    });
    expect(classifyFailure(failing({ status: 429 }), effect)).toMatchObject({
      verdict: { type: "retry" },
      unknown: false,
    });
  });

  test.each([
    ["idempotent", "retry", false],
    ["verifiable", "retry", false],
    ["readonly", "retry", false],
    ["atMostOnce", "outcomeUnknown", false],
    [null, "retry", true],
  ] as const)("an unknown outcome is for %s: %s, possibly duplicated: %s", (effect, type, flagged) => {
    expect(classifyFailure(unknown, effect)).toMatchObject({ verdict: { type }, unknown: flagged });
  });

  test("`atMostOnce` is not sent again, whenever the other side wants it back", () => {
    const error = failing({ status: 503, retryAfterMs: 1_000 });
    expect(classifyFailure(error, "atMostOnce").verdict).toEqual({ type: "outcomeUnknown" });
    expect(classifyFailure(error, "readonly").verdict).toEqual({ type: "later", afterMs: 1_000 });
  });
});

describe("when to come back", () => {
  const headers = { "retry-after": "120", date: "Wed, 21 Oct 2026 07:28:00 GMT" };

  test("a date without one of the answer itself is held against the clock here", () => {
    const error = failing({ status: 429, headers: { "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT" } });
    const now = Date.UTC(2026, 9, 21, 7, 28, 0) + 0.5;
    expect(classifyFailure(error, null, { now }).verdict).toEqual({ type: "later", afterMs: 30_000 });
    expect(classifyFailure(error, null, { now: now + 60_000 }).verdict).toEqual({
      type: "later",
      afterMs: 0,
    });
    const dated = failing({
      status: 429,
      headers: { ...headers, "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT" },
    });
    expect(classifyFailure(dated, null, { now: now + 60_000 }).verdict).toEqual({
      type: "later",
      afterMs: 30_000,
    });
  });

  test.each([
    [failing({ status: 429, retryAfterMs: 1_500.5 }), 1_501],
    [failing({ status: 429, headers }), 120_000],
    [failing({ status: 429, headers: new Headers(headers) }), 120_000],
    [failing({ response: { status: 429, headers: new Headers(headers) } }), 120_000],
    [failing({ status: 429, headers: { "Retry-After": 7 } }), 7_000],
    [
      failing({ status: 429, headers: { ...headers, "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT" } }),
      30_000,
    ],
    [failing({ status: 429, headers: { ...headers, "retry-after": "Wed, 21 Oct 2026 07:27:30 GMT" } }), 0],
    [failing({ status: 429, headers: { "retry-after": "99999999" } }), 86_400_000],
    [new RetryableError("later", { after: "5m" }), 300_000],
    [new RetryableError("later", { after: "3d" }), 86_400_000],
    [new RetryableError("later", { after: 250 }), 250],
  ])("%s: %i ms", (error, afterMs) => {
    expect(classifyFailure(error, null).verdict).toEqual({ type: "later", afterMs });
  });

  test.each([
    failing({ status: 429 }),
    failing({ status: 429, retryAfterMs: -1 }),
    failing({ status: 429, retryAfterMs: Number.POSITIVE_INFINITY }),
    failing({ status: 429, retryAfterMs: "1000" }),
    failing({ status: 429, headers: { "retry-after": "soon" } }),
    failing({ status: 429, headers: { "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT" } }),
    failing({ status: 429, headers: { "retry-after": null } }),
    failing({ status: 429, headers: "retry-after: 5" }),
    new RetryableError("again"),
  ])("nothing useful: the ladder decides (%#)", (error) => {
    expect(classifyFailure(error, null).verdict).toEqual({ type: "retry" });
  });

  test("what is permanent does not come back", () => {
    expect(classifyFailure(failing({ status: 404, retryAfterMs: 5 }), null).verdict).toEqual({
      type: "permanent",
    });
  });
});

describe("the record", () => {
  test.each([
    [new RangeError("too big"), { class: "RangeError", message: "too big" }],
    [failing({ status: 404 }), { class: "http", message: "it failed", status: 404 }],
    [failing({ statusCode: 404.9 }), { class: "http", message: "it failed", status: 404 }],
    [failing({ code: "23505" }), { class: "database", message: "it failed", sqlState: "23505" }],
    [failing({ code: "ECONNRESET" }), { class: "network", message: "it failed", code: "ECONNRESET" }],
    [failing({ code: "ENOENT" }), { class: "Error", message: "it failed", code: "ENOENT" }],
    [new DOMException("slow", "TimeoutError"), { class: "timeout", message: "slow" }],
    [failing({ name: "timeout", timedOut: true }), { class: "timeout", message: "it failed" }],
    [new PermanentError("no"), { class: "PermanentError", message: "no" }],
    [new RetryableError("again"), { class: "RetryableError", message: "again" }],
    ["just text", { class: "Error", message: "just text" }],
    [null, { class: "Error", message: "null" }],
    [{ status: 500 }, { class: "http", message: "Something that is no error was thrown.", status: 500 }],
    [
      { name: "", message: "nameless" },
      { class: "Error", message: "nameless" },
    ],
    [() => "thrown", { class: "Error", message: "Something that is no error was thrown." }],
  ])("of %s", (error, record) => {
    const expected =
      typeof error === "function" ? { ...record, class: expect.any(String) as string } : record;
    expect(classifyFailure(error, null).error).toEqual(expected);
  });

  test("of an unknown outcome names the class that it had", () => {
    expect(classifyFailure(failing({ status: 503 }), "atMostOnce").error).toEqual({
      class: "outcome_unknown",
      cause: "http",
      message: "it failed",
      status: 503,
    });
  });

  test("is shortened", () => {
    const error = failing({ name: "N".repeat(200), code: "C".repeat(200), message: "m".repeat(3_000) });
    const record = classifyFailure(error, null).error;
    expect(record.message).toHaveLength(2_000);
    expect(record.message.endsWith("m…")).toBe(true);
    expect(record.class).toHaveLength(100);
    expect(record["code"]).toHaveLength(100);
  });
});

describe("whatever is thrown", () => {
  test("a getter or a proxy that throws does no harm", () => {
    const trap = new Proxy(
      {},
      {
        get: () => {
          throw new Error("trapped");
        },
      },
    );
    expect(classifyFailure(trap, null)).toMatchObject({
      verdict: { type: "retry" },
      error: { class: "Error", message: "The error could not be read." },
    });
    const half = {
      name: "Half",
      message: "read",
      get status() {
        throw new Error("trapped");
      },
    };
    expect(classifyFailure(half, null).error).toEqual({ class: "Half", message: "read" });
  });

  test("circular and endless causes are followed only so far", () => {
    const circular = failing({});
    circular.cause = circular;
    expect(meaningOf(circular)).toBe("unclear");
    const deep = (levels: number): Error =>
      levels === 0 ? failing({ status: 404 }) : new Error("wrapped", { cause: deep(levels - 1) });
    expect(meaningOf(deep(4))).toBe("permanent");
    expect(meaningOf(deep(5))).toBe("unclear");
  });

  test("the outer error knows better than its cause", () => {
    const cause = failing({
      status: 404,
      sentRequest: true,
      code: "ENOENT",
      headers: { "retry-after": "9" },
    });
    const error = failing({
      status: 500,
      sentRequest: false,
      code: "EOTHER",
      headers: { "retry-after": "1" },
      cause,
    });
    expect(classifyFailure(error, null)).toMatchObject({
      verdict: { type: "later", afterMs: 1_000 },
      error: { status: 500, code: "EOTHER" },
    });
  });

  test.each([
    { status: "404" },
    { status: 200 },
    { status: 600 },
    { code: 404 },
    { code: "" },
    { sqlState: "?" },
  ])("%o says nothing", (fields) => {
    expect(classifyFailure(failing(fields), null)).toEqual({
      verdict: { type: "retry" },
      error: { class: "Error", message: "it failed" },
      unknown: false,
    });
  });
});
