/** The option `queues`: which queues of the host's own `queue.add` and `ctx.addJob` may add jobs to, and where these are. */
import { z } from "zod";
import { FlowForgeError } from "../core/errors.ts";
import type { RedisConnection } from "../redis/servers.ts";

/** Who wants to add a job. */
export interface QueueRequest {
  readonly queue: string;
  readonly workspace: string;
  readonly workflow: string;
  readonly runId: string;
  readonly node: string;
}

export interface QueueOptions {
  /**
   * Names of the queues to which every workspace may add jobs of whatever name and data; or a function that decides, where workspaces
   * differ. What it throws fails the attempt. A worker tells such jobs by their ids, which begin with `flowforge-`.
   */
  readonly allow: readonly string[] | ((request: QueueRequest) => boolean | Promise<boolean>);
  /** On Redis: `prefix` of the host's `Queue` and `Worker`. Never that of the engine. Default `bull`, as BullMQ's. */
  readonly prefix?: string;
  /** On PostgreSQL: `schema` of the host's `Queue` and `Worker`, which the host migrates. Default `bullmq`, as BullMQ's. */
  readonly schema?: string;
  /** The Redis of these queues; a client that is passed in is copied and never closed. Default: the engine's, or else its PostgreSQL. */
  readonly redis?: RedisConnection;
}

export interface QueueRules {
  readonly allow: (request: QueueRequest) => boolean | Promise<boolean>;
  /** `null`: on PostgreSQL. */
  readonly redis: RedisConnection | null;
  readonly prefix: string;
  readonly schema: string;
}

const queueName = z.string().regex(/^[^:\p{Cc}]{1,200}$/u, "names of queues, without a colon");
const allowing = z.union(
  [z.array(queueName), z.custom<(request: QueueRequest) => boolean>((value) => typeof value === "function")],
  "a list of names of queues, or a function",
);

export const queuesSchema: z.ZodObject = z.strictObject({
  allow: allowing,
  prefix: z
    .string()
    .regex(/^[^\p{Cc}]{1,200}$/u, "1 to 200 characters without control characters")
    .optional(),
  schema: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_$]{0,62}$/, "the name of a schema")
    .optional(),
  redis: z.union([z.string().min(1), z.looseObject({})]).optional(),
});

/** The engine's own places, in which nobody else may write. */
export interface OwnPlaces {
  readonly redis: QueueRules["redis"];
  readonly queuePrefix: string;
  readonly schema: string;
}

/** Throws `option_invalid`. */
export function parseQueues(options: QueueOptions | undefined, own: OwnPlaces): QueueRules | null {
  if (!options) return null;
  const { allow, prefix = "bull", schema = "bullmq" } = options;
  const redis = options.redis ?? own.redis;
  if (redis === null && options.prefix !== undefined)
    throw wrong("prefix", "schema, as these queues are in PostgreSQL", "Name their schema, or their Redis.");
  if (redis !== null && options.schema !== undefined)
    throw wrong("schema", "prefix, as these queues are in Redis", "Name their prefix.");
  if (redis !== null && `${prefix}:`.startsWith(`${own.queuePrefix}:`))
    throw wrong(
      "prefix",
      "another prefix than that of the engine's own queues",
      "Give them one of their own.",
    );
  if (redis === null && [`${own.queuePrefix}_queue`, own.schema].includes(schema))
    throw wrong("schema", "another schema than those of the engine", "Give them one of their own.");
  const names = typeof allow === "function" ? null : new Set(allow);
  return {
    allow: typeof allow === "function" ? allow : ({ queue }) => names!.has(queue),
    redis,
    prefix,
    schema,
  };
}

function wrong(option: "prefix" | "schema", expected: string, next: string): FlowForgeError {
  return new FlowForgeError("option_invalid", { subject: `option "queues.${option}"`, expected, next });
}
