/** The engine's options: what a host may pass, and the same parsed once into a type without `?`. */
import type { Pool, PoolConfig } from "pg";
import { z } from "zod";
import type { Action } from "../core/definition/action.ts";
import type { Duration, RetryDocument } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import { parseRetry, type RetryPolicy } from "../core/definition/retry.ts";
import type { Workflow } from "../core/definition/workflow.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { KeptLogs } from "../observability/attempt-logs.ts";
import type { RedisConnection } from "../redis/servers.ts";
import {
  type OutboundOptions,
  type OutboundRules,
  outboundSchema,
  parseOutbound,
} from "../security/outbound/rules.ts";
import {
  parseSandbox,
  type SandboxOptions,
  type SandboxRules,
  sandboxSchema,
} from "../security/sandbox/limits.ts";
import { type EncryptionKeys, type KeyService, parseEncryption } from "../security/vault/key-service.ts";
import type { CredentialRequest } from "../worker/grants.ts";
import { type AuditRules, auditSchema, type AuditSettings, parseAudit } from "./audit.ts";
import type { BreakerRules } from "../worker/breakers/breaker-uses.ts";
import { type BreakerOptions, breakersSchema, parseBreakers } from "./breaker-options.ts";
import { checkOptions } from "./check-options.ts";
import { parseQueues, type QueueOptions, type QueueRules, queuesSchema } from "./queue-options.ts";
import { DEFAULT_LIMITS, type Limits } from "../core/values.ts";
import { parseRetention, type Retention, type RetentionOptions, retentionSchema } from "./retention.ts";
import { parseStuck, type StuckSettings, stuckSchema } from "./stuck.ts";
import { parseSigningKeys } from "./signing.ts";
import { silentLogger } from "./silent-logger.ts";
import {
  parseWorkspaces,
  type WorkspaceRules,
  type WorkspacesOptions,
  workspacesSchema,
} from "./workspace-limits.ts";

export interface WorkerSettings {
  /** Actions that run at once in this process. 1 to 10,000. Default 50. */
  readonly concurrency?: number;
  /** Lanes whose nodes this process takes. Default `["default"]`. */
  readonly lanes?: readonly string[];
  /** Whether a worker goes on with the next node by itself. `false` sends every node through the queue. Default true. */
  readonly inline?: boolean;
  /** How long `stop` lets running actions end. Default 30s. */
  readonly shutdownTimeout?: Duration;
  /** Without a heartbeat for this long a worker counts as dead and its node runs are taken over. At least 500ms. Default 10s. */
  readonly lease?: Duration;
}

export interface EngineOptions {
  /**
   * PostgreSQL 15 or newer: a connection string or pool settings (the engine opens and closes its own connections), or a
   * `Pool` of yours (borrowed, never closed). None: a private server that the engine starts itself.
   */
  readonly postgres?: string | PoolConfig | Pool;
  /**
   * Redis or Valkey for the queue: a URL, options as ioredis takes them (`sentinels` and `name` among them), `{ nodes, options }` for a
   * Redis Cluster, or a `Redis` or `Cluster` of yours (copied, never closed). None: the queue lives in PostgreSQL.
   */
  readonly redis?: RedisConnection;
  /** Only without `postgres`: where the private server keeps its data. None: a temporary folder that goes with the engine. */
  readonly dataDir?: string;
  /** PostgreSQL schema of FlowForge's tables. Default `flowforge`. */
  readonly schema?: string;
  /** Prefix of FlowForge's keys in Redis, and of its queue tables. Default `flowforge`. */
  readonly queuePrefix?: string;
  readonly workflows?: readonly Workflow[];
  readonly actions?: readonly Action[];
  readonly worker?: WorkerSettings;
  /** For nodes, actions and workflows that do not say. Default 2 immediate retries, then 1m, 5m, 30m. */
  readonly retry?: RetryDocument;
  readonly limits?: Partial<Limits>;
  /** What workspaces may use, where many share the engine. */
  readonly workspaces?: WorkspacesOptions;
  /**
   * Circuit breakers: where too many attempts fail, node runs are parked until it works again, instead of using up their attempts. `true`: for
   * targets and credentials, with the defaults. Default: none.
   */
  readonly breakers?: boolean | BreakerOptions;
  /** Runs that should move and do not: how long they may not, before they are reported. Default: 20s. */
  readonly stuck?: StuckSettings;
  /** How long runs at rest are kept. Default: 30 days, failed ones 90 days, those with open dead letters a year. */
  readonly retention?: RetentionOptions;
  /**
   * For `engine.approvals`: base64 of at least 32 random bytes, the same in every engine. A list: the first one signs, all of
   * them verify, so that a key can be replaced. None: no links.
   */
  readonly signingKey?: string | readonly string[];
  /**
   * Keys for `engine.credentials`: base64 of 32 random bytes each, by id, the same in every engine, and which of them is the current
   * one; or a key management service. None: nothing is stored as a credential.
   */
  readonly encryption?: EncryptionKeys | KeyService;
  /**
   * Credentials that the host keeps itself. Asked whenever an action asks for one that its node names; `null`: look among the stored ones.
   */
  readonly resolveCredential?: ResolveCredential;
  /** What `ctx.fetch` and the built-in actions may call. Default: every public address, and no other. */
  readonly http?: OutboundOptions;
  /** Limits of the code that `code.run` and `ctx.runCode` run. */
  readonly sandbox?: SandboxOptions;
  /**
   * BullMQ queues of the host's own, to which `queue.add` and `ctx.addJob` may add jobs. Default: to none, as whoever writes a workflow may
   * be a stranger.
   */
  readonly queues?: QueueOptions;
  /** Accepts a Redis that may evict keys. Its queue may then lose tasks, which the sweeper finds later. Default false. */
  readonly allowEviction?: boolean;
  /** Traces and metrics over `@opentelemetry/api`, which then has to be installed, to whatever SDK the host has set up. Default false. */
  readonly telemetry?: boolean;
  /** What is kept of the lines that actions write with `ctx.logger`, for `runs.logs`. */
  readonly logs?: LogsSettings;
  /** What people do: how long `engine.audit` keeps it, and what is not recorded. */
  readonly audit?: AuditSettings;
  /** pino, console or alike; `consoleLogger()` writes for people. Default: silent. */
  readonly logger?: Logger;
}

