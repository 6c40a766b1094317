/** Triggers of the newest versions: see `TriggerStore`. */
import type { WorkflowDocument } from "../core/definition/document.ts";
import { boundTriggers } from "../core/graph/bound-triggers.ts";
import type { BoundSource, BoundTrigger, TriggerStore } from "../core/ports/triggers.ts";
import type { ConnectionPool, Session } from "../postgres-connection/pool.ts";
import { parseJson } from "./rows.ts";

interface TriggerRow extends Omit<BoundTrigger, "source"> {
  readonly source: string;
}

export function triggerStore(pool: ConnectionPool, s: string): TriggerStore {
  return {
    async find({ type, workspace, name, after, limit }) {
      const rows = await pool.query<TriggerRow>({
        text: `select workspace, workflow, version, node, source from ${s}.triggers t
          where type = $1 and ($2::text is null or workspace = $2) and ($3::text is null or name = $3)
            and ($4::text is null or (workspace, workflow, node) > ($4, $5, $6))
            and exists (select from ${s}.workflows w where w.workspace = t.workspace and w.name = t.workflow and w.enabled)
          order by workspace, workflow, node limit $7`,
        values: [
          type,
          workspace ?? null,
          name ?? null,
          after?.workspace ?? null,
          after?.workflow ?? null,
          after?.node ?? null,
          limit,
        ],
      });
      return rows.map((row) => ({ ...row, source: parseJson(row.source) as BoundSource }));
    },
  };
}

/** Within the transaction in which this version becomes the newest. */
export async function replaceTriggers(
  session: Session,
  s: string,
  of: { readonly workspace: string; readonly document: WorkflowDocument; readonly version: number },
): Promise<void> {
  const { workspace, document, version } = of;
  await session.query({
    text: `delete from ${s}.triggers where workspace = $1 and workflow = $2`,
    values: [workspace, document.name],
  });
  const triggers = boundTriggers(document);
  if (triggers.length === 0) return;
  await session.query({
    text: `insert into ${s}.triggers (workspace, workflow, node, version, type, name, source)
      select $1, $2, t->>'node', $3, t->'source'->>'type', t->>'name', t->'source' from json_array_elements($4) t`,
    values: [workspace, document.name, version, JSON.stringify(triggers)],
  });
}
