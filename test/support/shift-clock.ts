/** Makes days pass: replaces a FlowForge schema's clock by one that is `ms` ahead of the real one (0 takes it back). */
export async function shiftClock(
  database: { query(text: string): Promise<unknown> },
  ms: number,
  schema = "flowforge",
): Promise<void> {
  const name = `"${schema.replaceAll('"', '""')}"`;
  await database.query(
    `create or replace function ${name}.now() returns bigint language sql volatile parallel safe
     as $$ select floor(extract(epoch from clock_timestamp()) * 1000)::bigint + ${Math.trunc(ms)}::bigint $$`,
  );
}