export interface LogsSettings {
  /** Of one attempt. 0: none are kept. At most 10,000. Default 200. */
  readonly lines?: number;
  /** Of one attempt: characters of messages and fields. Default 65,536. */
  readonly bytes?: number;
}

/** Credentials of the host's own. A rejection fails the attempt like any error that the action throws. */
export type ResolveCredential = (request: CredentialRequest) => Promise<{
  readonly fields: { readonly [field: string]: string };
  /** Default: any. */
  readonly allowHosts?: readonly string[] | null;
} | null>;

export interface ParsedOptions {
  readonly postgres: string | PoolConfig | Pool | null;
  readonly redis: RedisConnection | null;
  readonly dataDir: string | null;
  readonly schema: string;
  readonly queuePrefix: string;
  readonly workflows: readonly Workflow[];
  readonly actions: readonly Action[];
  readonly concurrency: number;
  readonly lanes: readonly string[];
  readonly inline: boolean;
  readonly shutdownMs: number;
  readonly leaseMs: number;
  readonly retry: Partial<RetryPolicy> | null;
  readonly limits: Limits;
  readonly workspaces: WorkspaceRules;
  /** `null`: none. */
  readonly breakers: BreakerRules | null;
  readonly retention: Retention;
  /** `null`: nobody looks for them. */
  readonly stuckAfterMs: number | null;
  readonly signingKeys: readonly Buffer[];
  readonly encryption: KeyService | null;
  readonly resolveCredential: ResolveCredential | null;
  readonly http: OutboundRules;
  readonly sandbox: SandboxRules;
  /** `null`: none is allowed. */
  readonly queues: QueueRules | null;
  readonly allowEviction: boolean;
  readonly telemetry: boolean;
  readonly keptLogs: KeptLogs;
  readonly audit: AuditRules;
  readonly logger: Logger;
}

const SHORTEST_LEASE_MS = 500;

const name = z.string().regex(/^[a-z_][a-z0-9_]{0,47}$/, "must be 1 to 48 lower-case letters, digits or _");
const connection = z.union([z.string().min(1), z.looseObject({})]);
/** A client has a function `nodes`. */
const redis = connection.refine(
  (given) =>
    typeof given === "string" ||
    !("nodes" in given) ||
    typeof given.nodes === "function" ||
    isListOfNodes(given.nodes),
  "the nodes of a cluster, at least one: addresses, ports or { host, port }",
);

function isListOfNodes(nodes: unknown): boolean {
  const node = z.union([z.string().min(1), z.int().min(1).max(65_535), z.looseObject({})]);
  return z.array(node).min(1).safeParse(nodes).success;
}
const duration = z.union([z.string(), z.number()]);
const method = z.custom((value) => typeof value === "function", "must be a function");
const kind = (expected: string, maker: string): z.ZodType =>
  z.custom(
    (value) => typeof value === "object" && value !== null && "kind" in value && value.kind === expected,
    `must come from ${maker}`,
  );

const workerSchema = z.strictObject({
  concurrency: z.int().min(1).max(10_000).optional(),
  lanes: z
    .array(z.string().regex(/^[A-Za-z0-9_-]{1,32}$/))
    .min(1)
    .optional(),
  inline: z.boolean().optional(),
  shutdownTimeout: duration.optional(),
  lease: duration.optional(),
});

const encryptionSchema = z.union(
  [
    z.strictObject({ keys: z.record(z.string().min(1).max(200), z.string()), current: z.string() }),
    z.looseObject({ current: z.string(), wrap: method, unwrap: method }),
  ],
  "{ keys, current } or a key service { current, wrap, unwrap }",
);

