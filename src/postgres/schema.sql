-- What the migrations make, read back from the catalog. Generated: test/integration/postgres/schema.test.ts.

CREATE OR REPLACE FUNCTION flowforge.feed_dead_letter()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       insert into "flowforge".feed_events (workspace, at, run_id, type, workflow, node, dead_letter)
       select new.workspace, "flowforge".now(), new.run_id,
         case when new.resolved_at is null then 'dead_letter.opened' else 'dead_letter.resolved' end, new.workflow, new.node, new.id
       from "flowforge".feeds f where f.workspace = new.workspace and f.until > "flowforge".now();
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION flowforge.feed_run()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
     begin
       insert into "flowforge".feed_events (workspace, at, run_id, type, workflow)
       select new.workspace, "flowforge".now(), new.id,
         case when new.finished_at is null then 'run.reopened' else 'run.' || new.status end, new.workflow
       from "flowforge".feeds f where f.workspace = new.workspace and f.until > "flowforge".now();
       return null;
     end $function$;

CREATE OR REPLACE FUNCTION flowforge.now()
 RETURNS bigint
 LANGUAGE sql
 PARALLEL SAFE
AS $function$ select floor(extract(epoch from clock_timestamp()) * 1000)::bigint $function$;

create table flowforge.action_key_waiters (
  run_id uuid not null,
  expires_at bigint not null,
  fence integer not null,
  workspace text not null,
  action text not null,
  key text not null,
  node text not null,
  constraint action_key_waiters_pkey PRIMARY KEY (run_id, node)
);
CREATE INDEX action_key_waiters_expires ON flowforge.action_key_waiters USING btree (expires_at);
CREATE INDEX action_key_waiters_key ON flowforge.action_key_waiters USING btree (workspace, action, key);

create table flowforge.action_keys (
  run_id uuid not null,
  created_at bigint not null,
  expires_at bigint not null,
  state text not null,
  workspace text not null,
  action text not null,
  key text not null,
  node text not null,
  fingerprint text not null,
  result json,
  constraint action_keys_pkey PRIMARY KEY (workspace, action, key)
) with (fillfactor=80);
CREATE INDEX action_keys_expires ON flowforge.action_keys USING btree (expires_at);
CREATE INDEX action_keys_owner ON flowforge.action_keys USING btree (run_id, node);

create table flowforge.attempts (
  run_id uuid not null,
  started_at bigint,
  finished_at bigint not null,
  item integer not null,
  fence integer not null,
  attempt integer not null,
  node text not null,
  error json not null,
  seq bigint not null generated always as identity,
  constraint attempts_pkey PRIMARY KEY (run_id, seq)
);

create table flowforge.audit (
  id uuid not null,
  at bigint not null,
  ended_at bigint,
  workspace text not null,
  outcome text not null,
  action text not null,
  kind text not null,
  actor text,
  subject text,
  code text,
  details json,
  constraint audit_pkey PRIMARY KEY (id)
) with (fillfactor=90);
CREATE INDEX audit_by_age ON flowforge.audit USING btree (at);
CREATE INDEX audit_of_subject ON flowforge.audit USING btree (workspace, subject, at, id) WHERE (subject IS NOT NULL);
CREATE INDEX audit_of_workspace ON flowforge.audit USING btree (workspace, at, id);

create table flowforge.breakers (
  workspace text not null,
  scope text not null,
  name text not null,
  version bigint not null,
  changed_at bigint not null,
  phase text not null,
  state json not null,
  constraint breakers_pkey PRIMARY KEY (workspace, scope, name)
) with (fillfactor=70);
CREATE INDEX breakers_by_change ON flowforge.breakers USING btree (changed_at);

create table flowforge.child_ends (
  run_id uuid not null,
  seq bigint not null,
  of_item boolean not null default false,
  constraint child_ends_pkey PRIMARY KEY (run_id, seq)
);

