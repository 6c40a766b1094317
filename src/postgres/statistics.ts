/**
 * Counts by the minute and by the hour, and samples of how much work there is: see `StatisticsStore`. A row of counts is added to by every
 * process that counted something of its time, so each statement takes its rows in the order of the key.
 */
import type { CountsRow, DepthSample, SpanQuery, StatisticsStore } from "../core/ports/statistics.ts";
import type { Counts } from "../core/statistics/counts.ts";
import { HOUR_MS, KEEP_HOURS_MS, KEEP_MINUTES_MS, MINUTE_MS, sum } from "../core/statistics/series.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";
import { standingQueries } from "./standing.ts";

const SUMS = [
  "started",
  "succeeded",
  "failed",
  "cancelled",
  "run_ms",
  "attempts",
  "failures",
  "retries",
  "attempt_ms",
  "queued",
  "queued_ms",
  "dead_letters",
] as const;
const BINS = ["run_bins", "attempt_bins"] as const;

const DEPTHS = ["active", "ready", "queued", "running", "dead_letters"]
  .map((name) => `coalesce(w.${name}, 0) as ${name}`)
  .join(", ");

type StoredCounts = { readonly [Name in (typeof SUMS)[number]]: number } & {
  readonly [Name in (typeof BINS)[number]]: readonly string[];
};

const COLUMNS = [...SUMS, ...BINS].map((name) => `c.${name}`).join(", ");

export function statisticsStore(pool: ConnectionPool, s: string): StatisticsStore {
  const addText = addStatement(s);
  const select = (columns: string): string => `select ${columns}${COLUMNS} from ${s}.counts c
    where c.unit_ms = $1 and c.workspace = $2 and c.workflow = $3 and c.at >= $4 and c.at < $5`;
  return {
    ...standingQueries(pool, s),
    async add(rows) {
      if (rows.length === 0) return;
      await pool.query({ text: addText, values: [JSON.stringify(rows.map(stored))] });
    },
    async counts({ unitMs, workspace, workflow, node, since, until }) {
      const rows = await pool.query<StoredCounts & { at: number }>({
        text: `${select("c.at, ")} and c.node = $6 order by c.at`,
        values: [unitMs, workspace, workflow, since, until, node],
      });
      return rows.map((row) => ({ ...countsOf(row), at: row.at }));
    },
    async nodes({ unitMs, workspace, workflow, since, until }: SpanQuery) {
      const rows = await pool.query<StoredCounts & { node: string }>({
        text: `${select("c.node, ")} and c.node <> ''`,
        values: [unitMs, workspace, workflow, since, until],
      });
      const nodes = Map.groupBy(rows, ({ node }) => node);
      return [...nodes].map(([node, counts]) => ({ node, ...sum(counts.map(countsOf)) }));
    },
    async samples({ workspace, since, until }) {
      const rows = await pool.query<Omit<DepthSample, "deadLetters"> & { dead_letters: number }>({
        // Every sample has a row of all; of a workspace only where it had something.
        text: `select a.at, ${DEPTHS} from ${s}.depth_samples a
          left join ${s}.depth_samples w on w.workspace = $1 and w.at = a.at
          where a.workspace = '' and a.at >= $2 and a.at < $3 order by a.at`,
        values: [workspace, since, until],
      });
      return rows.map(({ dead_letters: deadLetters, ...sample }) => ({ ...sample, deadLetters }));
    },
    async forget(limit) {
      const gone = await pool.query({
        text: `with clock as (select ${s}.now() as t),
          old as (select ctid from ${s}.counts, clock where unit_ms = ${MINUTE_MS} and at < t - $1::int8
            union all select ctid from ${s}.counts, clock where unit_ms = ${HOUR_MS} and at < t - $2::int8 limit $3),
          aged as (select ctid from ${s}.depth_samples, clock where at < t - $1::int8 limit $3),
          less as (delete from ${s}.depth_samples where ctid = any (array(select ctid from aged)) returning 1)
          delete from ${s}.counts where ctid = any (array(select ctid from old)) returning 1 as one`,
        values: [KEEP_MINUTES_MS, KEEP_HOURS_MS, limit],
      });
      return gone.length;
    },
  };
}

function addStatement(s: string): string {
  const key = "unit_ms, workspace, workflow, node, at";
  const names = [...SUMS, ...BINS].join(", ");
  const types = [
    "unit_ms int4, workspace text, workflow text, node text, at int8",
    ...SUMS.map((name) => `${name} ${name.endsWith("_ms") ? "float8" : "int8"}`),
    ...BINS.map((name) => `${name} int8[]`),
  ];
  const added = [
    ...SUMS.map((name) => `${name} = c.${name} + excluded.${name}`),
    ...BINS.map(
      (name) => `${name} = array(select coalesce(u.a, 0) + coalesce(u.b, 0)
        from unnest(c.${name}, excluded.${name}) with ordinality as u (a, b, i) order by u.i)`,
    ),
  ];
  return `insert into ${s}.counts as c (${key}, ${names})
    select ${key}, ${names} from json_to_recordset($1::json) as r (${types.join(", ")}) order by ${key}
    on conflict (${key}) do update set ${added.join(", ")}`;
}

function stored(row: CountsRow): object {
  const { unitMs: unit_ms, runMs: run_ms, attemptMs: attempt_ms, queuedMs: queued_ms, ...counts } = row;
  const { runBins: run_bins, attemptBins: attempt_bins, deadLetters: dead_letters, ...more } = counts;
  return { ...more, unit_ms, run_ms, attempt_ms, queued_ms, dead_letters, run_bins, attempt_bins };
}

function countsOf(row: StoredCounts): Counts {
  const { started, succeeded, failed, cancelled, attempts, failures, retries, queued } = row;
  return {
    started,
    succeeded,
    failed,
    cancelled,
    runMs: row.run_ms,
    runBins: row.run_bins.map(Number),
    attempts,
    failures,
    retries,
    attemptMs: row.attempt_ms,
    attemptBins: row.attempt_bins.map(Number),
    queued,
    queuedMs: row.queued_ms,
    deadLetters: row.dead_letters,
  };
}
