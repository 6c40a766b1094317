/** Dead letters for people: lists by page, and groups of what failed in the same way. */
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetterPage,
  Resolution,
} from "../core/ports/dead-letter.ts";
import type { Page } from "../core/ports/store.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { whole } from "./blobs.ts";
import { isRunId } from "./names.ts";
import { checkedLimit, readCursor, writeCursor } from "./pages.ts";
import { parseOptional } from "./rows.ts";

interface LetterRow {
  readonly id: number;
  readonly run_id: string;
  readonly workspace: string;
  readonly workflow: string;
  readonly version: number;
  readonly node: string;
  readonly item: number;
  readonly fence: number;
  readonly generation: number;
  readonly attempts: number;
  readonly fingerprint: string;
  readonly error: string | null;
  readonly input: string | null;
  readonly opened_at: number;
  readonly first_attempt_at: number | null;
  readonly resolved_at: number | null;
  readonly resolution: Resolution | null;
  readonly resolved_by: string | null;
  readonly resolution_id: string | null;
}

interface GroupRow {
  readonly workflow: string;
  readonly fingerprint: string;
  readonly node: string;
  readonly error_class: string;
  readonly count: number;
  readonly first_at: number;
  readonly last_at: number;
  readonly error: string | null;
}

/** $1 to $10. Without a name the statement is planned with its values, so what was not asked for costs nothing. */
const WHERE = `d.workspace = $1 and ($2::int8[] is null or d.id = any($2)) and ($3::uuid is null or d.run_id = $3)
  and ($4::text is null or d.workflow = $4) and ($5::text is null or d.node = $5)
  and ($6::text is null or d.error_class = $6) and ($7::text is null or d.fingerprint = $7)
  and ($8::bool is null or d.resolved_at is null = $8)
  and ($9::int8 is null or d.opened_at >= $9) and ($10::int8 is null or d.opened_at < $10)`;
const WHERE_OPEN = `${WHERE} and d.resolved_at is null`;

/** Fences grow with every attempt: those above the last dead letter with another key were made with this one. */
const firstAttempt = (s: string): string => `(select min(a.started_at) from ${s}.attempts a
  where a.run_id = d.run_id and a.node = d.node and a.item = d.item and a.fence > coalesce((
    select max(e.fence) from ${s}.dead_letters e where e.run_id = d.run_id and e.node = d.node and e.item = d.item
      and e.generation < d.generation), 0))`;

export class DeadLetters {
  readonly #pool: ConnectionPool;
  readonly #schema: string;

  constructor(pool: ConnectionPool, schema: string) {
    this.#pool = pool;
    this.#schema = schema;
  }

  async page(filter: DeadLetterPage): Promise<Page<DeadLetter>> {
    const s = this.#schema;
    const limit = checkedLimit(filter.limit);
    const after = filter.cursor === undefined ? null : readCursor(filter.cursor, isLetterId);
    const values = valuesOf(filter);
    if (!values) return { items: [], cursor: null };
    const rows = await this.#pool.query<LetterRow>({
      text: `select d.id, d.run_id, d.workspace, d.workflow, r.version, d.node, d.item, d.fence, d.generation, d.attempts,
          d.fingerprint, d.error, ${whole(s, "d.input", "d.run_id")} as input, d.opened_at, ${firstAttempt(s)} as first_attempt_at, d.resolved_at,
          d.resolution, d.resolved_by, d.resolution_id
        from ${s}.dead_letters d join ${s}.runs r on r.id = d.run_id
        where ${filter.open === true ? WHERE_OPEN : WHERE}
          and ($11::int8 is null or (d.opened_at, d.id) < ($11, $12::int8))
        order by d.opened_at desc, d.id desc limit $13`,
      values: [...values, after?.at ?? null, after?.id ?? null, limit + 1],
    });
    const items = rows.slice(0, limit).map(deadLetter);
    const last = items.at(-1);
    const cursor = rows.length > limit && last ? writeCursor({ at: last.openedAt, id: last.id }) : null;
    return { items, cursor };
  }

  async groups(filter: DeadLetterFilter): Promise<readonly DeadLetterGroup[]> {
    const values = valuesOf(filter);
    if (!values) return [];
    const rows = await this.#pool.query<GroupRow>({
      text: `select d.workflow, d.fingerprint, d.node, d.error_class, count(*)::int4 as count,
          min(d.opened_at) as first_at, max(d.opened_at) as last_at,
          (array_agg(d.error order by d.opened_at desc, d.id desc))[1] as error
        from ${this.#schema}.dead_letters d where ${filter.open === true ? WHERE_OPEN : WHERE}
        group by d.workflow, d.fingerprint, d.node, d.error_class
        order by count desc, last_at desc, d.workflow, d.fingerprint limit 1000`,
      values,
    });
    return rows.map(group);
  }
}

function isLetterId(id: string): boolean {
  return /^\d{1,18}$/.test(id);
}

/** `null`: no dead letter can fit. */
function valuesOf(filter: DeadLetterFilter): readonly unknown[] | null {
  const { runId, openedAfter, openedBefore } = filter;
  const ids = filter.ids?.filter(isLetterId);
  if (ids?.length === 0 || (runId !== undefined && !isRunId(runId))) return null;
  return [
    filter.workspace,
    ids ?? null,
    runId ?? null,
    filter.workflow ?? null,
    filter.node ?? null,
    filter.errorClass ?? null,
    filter.fingerprint ?? null,
    filter.open ?? null,
    openedAfter === undefined ? null : Math.ceil(openedAfter),
    openedBefore === undefined ? null : Math.ceil(openedBefore),
  ];
}

function deadLetter(row: LetterRow): DeadLetter {
  return {
    id: String(row.id),
    runId: row.run_id,
    workspace: row.workspace,
    workflow: row.workflow,
    version: row.version,
    node: row.node,
    item: row.item,
    fence: row.fence,
    generation: row.generation,
    attempts: row.attempts,
    fingerprint: row.fingerprint,
    error: (parseOptional(row.error) ?? {
      class: "unknown",
      message: "no error was recorded",
    }) as ErrorRecord,
    input: parseOptional(row.input),
    openedAt: row.opened_at,
    firstAttemptAt: row.first_attempt_at,
    resolvedAt: row.resolved_at,
    resolution: row.resolution,
    resolvedBy: row.resolved_by,
    resolutionId: row.resolution_id,
  };
}

function group(row: GroupRow): DeadLetterGroup {
  return {
    workflow: row.workflow,
    fingerprint: row.fingerprint,
    node: row.node,
    errorClass: row.error_class,
    count: row.count,
    firstAt: row.first_at,
    lastAt: row.last_at,
    message: (parseOptional(row.error) as ErrorRecord | undefined)?.message ?? "",
  };
}
