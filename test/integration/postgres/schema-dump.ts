/** A schema as SQL text, read from the catalog: the same on every version of the server, and needing no `pg_dump`. */
import type { Pool } from "pg";

const TABLES = `select c.oid, c.relname as name, c.reloptions as options,
    (select array_agg(format('  %I %s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then ' not null' else '' end,
        case when a.attidentity = 'a' then ' generated always as identity' else '' end,
        coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) order by a.attnum)
      from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select array_agg(format('  constraint %I %s', k.conname, pg_get_constraintdef(k.oid)) order by k.conname)
      from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'f', 'c', 'x')) as constraints,
    (select array_agg(pg_get_indexdef(i.indexrelid) order by i.indexrelid::regclass::text)
      from pg_index i where i.indrelid = c.oid
      and not exists (select from pg_constraint k where k.conindid = i.indexrelid)) as indexes,
    (select array_agg(pg_get_triggerdef(t.oid) order by t.tgname)
      from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal) as triggers
  from pg_class c where c.relnamespace = $1::regnamespace and c.relkind = 'r' order by c.relname`;

const FUNCTIONS = `select pg_get_functiondef(p.oid) as text from pg_proc p
  where p.pronamespace = $1::regnamespace order by p.proname`;

interface TableRow {
  readonly name: string;
  readonly options: readonly string[] | null;
  readonly columns: readonly string[];
  readonly constraints: readonly string[] | null;
  readonly indexes: readonly string[] | null;
  readonly triggers: readonly string[] | null;
}

export async function dumpSchema(pool: Pool, schema: string): Promise<string> {
  const functions = await pool.query<{ text: string }>(FUNCTIONS, [schema]);
  const tables = await pool.query<TableRow>(TABLES, [schema]);
  const parts = [
    "-- What the migrations make, read back from the catalog. Generated: test/integration/postgres/schema.test.ts.",
    ...functions.rows.map((row) => `${row.text.trim()};`),
    ...tables.rows.map((row) => tableText(schema, row)),
  ];
  return `${parts.join("\n\n")}\n`;
}

function tableText(
  schema: string,
  { name, options, columns, constraints, indexes, triggers }: TableRow,
): string {
  const lines = [...columns, ...(constraints ?? [])].join(",\n");
  const storage = options ? ` with (${options.join(", ")})` : "";
  return [
    `create table ${schema}.${name} (\n${lines}\n)${storage};`,
    ...[...(indexes ?? []), ...(triggers ?? [])].map((text) => `${text};`),
  ].join("\n");
}
