/** Token buckets of workspaces: see `Buckets`. A row is locked for a moment by whoever takes from it, in the order of the workspaces. */
import { freshTokens } from "../core/limits/bucket.ts";
import type { Buckets, TokenAsk, Tokens } from "../core/ports/allowances.ts";
import { int4Array, textArray } from "./arrays.ts";
import type { Rate } from "../core/limits/workspace-limits.ts";
import type { ConnectionPool } from "../postgres-connection/pool.ts";

interface Row {
  readonly workspace: string;
  readonly given: number;
  readonly tokens: number;
}

/** `full`: what the bucket holds now. Each row is read as it is when its lock is there. */
function takeText(table: string, s: string): string {
  const full = (had: string, elapsed: string): string =>
    `least(a.burst, ${had} + a.returned + greatest(0, ${elapsed}) * a.per_second / 1000)`;
  const fresh = full("a.fresh", "0");
  const now = full("b.tokens", "a.t - b.at");
  const given = (tokens: string): string => `least(a.wanted, greatest(0, floor(${tokens})))`;
  // What is proposed for insertion carries the ask to the update: only there the old row can be read.
  return `with a as materialized (
  select x.*, p.per_second, ${s}.now() as t
  from unnest($1::text[], $2::int4[], $3::int4[], $4::int4[], $5::int4[]) with ordinality
    as x(workspace, wanted, returned, burst, fresh, i)
  join unnest($6::text[]) with ordinality as r(text, i) on r.i = x.i cross join lateral (select r.text::float8 as per_second) p),
taken as (
  insert into ${table} as b (workspace, at, tokens, given)
  select a.workspace, a.t, ${fresh} - ${given(fresh)}, ${given(fresh)}
  from a order by a.workspace
  on conflict (workspace) do update set
    at = greatest(b.at, excluded.at),
    tokens = (select ${now} - ${given(now)} from a where a.workspace = b.workspace),
    given = (select ${given(now)} from a where a.workspace = b.workspace)
  returning b.workspace, b.given, b.tokens)
select workspace, given, tokens from taken`;
}

interface Kind {
  readonly table: string;
  /** What a bucket holds that nobody knows. */
  readonly fresh: (rate: Rate) => number;
}

export function bucketStore(
  pool: ConnectionPool,
  s: string,
  { table, fresh }: Kind = { table: "workspace_buckets", fresh: freshTokens },
): Buckets {
  const text = takeText(`${s}.${table}`, s);
  return {
    async take(asks) {
      if (asks.length === 0) return [];
      const values = [
        textArray(asks.map(({ workspace }) => workspace)),
        int4Array(asks.map(({ wanted }) => wanted)),
        int4Array(asks.map(({ returned }) => returned)),
        int4Array(asks.map(({ rate }) => rate.burst)),
        int4Array(asks.map(({ rate }) => fresh(rate))),
        textArray(asks.map(({ rate }) => String(rate.perSecond))),
      ];
      const rows = await pool.query<Row>({ name: `flowforge_take_${table}`, text, values });
      const byWorkspace = new Map(rows.map((row) => [row.workspace, row]));
      return asks.map((ask) => tokensOf(ask, byWorkspace.get(ask.workspace)!));
    },
  };
}

function tokensOf({ rate }: TokenAsk, { given, tokens }: Row): Tokens {
  return { tokens: given, waitMs: Math.ceil((Math.max(0, 1 - tokens) * 1_000) / rate.perSecond) };
}
