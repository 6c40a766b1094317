/**
 * The zod schema of the document: which fields there are, and of what form. What the fields mean together (graph, outcomes,
 * expressions) is not decided here. `parseDocument` beside this file turns what zod finds into problems with a code.
 */
import { z, type ZodType } from "zod";
import { MAX_JITTER_MS, MIN_EVERY_MS, timingProblem } from "../schedule/timing.ts";
import { DURATION_EXPECTED, parseDuration, tryParseDuration } from "./duration.ts";
import type { Duration } from "./document.ts";
import { isStorable } from "../storable.ts";
import { ACTION_NAME, fits, LABEL, LANE, NAME, type NameRule, OUTCOME } from "./names.ts";
import type { ShapeCode } from "./problems.ts";
import { RETRY_LIMITS } from "./retry.ts";
import { signatureProblems } from "./webhook-signature.ts";

const MAX_DESCRIPTION = 10_000;
const MAX_LABEL_VALUE = 256;

/** What `params` of zod's custom issues hold. */
export interface RuleParams {
  readonly code: ShapeCode;
  readonly next: string;
}

/** An object of the document with a closed list of fields. */
export interface Place {
  readonly name: string;
  readonly fields: readonly string[];
  /** Fields of the format that this version does not support. */
  readonly later: readonly string[];
}

const PLACES = new Map<string, Place>();

/** The place that a message of zod about unknown fields names. */
export function placeOf(message: string): Place | undefined {
  return PLACES.get(message);
}

function place<Shape extends z.ZodRawShape>(name: string, shape: Shape, later: readonly string[] = []) {
  // Zod hands on no more than a message, so the message is the key to the rest.
  const marker = `fields of ${name}`;
  PLACES.set(marker, { name, fields: Object.keys(shape), later });
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? marker : undefined),
  });
}

interface Rule<T> {
  readonly code: ShapeCode;
  readonly test: (value: T) => boolean;
  readonly message: (value: T) => string;
  readonly next: string;
}

function ruled<T>(schema: ZodType<T>, rule: Rule<T>): ZodType<T> {
  return schema.check((context) => {
    const { value } = context;
    if (rule.test(value)) return;
    const params: RuleParams = { code: rule.code, next: rule.next };
    context.issues.push({ code: "custom", params, message: rule.message(value), input: value });
  });
}

function named(what: string, rule: NameRule): ZodType<string> {
  return ruled(z.string(), {
    code: "name_invalid",
    test: (value) => fits(rule, value),
    message: (value) => `${JSON.stringify(value.slice(0, 80))} cannot be the name of ${what}.`,
    next: `Use ${rule.words}.`,
  });
}

const duration: ZodType<Duration> = ruled(z.union([z.string(), z.number()]), {
  code: "duration_invalid",
  test: (value) => tryParseDuration(value) !== null,
  message: (value) =>
    `${JSON.stringify(typeof value === "string" ? value.slice(0, 80) : value)} is not a duration.`,
  next: `Write it as ${DURATION_EXPECTED}.`,
});

const text = z.string().min(1);
const description = z.string().max(MAX_DESCRIPTION).exactOptional();
// Any JSON value: that it is one was checked before.
const template = z.unknown().exactOptional();

const immediate = ruled(z.number(), {
  code: "retry_invalid",
  test: (value) => Number.isInteger(value) && value >= 0 && value <= RETRY_LIMITS.maxImmediate,
  message: (value) => `${value} attempts at once are not possible.`,
  next: `Use a whole number from 0 to ${RETRY_LIMITS.maxImmediate}.`,
});

const backoff = ruled(z.array(duration), {
  code: "retry_invalid",
  test: (value) => value.length <= RETRY_LIMITS.maxBackoff,
  message: (value) => `The list has ${value.length} pauses; at most ${RETRY_LIMITS.maxBackoff} are allowed.`,
  next: "Use fewer attempts with longer pauses.",
});

const retry = place("a retry policy", {
  immediate: immediate.exactOptional(),
  backoff: backoff.exactOptional(),
}).exactOptional();