create table flowforge.counts (
  unit_ms integer not null,
  workspace text not null,
  workflow text not null,
  node text not null,
  at bigint not null,
  started bigint not null,
  succeeded bigint not null,
  failed bigint not null,
  cancelled bigint not null,
  run_ms double precision not null,
  attempts bigint not null,
  failures bigint not null,
  retries bigint not null,
  attempt_ms double precision not null,
  queued bigint not null,
  queued_ms double precision not null,
  dead_letters bigint not null,
  run_bins bigint[] not null,
  attempt_bins bigint[] not null,
  constraint counts_pkey PRIMARY KEY (unit_ms, workspace, workflow, node, at)
) with (fillfactor=50);
CREATE INDEX counts_age ON flowforge.counts USING btree (unit_ms, at);

create table flowforge.credentials (
  id uuid not null,
  version integer not null,
  data_key integer not null,
  created_at bigint not null,
  updated_at bigint not null,
  workspace text not null,
  name text not null,
  sealed json not null,
  allow_hosts text[],
  constraint credentials_data_key_fkey FOREIGN KEY (workspace, data_key) REFERENCES data_keys(workspace, number),
  constraint credentials_pkey PRIMARY KEY (workspace, name)
);

create table flowforge.data_keys (
  number integer not null,
  created_at bigint not null,
  workspace text not null,
  wrapped_by text not null,
  wrapped text not null,
  seals bigint not null default 0,
  constraint data_keys_pkey PRIMARY KEY (workspace, number)
);

create table flowforge.dead_letters (
  id bigint not null generated always as identity,
  run_id uuid not null,
  opened_at bigint not null,
  resolved_at bigint,
  item integer not null,
  fence integer not null,
  attempts integer not null,
  node text not null,
  resolution text,
  resolved_by text,
  error json,
  input json,
  generation integer not null default 0,
  workspace text not null default ''::text,
  workflow text not null default ''::text,
  error_class text not null default ''::text,
  fingerprint text not null default ''::text,
  resolution_id text,
  constraint dead_letters_pkey PRIMARY KEY (id)
);
CREATE INDEX dead_letters_by_run ON flowforge.dead_letters USING btree (run_id, node, item);
CREATE INDEX dead_letters_by_workspace ON flowforge.dead_letters USING btree (workspace, opened_at, id);
CREATE INDEX dead_letters_open ON flowforge.dead_letters USING btree (workspace, opened_at, id) WHERE (resolved_at IS NULL);
CREATE TRIGGER feed_opened AFTER INSERT ON flowforge.dead_letters FOR EACH ROW EXECUTE FUNCTION feed_dead_letter();
CREATE TRIGGER feed_resolved AFTER UPDATE ON flowforge.dead_letters FOR EACH ROW WHEN (((old.resolved_at IS NULL) AND (new.resolved_at IS NOT NULL))) EXECUTE FUNCTION feed_dead_letter();

create table flowforge.deleted_runs (
  run_id uuid not null,
  look_at bigint not null default 0,
  until bigint not null default 0,
  constraint deleted_runs_pkey PRIMARY KEY (run_id)
) with (autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=1000);
CREATE INDEX deleted_runs_look_at ON flowforge.deleted_runs USING btree (look_at);

create table flowforge.depth_samples (
  workspace text not null,
  at bigint not null,
  active bigint not null,
  ready bigint not null,
  queued bigint not null,
  running bigint not null,
  dead_letters bigint not null,
  constraint depth_samples_pkey PRIMARY KEY (workspace, at)
);
CREATE INDEX depth_samples_age ON flowforge.depth_samples USING btree (at);

create table flowforge.erased_workflows (
  newest integer not null,
  name_hash bytea not null,
  constraint erased_workflows_pkey PRIMARY KEY (name_hash)
);

create table flowforge.event_listeners (
  run_id uuid not null,
  workspace text not null,
  event text not null,
  constraint event_listeners_pkey PRIMARY KEY (run_id, event)
) with (autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=1000);
CREATE INDEX event_listeners_by_event ON flowforge.event_listeners USING btree (workspace, event, run_id);

