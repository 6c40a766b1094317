/** Deliveries of webhooks: their keys, and what was rejected. */
import type { Migration } from "./migration.ts";

export const webhookDeliveries: Migration = {
  version: 22,
  name: "webhook deliveries",
  statements: (s) => [
    `create table ${s}.webhook_deliveries (
       id uuid not null,
       run_id uuid,
       received_at bigint not null,
       touched_at bigint not null,
       expires_at bigint not null,
       size integer not null,
       repeats integer not null default 0,
       verified boolean not null,
       status text not null,
       workspace text collate "C" not null,
       path text collate "C" not null,
       workflow text not null,
       trigger text not null,
       key text,
       body_key text,
       reason text,
       detail text,
       headers json not null,
       body bytea,
       constraint webhook_deliveries_pkey primary key (id)
     ) with (fillfactor = 80)`,
    // A rejected delivery keeps what it was called, and holds nothing by it.
    `create unique index webhook_deliveries_key on ${s}.webhook_deliveries (workspace, path, key)
       where status <> 'rejected' and key is not null`,
    `create unique index webhook_deliveries_body_key on ${s}.webhook_deliveries (workspace, path, body_key)
       where status <> 'rejected' and body_key is not null`,
    `create index webhook_deliveries_by_age on ${s}.webhook_deliveries (workspace, received_at desc, id desc)`,
    `create index webhook_deliveries_rejected on ${s}.webhook_deliveries (workspace, path, verified, received_at desc, id desc)
       where status = 'rejected'`,
    `create index webhook_deliveries_unfinished on ${s}.webhook_deliveries (touched_at) where status = 'received'`,
    `create index webhook_deliveries_expiry on ${s}.webhook_deliveries (expires_at)`,
  ],
};
