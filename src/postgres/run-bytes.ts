/** What the values of the run `r` have in all, as an expression: those of items are counted in the rows of their maps. */
export function runBytes(s: string): string {
  return `(coalesce(r.bytes, 0) + coalesce((select sum(u.bytes) from ${s}.maps u where u.run_id = r.id), 0)::int8)`;
}