const MAX_CONCURRENCY = 10_000;

const concurrency = ruled(z.number(), {
  code: "field_invalid",
  test: (value) => Number.isInteger(value) && value >= 1 && value <= MAX_CONCURRENCY,
  message: (value) => `${value} items cannot run at once.`,
  next: `Use a whole number from 1 to ${MAX_CONCURRENCY}.`,
});

/** A start looks at every place that there is. */
const MAX_RUNS = 1_000;

const runLimit = ruled(z.number(), {
  code: "field_invalid",
  test: (value) => Number.isInteger(value) && value >= 1 && value <= MAX_RUNS,
  message: (value) => `${value} runs cannot be the limit.`,
  next: `Use a whole number from 1 to ${MAX_RUNS}.`,
});

const runConcurrency = place("a workflow's concurrency", {
  key: text.exactOptional(),
  limit: runLimit,
  onLimit: z.enum(["queue", "cancelOldest", "reject"]).exactOptional(),
});

const join = z
  .union(
    [
      z.enum(["settled", "all", "first"]),
      place("a join", { first: z.literal(true), cancelOthers: z.boolean().exactOptional() }),
    ],
    { error: 'Use "settled", "all", "first" or { first: true, cancelOthers: true }' },
  )
  .exactOptional();

const LATER_OF_NODES = ["labels"];

const TIMING_NEXT =
  'Use { cron: "0 9 * * 1-5", timeZone: "Europe/Berlin" }, { every: "15m" } or { at: "2027-03-01T09:00:00Z" }.';

const jitter: ZodType<Duration> = ruled(duration, {
  code: "field_invalid",
  // What is no duration has been refused by then.
  test: (value) => parseDuration(value, "jitter") <= MAX_JITTER_MS,
  message: (value) => `${JSON.stringify(value)} is too much jitter.`,
  next: "Use at most a day.",
});

const scheduleFields = place("a schedule source", {
  type: z.literal("schedule"),
  cron: text.exactOptional(),
  timeZone: text.exactOptional(),
  every: duration.exactOptional(),
  at: text.exactOptional(),
  overlap: z.enum(["allow", "skip", "queue", "cancelPrevious"]).exactOptional(),
  catchUp: z.enum(["none", "one", "all"]).exactOptional(),
  catchUpWindow: duration.exactOptional(),
  jitter: jitter.exactOptional(),
});

// Not `ruled`: a discriminated union takes objects only.
const scheduleSource = scheduleFields.check((context) => {
  const message = timingProblem(context.value);
  if (message === null) return;
  const params: RuleParams = { code: "field_invalid", next: TIMING_NEXT };
  context.issues.push({ code: "custom", params, message, input: context.value });
});

const interval: ZodType<Duration> = ruled(duration, {
  code: "field_invalid",
  test: (value) => (tryParseDuration(value) ?? MIN_EVERY_MS) >= MIN_EVERY_MS,
  message: (value) => `${JSON.stringify(value)} is too short an interval.`,
  next: "Use at least one second.",
});

const signature = z.looseObject({}).check((context) => {
  // The document keeps it as it is written; defaults are filled in when a delivery comes.
  for (const { code, path, message, next } of signatureProblems(context.value)) {
    const params: RuleParams = { code, next };
    context.issues.push({ code: "custom", params, message, path: [...path], input: context.value });
  }
});

const sources = z.discriminatedUnion("type", [
  place("a manual source", { type: z.literal("manual") }),
  place("a webhook source", {
    type: z.literal("webhook"),
    path: named("a webhook path", NAME),
    signature: signature.exactOptional(),
    respond: z.enum(["accepted", "result"]).exactOptional(),
    timeout: duration.exactOptional(),
    overQuota: z.enum(["refuse", "delay"]).exactOptional(),
  }),
  scheduleSource,
  place("a poll source", {
    type: z.literal("poll"),
    action: named("an action", ACTION_NAME),
    input: z.record(z.string(), z.unknown()).exactOptional(),
    every: interval,
    credentials: z.array(text).exactOptional(),
    first: z.enum(["now", "all"]).exactOptional(),
    timeout: duration.exactOptional(),
  }),
  place("an event source", {
    type: z.literal("event"),
    name: named("an event", NAME),
    filter: text.exactOptional(),
  }),
]);