create table flowforge.events (
  published_at bigint not null,
  expires_at bigint not null,
  due_at bigint not null,
  rev integer not null default 0,
  runs integer not null default 0,
  no_room integer not null default 0,
  started integer not null default 0,
  refused integer not null default 0,
  failures integer not null default 0,
  stage text not null default 'waits'::text,
  workspace text not null,
  id text not null,
  name text not null,
  fingerprint text not null,
  chain json not null,
  after json,
  refusals json,
  payload json,
  constraint events_pkey PRIMARY KEY (workspace, id)
) with (fillfactor=80, autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=1000);
CREATE INDEX events_by_age ON flowforge.events USING btree (workspace, published_at DESC, id DESC);
CREATE INDEX events_due ON flowforge.events USING btree (due_at) WHERE (stage <> 'done'::text);
CREATE INDEX events_expiry ON flowforge.events USING btree (expires_at) WHERE (stage = 'done'::text);

create table flowforge.feed_events (
  workspace text not null,
  xid xid8 not null default pg_current_xact_id(),
  id bigint not null generated always as identity,
  at bigint not null,
  run_id uuid not null,
  type text not null,
  workflow text not null,
  node text,
  dead_letter bigint,
  constraint feed_events_pkey PRIMARY KEY (workspace, xid, id)
);
CREATE INDEX feed_events_by_age ON flowforge.feed_events USING brin (at);

create table flowforge.feeds (
  workspace text not null,
  until bigint not null,
  floor xid8 not null,
  constraint feeds_pkey PRIMARY KEY (workspace)
);

create table flowforge.idempotency_keys (
  run_id uuid not null,
  created_at bigint not null,
  expires_at bigint not null,
  workspace text not null,
  scope text not null,
  key text not null,
  fingerprint text not null,
  constraint idempotency_keys_pkey PRIMARY KEY (workspace, scope, key)
);
CREATE INDEX idempotency_keys_expires ON flowforge.idempotency_keys USING btree (expires_at);

create table flowforge.maps (
  run_id uuid not null,
  touched_at bigint not null,
  fence integer not null,
  total integer not null,
  concurrency integer not null,
  next integer not null default 0,
  running integer not null default 0,
  waiting integer not null default 0,
  done integer not null default 0,
  failed integer not null default 0,
  open integer not null default 0,
  collect boolean not null,
  closed boolean not null default false,
  live boolean not null default true,
  node text not null,
  bytes bigint not null default 0,
  undoes text,
  constraint maps_pkey PRIMARY KEY (run_id, node)
) with (fillfactor=40);
CREATE INDEX maps_live ON flowforge.maps USING btree (run_id, node) WHERE live;

create table flowforge.migrations (
  version integer not null,
  name text not null,
  applied_at timestamp with time zone not null default clock_timestamp(),
  constraint migrations_pkey PRIMARY KEY (version)
);

create table flowforge.node_logs (
  run_id uuid not null,
  seq bigint not null generated always as identity,
  at bigint not null,
  item integer not null,
  attempt integer not null,
  node text not null,
  level text not null,
  message text not null,
  fields json,
  constraint node_logs_pkey PRIMARY KEY (run_id, seq)
);

