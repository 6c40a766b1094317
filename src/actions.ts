/** `flowforge/actions`: actions that come with FlowForge. */
import type { Action } from "./core/definition/action.ts";
import { codeRun } from "./actions/code-run.ts";
import { emailSend } from "./actions/email-send.ts";
import { eventPublish } from "./actions/event-publish.ts";
import { httpRequest } from "./actions/http-request.ts";
import { log } from "./actions/log.ts";
import { queueAdd } from "./actions/queue-add.ts";
import { sqlQuery } from "./actions/sql-query.ts";
import { transform } from "./actions/transform.ts";
import { webhookDeliver } from "./actions/webhook-deliver.ts";

export { type CodeRun, codeRun } from "./actions/code-run.ts";
export { emailSend } from "./actions/email-send.ts";
export { type EventToPublish, eventPublish } from "./actions/event-publish.ts";
export type { Email, EmailAttachment, Mailbox, SentEmail } from "./actions/email-types.ts";
export {
  type FormValue,
  type HttpAuth,
  type HttpPages,
  type HttpRequest,
  type HttpResponse,
  HttpStatusError,
  httpRequest,
} from "./actions/http-request.ts";
export { log } from "./actions/log.ts";
export { type AddedJob, queueAdd } from "./actions/queue-add.ts";
export type { QueuedJob } from "./actions/job-request.ts";
export { sqlQuery } from "./actions/sql-query.ts";
export type { SqlQuery, SqlResult } from "./actions/sql-types.ts";
export { transform } from "./actions/transform.ts";
export { type WorkflowRun, workflowRun } from "./actions/workflow-run.ts";
export { type DeliveredWebhook, type WebhookDelivery, webhookDeliver } from "./actions/webhook-deliver.ts";

/** All of them, for `createEngine({ actions: builtInActions })`. */
export const builtInActions: readonly Action[] = [
  codeRun,
  emailSend,
  eventPublish,
  httpRequest,
  log,
  queueAdd,
  sqlQuery,
  transform,
  webhookDeliver,
];