// Sources are searched and compared where they are stored.
const source = ruled(sources, {
  code: "field_invalid",
  test: isStorable,
  message: () => "A text in the source holds NUL or half of a character.",
  next: "Write it without such characters.",
});

const trigger = place(
  "a trigger",
  { kind: z.literal("trigger"), description, join, source: source.exactOptional(), input: template },
  LATER_OF_NODES,
);

const action = place(
  "an action",
  {
    kind: z.literal("action"),
    description,
    join,
    action: named("an action", ACTION_NAME),
    input: template,
    credentials: z.array(text).exactOptional(),
    timeout: duration.exactOptional(),
    deadline: duration.exactOptional(),
    retry,
    lane: named("a lane", LANE).exactOptional(),
    idempotencyKey: text.exactOptional(),
    forEach: text.exactOptional(),
    concurrency: concurrency.exactOptional(),
    onItemError: z.enum(["fail", "collect"]).exactOptional(),
    compensate: place("a compensation", {
      action: named("an action", ACTION_NAME),
      input: template,
      retry,
      timeout: duration.exactOptional(),
    }).exactOptional(),
  },
  LATER_OF_NODES,
);

const condition = place(
  "a condition",
  {
    kind: z.literal("condition"),
    description,
    join,
    cases: z.array(place("a case", { outcome: named("an outcome", OUTCOME), if: text })).min(1),
  },
  LATER_OF_NODES,
);

const WAIT_TYPES = ["duration", "until", "signal", "event"] as const;

const waitFor = ruled(
  place("what a wait is for", {
    duration: duration.exactOptional(),
    until: z.union([text, z.number()]).exactOptional(),
    signal: named("a signal", NAME).exactOptional(),
    event: named("an event", NAME).exactOptional(),
    match: text.exactOptional(),
    timeout: duration.exactOptional(),
  }),
  {
    code: "field_invalid",
    test: (value) =>
      WAIT_TYPES.filter((type) => value[type] !== undefined).length === 1 &&
      (value.match === undefined || value.event !== undefined) &&
      (value.timeout === undefined || value.signal !== undefined || value.event !== undefined),
    message: () => "A wait is for exactly one thing, and this is none or a mixture.",
    next: "Use { duration }, { until }, { signal, timeout? } or { event, match?, timeout? }.",
  },
);

const wait = place(
  "a wait",
  {
    kind: z.literal("wait"),
    description,
    join,
    for: waitFor,
    onTimeout: z.enum(["fail", "skip"]).exactOptional(),
  },
  LATER_OF_NODES,
);

const edge = place("an edge", {
  from: z.string(),
  to: z.string(),
  on: named("an outcome", OUTCOME).exactOptional(),
});

const labels = z.record(named("a label", LABEL), z.string().max(MAX_LABEL_VALUE)).exactOptional();

/**
 * The shape of a document. Use `parseDocument` to check one: this schema alone does not look at size, depth, ids of nodes, keys
 * such as `__proto__` (zod drops them in silence) and the JSON Schema in `input`.
 */
export const documentSchema: ZodType<object> = place(
  "a workflow",
  {
    format: z.literal(1),
    name: named("a workflow", NAME),
    description,
    input: z.looseObject({}).exactOptional(),
    nodes: z.record(z.string(), z.discriminatedUnion("kind", [trigger, action, condition, wait])),
    edges: z.array(edge),
    output: template,
    labels,
    retry,
    timeout: duration.exactOptional(),
    deadline: duration.exactOptional(),
    onFailure: z.literal("compensate").exactOptional(),
    concurrency: runConcurrency.exactOptional(),
    lane: named("a lane", LANE).exactOptional(),
  },
  ["idempotencyKey"],
);
