/** Where a secret could be left, as text, and the forms in which it could be there. */
import { MAIL_USER } from "../../support/mail-server.ts";
import type { Backend } from "./backends.ts";

/** As AUTH PLAIN sends it. */
export function plain(user: string, password: string): string {
  return Buffer.from(`\0${user}\0${password}`).toString("base64");
}

export function formsOf(secret: string): Readonly<Record<string, string>> {
  const bytes = Buffer.from(secret);
  return {
    raw: secret,
    json: JSON.stringify(secret).slice(1, -1),
    url: encodeURIComponent(secret),
    hex: bytes.toString("hex"),
    plain: plain(MAIL_USER, secret),
    base64: bytes.toString("base64").replace(/=+$/, "").slice(0, -1),
    base64url: bytes.toString("base64url").slice(0, -1),
    "half of it": secret.slice(7, 20),
  };
}

/** Errors in log lines are no JSON by themselves. */
export function plainErrors(_: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  return { ...Object.fromEntries(Object.entries(value)), name, message, stack, cause };
}

/** Every row of every table, as text. */
export async function everything({ database }: Backend): Promise<string> {
  const tables = await database.query<{ name: string }>(
    "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname !~ '^(pg_|information)'",
  );
  const texts = await Promise.all(
    tables.map(async ({ name }) => JSON.stringify(await database.query(`select t::text from ${name} t`))),
  );
  return texts.join("\n");
}

export async function queueContents({ queuePrefix, eachRedis }: Backend): Promise<string> {
  const found = await eachRedis(async (client) => {
    const texts: string[] = [];
    for await (const keys of client.scanStream({ match: `*${queuePrefix}*` }))
      for (const key of keys as string[]) {
        const dump = await client.dumpBuffer(key);
        texts.push(key, dump?.toString("latin1") ?? "");
      }
    return texts;
  });
  return found.flat().join("\n");
}
