/** FlowForge: durable workflows inside your Node.js service. This file is the public surface and nothing else. */
export {
  type Action,
  type ActionContext,
  type GrantedCredential,
  type ActionDefinition,
  type ActionSettings,
  type AnyInput,
  type AnyOutput,
  defineAction,
  type EffectKind,
  type FailureMeaning,
  type HarmlessEffect,
  type IdempotentEffect,
  type RunCode,
  type Verification,
} from "./core/definition/action.ts";
export type { OutboundFetch } from "./core/definition/outbound.ts";
export type { AddJob, JobRequest, PublishedEvent, PublishEvent } from "./core/definition/outgoing.ts";
export type { CollectedItem } from "./core/definition/builder-map-types.ts";
export type {
  ActionNode,
  ActionOptions,
  Arrival,
  ConditionNode,
  MapNode,
  MapOptions,
  MessageWaitNode,
  NodeOptions,
  TimeWaitNode,
  TriggerNode,
  WorkflowBuilder,
} from "./core/definition/builder-types.ts";
export type {
  Duration,
  EdgeDocument,
  JoinDocument,
  NodeDocument,
  ConcurrencyDocument,
  OnLimit,
  PollSource,
  RetryDocument,
  ScheduleSource,
  WorkflowDocument,
} from "./core/definition/document.ts";
export type {
  AnyTemplate,
  Expression,
  LooseRef,
  Ref,
  Templated,
  Text,
  Yields,
} from "./core/definition/reference-types.ts";
export type { ConcurrencyOptions } from "./core/definition/concurrency.ts";
export { defineWorkflow, type Workflow, type WorkflowDefinition } from "./core/definition/workflow.ts";
export { ERROR_CODES, type ErrorCode, FlowForgeError } from "./core/errors.ts";
export { DefinitionError } from "./core/graph/definition-error.ts";
export { HINT_CODES, type Issue, ISSUE_CODES, type IssueCode } from "./core/graph/issues.ts";
export type { ActionCatalogue } from "./core/graph/actions.ts";
export type { ValidationLimits } from "./core/graph/limits.ts";
export { validateWorkflow, type ValidationResult } from "./core/graph/validate.ts";
export type { Json, JsonObject } from "./core/json.ts";
export type { Logger } from "./core/ports/logger.ts";
export type { ItemRefusal } from "./core/ports/polls.ts";
export type { ScheduledStart } from "./core/ports/schedules.ts";
export type { LogLevel } from "./core/ports/logs.ts";
export type { SqlTransaction } from "./core/ports/transactions.ts";
export type { DeadLetter, DeadLetterGroup } from "./core/ports/dead-letter.ts";
export type {
  AttemptRecord,
  ListedWorkflow,
  NodeRunDetail,
  Page,
  RunDetail,
  WorkflowVersion,
} from "./core/ports/store.ts";
export type { RunHeader } from "./core/ports/stored-run.ts";
export { NotYet, PermanentError, RetryableError } from "./core/run/failures.ts";
export type { NodeStatus, RunStatus } from "./core/run/state.ts";
export type { Approval, ApprovalLinkOptions, ApprovalsApi } from "./engine/approvals.ts";
export type {
  CancelOptions,
  InWorkspace,
  ListOptions,
  MapItemsOptions,
  MapItemStatus,
  RerunOptions,
  RunQuery,
  SignalOrStartOptions,
  StartOptions,
} from "./engine/call-options.ts";
export { createEngine } from "./engine/create-engine.ts";
export type {
  BulkCompleteOptions,
  BulkRedriveOptions,
  CompleteOptions,
  DeadLetterListOptions,
  DeadLetterQuery,
  PreviewOptions,
  RedriveOptions,
  ResolveOptions,
} from "./engine/dead-letter-options.ts";
export type { BreakerOf, BreakersApi, BreakerSummary, ListBreakersOptions } from "./engine/breakers.ts";
export type { BreakerGroup, BreakerOptions, BreakerSettings } from "./engine/breaker-options.ts";
export type { BulkResult } from "./engine/bulk-result.ts";
export type {
  AuditApi,
  AuditEntry,
  AuditFacts,
  AuditNote,
  AuditSettings,
  ListAuditOptions,
} from "./engine/audit.ts";
export type { AuditOutcome, AuditRecord } from "./core/ports/audit.ts";
export type { ListStuckOptions, StuckRuns, StuckSettings } from "./engine/stuck.ts";
export type { KnownStuckRun, StuckRun } from "./core/ports/stuck.ts";
export type { StuckReason } from "./core/stuck/judge.ts";
export type { Alert, AlertKind } from "./core/alert/alert.ts";
export type { MissedTicks } from "./worker/ticks.ts";
export type { DeadLettersApi } from "./engine/dead-letters.ts";
export type { MovePreview } from "./engine/version-moves.ts";
export type {
  MoveRefusal,
  MoveRefusalCode,
  NodeFate,
  NodeMove,
  VersionMove,
} from "./core/run/version-move.ts";
export type { Engine, EngineStartOptions } from "./engine/engine.ts";
export type { EventsApi, ListEventsOptions, Published, WorkspaceEvent } from "./engine/events.ts";
export type { EventRefusal } from "./core/ports/events.ts";
export type { EngineEventMap, EngineEventName } from "./engine/engine-events.ts";
export type { FeedMessage, FollowOptions } from "./engine/follow.ts";
export type { FeedEvent, FeedEventType } from "./core/ports/feed.ts";
export type { Health, HealthCheck } from "./engine/health.ts";
export type { EngineOptions, LogsSettings, WorkerSettings } from "./engine/options.ts";
export type { MapItems, MapProgress } from "./engine/map-items.ts";
export type { RetentionOptions, RetentionTimes, WorkspaceRetention } from "./engine/retention.ts";
export type { MessageOptions, PublishOptions } from "./engine/message-options.ts";
export type { QueueOptions, QueueRequest } from "./engine/queue-options.ts";
export type { RedisClusterOptions, RedisConnection } from "./redis/servers.ts";
export { RunCancelledError, RunExpiredError, RunFailedError, type RunFailure } from "./engine/run-errors.ts";
export type { RunLogLine, RunLogsOptions } from "./engine/run-logs.ts";
export { consoleLogger, type ConsoleLoggerOptions } from "./observability/console-logger.ts";
export type { RunHandle, RunLook, RunLookOptions, RunMove } from "./engine/run-handle.ts";
export type {
  BackfillOptions,
  ListSchedulesOptions,
  NamedScheduleOf,
  ScheduleOf,
  SetScheduleOptions,
} from "./engine/schedule-options.ts";
export type { ListPollsOptions, Poll, PollOf, PollsApi } from "./engine/polls.ts";
export type { Schedule, SchedulesApi } from "./engine/schedules.ts";
export type {
  IncomingWebhook,
  ListDeliveriesOptions,
  ListWebhooksOptions,
  WebhookDelivery,
  WebhookEndpoint,
  WebhooksApi,
} from "./engine/webhooks.ts";
export type { WebhookAnswer } from "./engine/webhook-answers.ts";
export type {
  LaneDepth,
  NodeStats,
  OldestWork,
  Stats,
  StatsNow,
  StatsOptions,
  StatsStep,
  WorkflowStats,
  WorkflowStatsOptions,
} from "./engine/stats.ts";
export type { QueueUser } from "./core/statistics/queue-users.ts";
export type { WorkersApi } from "./engine/workers.ts";
export type { DepthSample, WorkerRecord } from "./core/ports/statistics.ts";
export type { AttemptRates, Durations, Rates, RunRates } from "./core/statistics/rates.ts";
export type { RunsApi } from "./engine/runs.ts";
export type {
  CallerTransaction,
  KyselyTransaction,
  TransactionClient,
} from "./postgres/caller-transaction.ts";
export type {
  DeleteWorkspaceOptions,
  LimitsSummary,
  ListWorkspacesOptions,
  WorkspacesApi,
  WorkspaceSummary,
} from "./engine/workspaces.ts";
export type { WorkspaceCounts } from "./core/ports/workspaces.ts";
export { type Quota, QuotaExceededError } from "./core/limits/quota-error.ts";
export type { LimitsInForce, Rate, RateLimit, WorkspaceLimits } from "./core/limits/workspace-limits.ts";
export type { SetLimits } from "./core/limits/limits-schema.ts";
export type { WorkspacesOptions } from "./engine/workspace-limits.ts";
export type { WorkflowsApi } from "./engine/workflows.ts";
export type { SandboxOptions } from "./security/sandbox/limits.ts";
export type { OutboundOptions } from "./security/outbound/rules.ts";
