/** Every problem of shape that a document can have, each with its code and its path. */
import { describe, expect, test } from "vitest";
import { parseDocument } from "../../../src/core/definition/schema.ts";

const wait = { kind: "wait", for: { duration: 1 } };
const action = { kind: "action", action: "log" };
const base = { format: 1, name: "w", nodes: { a: wait }, edges: [] };
const withNode = (node: object): object => ({ ...base, nodes: { a: node } });
const withSchedule = (fields: object): object =>
  withNode({ kind: "trigger", source: { type: "schedule", ...fields } });

const brief = (value: unknown): readonly string[] =>
  parseDocument(value).problems.map(({ code, path }) => `${code} ${path.join(".")}`.trim());

describe("parseDocument", () => {
  test("a whole document, with every field, comes back as a copy", () => {
    const document = {
      format: 1,
      name: "shop/orders",
      description: "All",
      input: { type: "object", properties: { a: { type: "string" } } },
      labels: { team: "x" },
      retry: { immediate: 0, backoff: ["1s", 5] },
      timeout: "1m",
      deadline: "2d",
      onFailure: "compensate",
      nodes: {
        t: { kind: "trigger", source: { type: "event", name: "e", filter: "true" }, input: { a: "{{ x }}" } },
        h: { kind: "trigger", source: { type: "webhook", path: "p", signature: { scheme: "none" } } },
        s: { kind: "trigger", source: { type: "schedule", cron: "* * * * *", timeZone: "UTC" } },
        m: { kind: "trigger", source: { type: "manual" }, description: "by hand", join: "all" },
        a: {
          ...action,
          input: [1],
          credentials: ["c"],
          timeout: "1m",
          deadline: "1h",
          retry: {},
          lane: "slow",
          join: "settled",
          compensate: { action: "undo", input: { id: "{{ nodes.a.output }}" }, retry: {}, timeout: 5 },
        },
        c: { kind: "condition", cases: [{ outcome: "yes", if: "true" }] },
        w1: { ...wait, join: "first" },
        w0: { ...wait, join: { first: true, cancelOthers: true } },
        w2: { kind: "wait", for: { until: 5 } },
        w3: { kind: "wait", for: { signal: "s", timeout: "1d" }, onTimeout: "skip" },
        w4: { kind: "wait", for: { event: "e", match: "true", timeout: 1 }, onTimeout: "fail" },
      },
      edges: [{ from: "t", to: "a", on: "fired" }],
      output: null,
    };
    const parsed = parseDocument(document);
    expect(parsed.problems).toEqual([]);
    expect(parsed.document).toEqual(document);
    expect(parsed.document?.nodes).not.toBe(document.nodes);
    expect(Object.getPrototypeOf(parsed.document?.nodes)).toBeNull();
    expect(Object.getPrototypeOf(parsed.document?.labels)).toBeNull();
  });

  test("members that are undefined are absent", () => {
    expect(parseDocument({ ...base, description: undefined }).document).toEqual(base);
  });

  test.each<[string, unknown, readonly string[]]>([
    ["nothing", undefined, ["not_json"]],
    ["null", null, ["field_invalid"]],
    ["a list", [], ["field_invalid"]],
    ["a text", "{}", ["field_invalid"]],
    ["a function inside", withNode({ ...action, input: () => 1 }), ["not_json nodes.a.input"]],
    ["a date inside", withNode({ ...action, input: new Date(0) }), ["not_json nodes.a.input"]],
    ["an endless number", withNode({ ...action, input: Infinity }), ["not_json nodes.a.input"]],
    [
      "an empty object",
      {},
      ["field_missing format", "field_missing name", "field_missing nodes", "field_missing edges"],
    ],
    ["another format", { ...base, format: 2 }, ["format_unknown format"]],
    ["a bad name", { ...base, name: "a b" }, ["name_invalid name"]],
    ["a name that is a number", { ...base, name: 5 }, ["field_invalid name"]],
    ["an unknown field", { ...base, node: {} }, ["field_unknown node"]],
    ["a field of a later version", { ...base, idempotencyKey: "k" }, ["not_supported_yet idempotencyKey"]],
    ["a bad lane", { ...base, lane: "slow lane" }, ["name_invalid lane"]],
    ["a bad node id", { ...base, nodes: { "1a": wait } }, ["node_id_invalid nodes.1a"]],
    ["a reserved node id", { ...base, nodes: { constructor: wait } }, ["node_id_invalid nodes.constructor"]],
    ["a node that is a list", { ...base, nodes: { a: [] } }, ["field_invalid nodes.a"]],
    ["an unknown kind", withNode({ kind: "acton" }), ["kind_unknown nodes.a.kind"]],
    ["no kind", withNode({}), ["field_missing nodes.a.kind"]],
    ["a kind that is a number", withNode({ kind: 5 }), ["kind_unknown nodes.a.kind"]],
    [
      "an unknown source",
      withNode({ kind: "trigger", source: { type: "cron" } }),
      ["kind_unknown nodes.a.source.type"],
    ],
    ["a cron pattern that is none", withSchedule({ cron: "0 25 * * *" }), ["field_invalid nodes.a.source"]],
    ["a schedule that is never due", withSchedule({ cron: "0 0 31 2 *" }), ["field_invalid nodes.a.source"]],
    ["a date as a pattern", withSchedule({ cron: "2027-01-01T00:00:00" }), ["field_invalid nodes.a.source"]],
    ["a schedule without a time", withSchedule({}), ["field_invalid nodes.a.source"]],
    ["two times", withSchedule({ cron: "* * * * *", every: "5m" }), ["field_invalid nodes.a.source"]],
    ["no time zone", withSchedule({ cron: "* * * * *", timeZone: "X/Y" }), ["field_invalid nodes.a.source"]],
    ["a zone too many", withSchedule({ every: "5m", timeZone: "UTC" }), ["field_invalid nodes.a.source"]],
    ["a short interval", withSchedule({ every: "999ms" }), ["field_invalid nodes.a.source"]],
    [
      "an interval that is no duration",
      withSchedule({ every: "often" }),
      ["duration_invalid nodes.a.source.every"],
    ],
    ["a time without a zone", withSchedule({ at: "2027-01-01T00:00:00" }), ["field_invalid nodes.a.source"]],
    [
      "policies of schedules that are none",
      withSchedule({ every: "5m", overlap: "twice", catchUp: 1, catchUpWindow: "x", jitter: "25h" }),
      [
        "field_invalid nodes.a.source.overlap",
        "field_invalid nodes.a.source.catchUp",
        "duration_invalid nodes.a.source.catchUpWindow",
        "field_invalid nodes.a.source.jitter",
      ],
    ],
    [
      "jitter that is no duration",
      withSchedule({ every: "5m", jitter: "soon" }),
      ["duration_invalid nodes.a.source.jitter"],
    ],
    ["no action", withNode({ kind: "action" }), ["field_missing nodes.a.action"]],
    [
      "a list of items in braces of its own kind",
      withNode({ ...action, forEach: ["a"], concurrency: 0, onItemError: "stop" }),
      [
        "field_invalid nodes.a.forEach",
        "field_invalid nodes.a.concurrency",
        "field_invalid nodes.a.onItemError",
      ],
    ],
    [
      "an idempotency key",
      withNode({ ...action, idempotencyKey: 17 }),
      ["field_invalid nodes.a.idempotencyKey"],
    ],
    [
      "a compensation without an action",
      withNode({ ...action, compensate: { input: 1 } }),
      ["field_missing nodes.a.compensate.action"],
    ],
    [
      "a compensation with a lane",
      withNode({ ...action, compensate: { action: "b", lane: "slow" } }),
      ["field_unknown nodes.a.compensate.lane"],
    ],
    [
      "a compensation of a wait",
      withNode({ ...wait, compensate: { action: "b" } }),
      ["field_unknown nodes.a.compensate"],
    ],
    ["another way to take a failure", { ...base, onFailure: "stop" }, ["field_invalid onFailure"]],
    ["a deadline", withNode({ ...wait, deadline: "1d" }), ["field_unknown nodes.a.deadline"]],
    [
      "a join that is not first",
      withNode({ ...wait, join: { first: false } }),
      ["field_invalid nodes.a.join"],
    ],
    [
      "a join with an unknown field",
      withNode({ ...wait, join: { first: true, cancelOther: true } }),
      ["field_unknown nodes.a.join.cancelOther"],
    ],
    ["an unknown join", withNode({ ...wait, join: "some" }), ["field_invalid nodes.a.join"]],
    ["a bad duration", withNode({ ...action, timeout: "5 minutes" }), ["duration_invalid nodes.a.timeout"]],
    ["a negative duration", withNode({ ...action, timeout: -1 }), ["duration_invalid nodes.a.timeout"]],
    ["a duration of no type", withNode({ ...action, timeout: true }), ["field_invalid nodes.a.timeout"]],
    ["a bad lane", withNode({ ...action, lane: "a/b" }), ["name_invalid nodes.a.lane"]],
    [
      "too many attempts",
      withNode({ ...action, retry: { immediate: 11 } }),
      ["retry_invalid nodes.a.retry.immediate"],
    ],
    [
      "too many pauses",
      withNode({ ...action, retry: { backoff: Array(21).fill(1) } }),
      ["retry_invalid nodes.a.retry.backoff"],
    ],
    [
      "a bad pause",
      withNode({ ...action, retry: { backoff: ["1w"] } }),
      ["duration_invalid nodes.a.retry.backoff.0"],
    ],
    ["no cases", withNode({ kind: "condition", cases: [] }), ["field_invalid nodes.a.cases"]],
    [
      "a case without a name",
      withNode({ kind: "condition", cases: [{ if: "true" }] }),
      ["field_missing nodes.a.cases.0.outcome"],
    ],
    [
      "a bad outcome",
      withNode({ kind: "condition", cases: [{ outcome: "1", if: "true" }] }),
      ["name_invalid nodes.a.cases.0.outcome"],
    ],
    ["a wait for nothing", withNode({ kind: "wait", for: {} }), ["field_invalid nodes.a.for"]],
    [
      "a wait for two things",
      withNode({ kind: "wait", for: { duration: 1, signal: "s" } }),
      ["field_invalid nodes.a.for"],
    ],
    [
      "a match without an event",
      withNode({ kind: "wait", for: { signal: "s", match: "true" } }),
      ["field_invalid nodes.a.for"],
    ],
    [
      "a timeout of time",
      withNode({ kind: "wait", for: { duration: 1, timeout: 1 } }),
      ["field_invalid nodes.a.for"],
    ],
    [
      "an edge with too much",
      { ...base, edges: [{ from: "a", to: "a", if: "x" }] },
      ["field_unknown edges.0.if"],
    ],
    ["a label with a bad name", { ...base, labels: { "a b": "x" } }, ["name_invalid labels.a b"]],
    ["a label that is too long", { ...base, labels: { a: "x".repeat(257) } }, ["field_invalid labels.a"]],
    ["a bad schema", { ...base, input: { type: "strin" } }, ["schema_invalid input.type"]],
    ["a schema that is a list", { ...base, input: [] }, ["field_invalid input"]],
  ])("%s", (_, value, problems) => {
    expect(brief(value)).toEqual(problems);
    expect(parseDocument(value).document).toBeNull();
  });

  test("all problems of a document at once, each with a sentence of what to do", () => {
    const { problems } = parseDocument({
      format: 1,
      name: "",
      nodes: { "a b": { kind: "action", actoin: "x", timeout: "1" } },
      edges: [{ from: 1 }],
    });
    expect(problems.map(({ code }) => code).sort()).toEqual([
      "duration_invalid",
      "field_invalid",
      "field_missing",
      "field_missing",
      "field_unknown",
      "name_invalid",
      "node_id_invalid",
    ]);
    for (const { message, next } of problems) {
      expect(message).toMatch(/\.$/);
      expect(next).toMatch(/[.?]$/);
    }
    expect(problems.find(({ code }) => code === "field_unknown")?.next).toContain('Did you mean "action"?');
  });

  test("a mistyped kind gets a suggestion, a long value is cut", () => {
    const [kind] = parseDocument(withNode({ kind: "acton" })).problems;
    expect(kind?.next).toBe('Use trigger, action, condition, wait. Did you mean "action"?');
    const [long] = parseDocument({ ...base, edges: "x".repeat(500) }).problems;
    expect(long?.message.length).toBeLessThan(150);
  });
});