create table flowforge.node_runs (
  run_id uuid not null,
  item integer not null,
  node text not null,
  input json,
  seq bigint not null,
  due_at bigint,
  ready_at bigint,
  dispatched_at bigint,
  started_at bigint,
  finished_at bigint,
  attempt integer not null,
  fence integer not null,
  losses integer not null default 0,
  generation integer not null default 0,
  dispatches integer not null default 0,
  possibly_duplicated boolean not null default false,
  status text not null,
  outcome text,
  worker text,
  waiting_for text,
  failure text,
  error json,
  output json,
  edited text,
  deadline_at bigint,
  put_off_ms bigint,
  key_fence integer,
  retry_at bigint,
  held_at bigint,
  held_lane text,
  held_for text,
  constraint node_runs_pkey PRIMARY KEY (run_id, node, item)
) with (fillfactor=45, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0);
CREATE INDEX node_runs_deadline ON flowforge.node_runs USING btree (deadline_at) WHERE (deadline_at IS NOT NULL);
CREATE INDEX node_runs_dispatched ON flowforge.node_runs USING btree (dispatched_at) WHERE (dispatched_at IS NOT NULL);
CREATE INDEX node_runs_due ON flowforge.node_runs USING btree (due_at) WHERE ((due_at IS NOT NULL) AND (ready_at IS NULL));
CREATE INDEX node_runs_held ON flowforge.node_runs USING btree (held_lane, held_for, held_at) WHERE (held_for IS NOT NULL);
CREATE INDEX node_runs_ready ON flowforge.node_runs USING btree (ready_at) WHERE (ready_at IS NOT NULL);
CREATE INDEX node_runs_retry ON flowforge.node_runs USING btree (run_id, node, retry_at) WHERE (retry_at IS NOT NULL);

create table flowforge.parked_nodes (
  workspace text not null,
  scope text not null,
  name text not null,
  run_id uuid not null,
  node text not null,
  parked_at bigint not null,
  fence integer not null,
  lane text not null,
  action text not null,
  constraint parked_nodes_pkey PRIMARY KEY (workspace, scope, name, run_id, node)
);
CREATE INDEX parked_nodes_in_order ON flowforge.parked_nodes USING btree (workspace, scope, name, parked_at);

create table flowforge.payload_quotas (
  workspace text not null,
  at bigint not null,
  tokens double precision not null,
  given integer not null,
  constraint payload_quotas_pkey PRIMARY KEY (workspace)
) with (fillfactor=50, autovacuum_vacuum_threshold=200);

create table flowforge.poll_items (
  workspace text not null,
  workflow text not null,
  node text not null,
  item text not null,
  series bigint not null,
  seen_at bigint not null,
  constraint poll_items_pkey PRIMARY KEY (workspace, workflow, node, series, item)
);
CREATE INDEX poll_items_by_age ON flowforge.poll_items USING btree (workspace, workflow, node, series, seen_at, item);

create table flowforge.polls (
  workspace text not null,
  workflow text not null,
  node text not null,
  rev integer not null default 0,
  failures integer not null default 0,
  last_items integer not null default 0,
  paused boolean not null default false,
  series bigint not null,
  due_at bigint not null,
  last_at bigint,
  stage text not null default 'first'::text,
  holder text,
  last_error text,
  last_refusal json,
  cursor json not null default 'null'::json,
  source json not null,
  constraint polls_pkey PRIMARY KEY (workspace, workflow, node)
);
CREATE INDEX polls_due ON flowforge.polls USING btree (due_at) WHERE (NOT paused);

create table flowforge.run_blobs (
  run_id uuid not null,
  sha256 bytea not null,
  value json not null,
  constraint run_blobs_pkey PRIMARY KEY (run_id, sha256)
);

create table flowforge.run_gates (
  run_id uuid not null,
  at bigint not null,
  slot integer,
  lim integer not null,
  admitted boolean not null,
  told boolean not null default false,
  workspace text not null,
  workflow text not null,
  key text not null,
  on_limit text not null,
  constraint run_gates_pkey PRIMARY KEY (run_id)
) with (fillfactor=80);
CREATE UNIQUE INDEX run_gates_slots ON flowforge.run_gates USING btree (workspace, workflow, key, slot) WHERE admitted;
CREATE INDEX run_gates_waiting ON flowforge.run_gates USING btree (workspace, workflow, key, at, run_id) WHERE (NOT admitted);

