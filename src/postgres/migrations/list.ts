/**
 * The migrations, in order. One file each; a file that has been released is never changed again.
 *
 * Invariants: versions are 1, 2, 3 ... without a gap; every migration is safe beside workers of the version before it
 * (expand first, contract a release later); nothing here runs longer than its locks may be held.
 */
import { runs } from "./0001-runs.ts";
import { workersAndWorkflows } from "./0002-workers-and-workflows.ts";
import { eventListeners } from "./0003-event-listeners.ts";
import { deadLetters } from "./0004-dead-letters.ts";
import { reruns } from "./0005-reruns.ts";
import { idempotencyKeys } from "./0006-idempotency-keys.ts";
import { compensation } from "./0007-compensation.ts";
import { stepMemos } from "./0008-step-memos.ts";
import { bounds } from "./0009-bounds.ts";
import { maps } from "./0010-maps.ts";
import { credentials } from "./0011-credentials.ts";
import { sizes } from "./0012-sizes.ts";
import { runBlobs } from "./0013-run-blobs.ts";
import { actionKeys } from "./0014-action-keys.ts";
import { runGates } from "./0015-run-gates.ts";
import { children } from "./0016-children.ts";
import { mapUndoes } from "./0017-map-undoes.ts";
import { itemChildren } from "./0018-item-children.ts";
import { triggers } from "./0019-triggers.ts";
import { disabledWorkflows } from "./0020-disabled-workflows.ts";
import { schedules } from "./0021-schedules.ts";
import { webhookDeliveries } from "./0022-webhook-deliveries.ts";
import { statistics } from "./0023-statistics.ts";
import { deletedRuns } from "./0024-deleted-runs.ts";
import { workspaces } from "./0025-workspaces.ts";
import { namedSchedules } from "./0026-named-schedules.ts";
import { events } from "./0027-events.ts";
import { polls } from "./0028-polls.ts";
import { nodeLogs } from "./0029-node-logs.ts";
import { seals } from "./0030-seals.ts";
import { feeds } from "./0031-feeds.ts";
import { audit } from "./0032-audit.ts";
import { limits } from "./0033-limits.ts";
import { admission } from "./0034-admission.ts";
import { breakers } from "./0035-breakers.ts";
import { stuckRuns } from "./0036-stuck-runs.ts";
import { quotas } from "./0037-quotas.ts";
import { leases } from "./0038-leases.ts";
import type { Migration } from "./migration.ts";

export const MIGRATIONS: readonly Migration[] = [
  runs,
  workersAndWorkflows,
  eventListeners,
  deadLetters,
  reruns,
  idempotencyKeys,
  compensation,
  stepMemos,
  bounds,
  maps,
  credentials,
  sizes,
  runBlobs,
  actionKeys,
  runGates,
  children,
  mapUndoes,
  itemChildren,
  triggers,
  disabledWorkflows,
  schedules,
  webhookDeliveries,
  statistics,
  deletedRuns,
  workspaces,
  namedSchedules,
  events,
  polls,
  nodeLogs,
  seals,
  feeds,
  audit,
  limits,
  admission,
  breakers,
  stuckRuns,
  quotas,
  leases,
];

/** The schema version that this code is written for. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;