const limitsSchema = z.strictObject({
  maxBytes: z.int().min(1_024).optional(),
  maxDepth: z.int().min(1).max(256).optional(),
  runBytes: z.int().min(1_024).optional(),
  childDepth: z.int().min(1).max(100).optional(),
});

const logsSchema = z.strictObject({
  lines: z.int().min(0).max(10_000).optional(),
  bytes: z.int().min(1_024).max(10_485_760).optional(),
});

const schema = z.strictObject({
  postgres: connection.optional(),
  redis: redis.optional(),
  dataDir: z.string().min(1).optional(),
  schema: name.optional(),
  queuePrefix: name.optional(),
  workflows: z.array(kind("flowforge.workflow", "defineWorkflow()")).optional(),
  actions: z.array(kind("flowforge.action", "defineAction()")).optional(),
  worker: workerSchema.optional(),
  retry: z.unknown().optional(),
  limits: limitsSchema.optional(),
  workspaces: workspacesSchema.optional(),
  breakers: breakersSchema.optional(),
  retention: retentionSchema.optional(),
  stuck: stuckSchema.optional(),
  signingKey: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  encryption: encryptionSchema.optional(),
  resolveCredential: method.optional(),
  http: outboundSchema.optional(),
  sandbox: sandboxSchema.optional(),
  queues: queuesSchema.optional(),
  allowEviction: z.boolean().optional(),
  telemetry: z.boolean().optional(),
  logs: logsSchema.optional(),
  audit: auditSchema.optional(),
  logger: z.looseObject({ debug: method, info: method, warn: method, error: method }).optional(),
});

/** Throws `option_invalid` that names the option, what was expected and what came. */
export function parseOptions(options: EngineOptions): ParsedOptions {
  checkOptions(schema, options, "createEngine");
  if (options.postgres !== undefined && options.dataDir !== undefined) {
    throw new FlowForgeError("option_invalid", {
      subject: 'option "dataDir"',
      expected: "either postgres or dataDir",
      received: "both",
      next: "Leave dataDir out: it belongs to the private server that the engine starts when there is no postgres.",
    });
  }
  return withDefaults(options);
}

function withDefaults(options: EngineOptions): ParsedOptions {
  const worker = options.worker ?? {};
  const places = {
    redis: options.redis ?? null,
    schema: options.schema ?? "flowforge",
    queuePrefix: options.queuePrefix ?? "flowforge",
  };
  return {
    ...places,
    postgres: options.postgres ?? null,
    dataDir: options.dataDir ?? null,
    workflows: options.workflows ?? [],
    actions: options.actions ?? [],
    concurrency: worker.concurrency ?? 50,
    lanes: worker.lanes ?? ["default"],
    inline: worker.inline ?? true,
    shutdownMs: parseDuration(worker.shutdownTimeout ?? "30s", 'option "worker.shutdownTimeout"'),
    leaseMs: parseLease(worker.lease ?? "10s"),
    retry: options.retry === undefined ? null : parseRetry(options.retry),
    limits: parseLimits(options.limits),
    workspaces: parseWorkspaces(options.workspaces),
    breakers: parseBreakers(options.breakers),
    retention: parseRetention(options.retention),
    stuckAfterMs: parseStuck(options.stuck),
    signingKeys: parseSigningKeys(options.signingKey),
    encryption: options.encryption ? parseEncryption(options.encryption) : null,
    resolveCredential: options.resolveCredential ?? null,
    http: parseOutbound(options.http),
    sandbox: parseSandbox(options.sandbox),
    queues: parseQueues(options.queues, places),
    allowEviction: options.allowEviction ?? false,
    telemetry: options.telemetry ?? false,
    keptLogs: { lines: options.logs?.lines ?? 200, bytes: options.logs?.bytes ?? 65_536 },
    audit: parseAudit(options.audit),
    logger: options.logger ?? silentLogger,
  };
}

/** A run has room for its largest value. */
function parseLimits(options: EngineOptions["limits"]): Limits {
  const limits = { ...DEFAULT_LIMITS, ...options };
  if (limits.runBytes >= limits.maxBytes) return limits;
  throw new FlowForgeError("option_invalid", {
    subject: 'option "limits.runBytes"',
    expected: `at least limits.maxBytes, which is ${limits.maxBytes}`,
    received: String(limits.runBytes),
    next: "Lower limits.maxBytes, or raise limits.runBytes.",
  });
}

function parseLease(lease: Duration): number {
  const leaseMs = parseDuration(lease, 'option "worker.lease"');
  if (leaseMs >= SHORTEST_LEASE_MS) return leaseMs;
  throw new FlowForgeError("option_invalid", {
    subject: 'option "worker.lease"',
    expected: `at least ${SHORTEST_LEASE_MS} ms`,
    received: `${leaseMs} ms`,
    next: "Choose a longer lease: a worker that pauses for longer than it loses its node runs.",
  });
}
