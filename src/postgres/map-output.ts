import { whole } from "./blobs.ts";

/**
 * The output of a map, as an expression over the node run `n`: a list of what its items gave, in their order. It is put together
 * where it is read, so that no row has to hold it. An item that was given up reads as null.
 */
export function mapOutput(s: string): string {
  const output = `coalesce(${whole(s, "i.output", "i.run_id")}, 'null'::json)`;
  return `(select coalesce(json_agg(case when not m.collect then ${output}
      when i.status = 'succeeded' then json_build_object('ok', true, 'value', ${output})
      else json_build_object('ok', false, 'error', i.error) end order by i.item), '[]'::json)
    from ${s}.maps m join ${s}.node_runs i on i.run_id = m.run_id and i.node = m.node and i.item >= 0
    where m.run_id = n.run_id and m.node = n.node)`;
}
