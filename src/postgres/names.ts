/** Names that go into SQL text. Only the schema's is chosen by the host; everything else is a constant of this folder. */
import { FlowForgeError } from "../core/errors.ts";

export const DEFAULT_SCHEMA = "flowforge";

const MAX_BYTES = 63;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The schema's name as it stands in SQL text, quoted. Throws `option_invalid` where PostgreSQL would cut it or refuse it. */
export function quoteSchema(name: string): string {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0 || bytes > MAX_BYTES || name.includes("\0") || name.startsWith("pg_")) {
    throw new FlowForgeError("option_invalid", {
      subject: 'option "schema"',
      expected: `a name of 1 to ${MAX_BYTES} bytes that does not begin with "pg_"`,
      received: JSON.stringify(name.slice(0, 80)),
      next: "Choose another schema name.",
    });
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** Run ids are UUIDs in lower case. Anything else cannot be the id of a run, and must not reach a parameter of type `uuid[]`. */
export function isRunId(id: string): boolean {
  return UUID.test(id);
}