create table flowforge.run_inbox (
  run_id uuid not null,
  arrival bigint not null generated always as identity,
  received_at bigint not null,
  state text not null default 'new'::text,
  id text not null,
  kind text not null,
  body json,
  constraint run_inbox_pkey PRIMARY KEY (run_id, id)
) with (fillfactor=80);
CREATE INDEX run_inbox_open ON flowforge.run_inbox USING btree (run_id, arrival) WHERE (state <> 'used'::text);
CREATE INDEX run_inbox_unread ON flowforge.run_inbox USING btree (received_at) WHERE (state = 'new'::text);

create table flowforge.run_workers (
  run_id uuid not null,
  worker text not null,
  constraint run_workers_pkey PRIMARY KEY (run_id, worker)
) with (autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX run_workers_by_worker ON flowforge.run_workers USING btree (worker, run_id);

create table flowforge.runs (
  id uuid not null,
  seq bigint not null,
  created_at bigint not null,
  started_at bigint,
  finished_at bigint,
  version integer not null,
  inbox integer not null default 0,
  dead_letters integer not null default 0,
  paused boolean not null default false,
  cancelled boolean not null default false,
  status text not null,
  workspace text not null,
  workflow text not null,
  trigger text not null,
  labels json not null,
  input json not null,
  trigger_payload json,
  output json,
  rerun_of uuid,
  compensate boolean not null default false,
  bytes bigint,
  parent_run uuid,
  parent json,
  constraint runs_pkey PRIMARY KEY (id)
) with (fillfactor=60, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0);
CREATE INDEX runs_active ON flowforge.runs USING btree (workspace) WHERE (finished_at IS NULL);
CREATE INDEX runs_by_workflow ON flowforge.runs USING btree (workspace, workflow, created_at, id);
CREATE INDEX runs_by_workspace ON flowforge.runs USING btree (workspace, created_at, id);
CREATE INDEX runs_parent ON flowforge.runs USING btree (parent_run) WHERE (parent_run IS NOT NULL);
CREATE TRIGGER feed_changed AFTER UPDATE ON flowforge.runs FOR EACH ROW WHEN (((old.finished_at IS NOT NULL) AND ((new.finished_at IS NULL) OR (old.status <> new.status)))) EXECUTE FUNCTION feed_run();

create table flowforge.schedules (
  workspace text not null,
  workflow text not null,
  node text not null,
  rev integer not null default 0,
  paused boolean not null default false,
  held boolean not null default false,
  due_at bigint,
  fire_at bigint,
  last_due_at bigint,
  last_run uuid,
  last_error text,
  source json not null,
  starts json,
  constraint schedules_pkey PRIMARY KEY (workspace, workflow, node)
);
CREATE INDEX schedules_asleep ON flowforge.schedules USING btree (workspace, workflow) WHERE ((starts IS NOT NULL) AND (fire_at IS NULL) AND (due_at IS NOT NULL));
CREATE INDEX schedules_due ON flowforge.schedules USING btree (fire_at) WHERE (NOT paused);

create table flowforge.start_quotas (
  workspace text not null,
  at bigint not null,
  tokens double precision not null,
  given integer not null,
  constraint start_quotas_pkey PRIMARY KEY (workspace)
) with (fillfactor=50, autovacuum_vacuum_threshold=200);

create table flowforge.step_memos (
  run_id uuid not null,
  item integer not null,
  generation integer not null,
  fence integer not null,
  node text not null,
  name text not null,
  value json not null,
  constraint step_memos_pkey PRIMARY KEY (run_id, node, item, generation, name)
) with (fillfactor=80);

create table flowforge.stuck_looks (
  one boolean not null default true,
  looked_at bigint not null,
  constraint stuck_looks_one_check CHECK (one),
  constraint stuck_looks_pkey PRIMARY KEY (one)
);

create table flowforge.stuck_runs (
  run_id uuid not null,
  node text not null,
  reason text not null,
  since bigint not null,
  found_at bigint not null,
  version integer not null,
  workspace text not null,
  workflow text not null,
  lane text,
  action text,
  constraint stuck_runs_pkey PRIMARY KEY (run_id, node, reason)
);

create table flowforge.triggers (
  workspace text not null,
  workflow text not null,
  node text not null,
  version integer not null,
  type text not null,
  name text,
  source json not null,
  constraint triggers_pkey PRIMARY KEY (workspace, workflow, node)
);
CREATE INDEX triggers_by_name ON flowforge.triggers USING btree (type, name, workspace, workflow, node);

create table flowforge.webhook_deliveries (
  id uuid not null,
  run_id uuid,
  received_at bigint not null,
  touched_at bigint not null,
  expires_at bigint not null,
  size integer not null,
  repeats integer not null default 0,
  verified boolean not null,
  status text not null,
  workspace text not null,
  path text not null,
  workflow text not null,
  trigger text not null,
  key text,
  body_key text,
  reason text,
  detail text,
  headers json not null,
  body bytea,
  constraint webhook_deliveries_pkey PRIMARY KEY (id)
) with (fillfactor=80);
CREATE UNIQUE INDEX webhook_deliveries_body_key ON flowforge.webhook_deliveries USING btree (workspace, path, body_key) WHERE ((status <> 'rejected'::text) AND (body_key IS NOT NULL));
CREATE INDEX webhook_deliveries_by_age ON flowforge.webhook_deliveries USING btree (workspace, received_at DESC, id DESC);
CREATE INDEX webhook_deliveries_expiry ON flowforge.webhook_deliveries USING btree (expires_at);
CREATE UNIQUE INDEX webhook_deliveries_key ON flowforge.webhook_deliveries USING btree (workspace, path, key) WHERE ((status <> 'rejected'::text) AND (key IS NOT NULL));
CREATE INDEX webhook_deliveries_rejected ON flowforge.webhook_deliveries USING btree (workspace, path, verified, received_at DESC, id DESC) WHERE (status = 'rejected'::text);
CREATE INDEX webhook_deliveries_unfinished ON flowforge.webhook_deliveries USING btree (touched_at) WHERE (status = 'received'::text);

create table flowforge.workers (
  id text not null,
  started_at bigint not null,
  heartbeat_at bigint not null,
  dead_at bigint,
  pid integer not null,
  concurrency integer not null,
  host text not null,
  lanes json not null,
  actions json,
  lease_ms bigint,
  constraint workers_pkey PRIMARY KEY (id)
) with (fillfactor=50, autovacuum_vacuum_threshold=100);

create table flowforge.workflow_versions (
  workspace text not null,
  name text not null,
  version integer not null,
  created_at bigint not null,
  checksum text not null,
  document json not null,
  constraint workflow_versions_checksum UNIQUE (workspace, name, checksum),
  constraint workflow_versions_pkey PRIMARY KEY (workspace, name, version)
);

create table flowforge.workflows (
  workspace text not null,
  name text not null,
  newest integer not null,
  enabled boolean not null default true,
  constraint workflows_pkey PRIMARY KEY (workspace, name)
);

create table flowforge.workspace_buckets (
  workspace text not null,
  at bigint not null,
  tokens double precision not null,
  given integer not null,
  constraint workspace_buckets_pkey PRIMARY KEY (workspace)
) with (fillfactor=50, autovacuum_vacuum_threshold=200);

create table flowforge.workspace_limits (
  workspace text not null,
  set_at bigint not null,
  plan text,
  limits json not null,
  constraint workspace_limits_pkey PRIMARY KEY (workspace)
);

create table flowforge.workspace_places (
  workspace text not null,
  worker text not null,
  at bigint not null,
  since bigint,
  places integer not null,
  constraint workspace_places_pkey PRIMARY KEY (workspace, worker)
) with (fillfactor=50, autovacuum_vacuum_threshold=200);
CREATE INDEX workspace_places_by_worker ON flowforge.workspace_places USING btree (worker);