describe("hostile documents", () => {
  test("__proto__ as a node id, and anywhere else", () => {
    const text = `{"format":1,"name":"w","nodes":{"__proto__":${JSON.stringify(wait)}},"edges":[]}`;
    expect(brief(JSON.parse(text))).toEqual(["node_id_invalid nodes.__proto__"]);
    const deeper: unknown = JSON.parse(
      '{"__proto__":{},"format":1,"name":"w","nodes":{"a":{"kind":"action","action":"x","input":[{"__proto__":1}]}},"edges":[]}',
    );
    expect(brief(deeper)).toEqual(["key_forbidden __proto__", "key_forbidden nodes.a.input.0.__proto__"]);
    expect(({} as { kind?: unknown }).kind).toBeUndefined();
  });

  test("200 levels of nesting, and a value that holds itself", () => {
    let deep: unknown = 1;
    for (let level = 0; level < 200; level++) deep = { deep };
    expect(brief(withNode({ ...action, input: deep }))[0]).toMatch(/^limit_depth nodes\.a\.input\.deep/);
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(brief(circle)[0]).toMatch(/^limit_depth self\.self/);
  });

  test("10 MB, in one text or in many", () => {
    expect(brief({ ...base, description: "x".repeat(10_000_000) })).toEqual(["limit_size"]);
    const part = Array.from({ length: 1_000 }, () => "x".repeat(100));
    expect(brief(withNode({ ...action, input: Array(100).fill(part) }))).toEqual(["limit_size"]);
  });

  test("too many nodes and edges; the limits can be changed", () => {
    const nodes = Object.fromEntries(Array.from({ length: 10_001 }, (_, n) => [`n${n}`, wait]));
    expect(brief({ ...base, nodes })).toEqual(["limit_nodes nodes"]);
    const edges = Array(100_001).fill(null);
    expect(brief({ ...base, edges })).toEqual(["limit_edges edges"]);
    expect(parseDocument(base, { maxNodes: 0 }).problems[0]?.code).toBe("limit_nodes");
    expect(parseDocument(base, { maxDepth: 1 }).problems[0]?.code).toBe("limit_depth");
  });

  test("getters that throw, at once or later, and proxies that throw always", () => {
    const thrower = {
      get format(): never {
        throw new Error("mine");
      },
    };
    expect(brief(thrower)).toEqual(["not_json"]);
    let looks = 0;
    const late = {
      ...base,
      get labels(): object {
        if (looks++ > 0) throw new Error("later");
        return {};
      },
    };
    expect(parseDocument(late).problems[0]?.message).toContain("later");
    const refuse = (): never => {
      throw new Error("never");
    };
    expect(brief(new Proxy({}, { getPrototypeOf: refuse, ownKeys: refuse }))).toEqual(["not_json"]);
  });

  test("huge numbers", () => {
    expect(brief(withNode({ ...action, timeout: 1e308 }))).toEqual(["duration_invalid nodes.a.timeout"]);
    expect(brief(withNode({ ...action, timeout: "999999999999999d" }))).toEqual([
      "duration_invalid nodes.a.timeout",
    ]);
    expect(brief({ ...base, format: 1e308 })).toEqual(["format_unknown format"]);
    expect(brief(withNode({ ...action, retry: { immediate: Number.MAX_SAFE_INTEGER } }))).toEqual([
      "retry_invalid nodes.a.retry.immediate",
    ]);
  });

  test("half a template is a matter of meaning and not of shape", () => {
    expect(brief(withNode({ ...action, input: "{{ half" }))).toEqual([]);
  });
});
