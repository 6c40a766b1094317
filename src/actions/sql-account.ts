/** What a credential of a database says, and whether it says enough. */
import { z } from "zod";
import type { GrantedCredential } from "../core/definition/action.ts";
import { PermanentError } from "../core/run/failures.ts";

/** A database, and who one is there. */
export interface SqlAccount {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  /** `null`: the server lets him in without one. */
  readonly password: string | null;
  /** `verify`: encrypted, to a server whose certificate is trusted and is that of the host. `none`: only where it stays in a trusted network. */
  readonly tls: "verify" | "none";
  /** Certificates, PEM, that the server's is signed by; `null`: those that Node.js trusts. */
  readonly ca: string | null;
  readonly allowHosts: readonly string[] | null;
}

const POSTGRES = 5432;

/** A NUL ends a name within the message that carries it. */
const name = z.string().regex(/^[^\0]+$/);

const fieldsSchema = z.object({
  host: z.string().min(1),
  port: z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(65_535))
    .optional(),
  database: name,
  username: name,
  password: name.optional(),
  tls: z.enum(["verify", "none"]).optional(),
  ca: z.string().min(1).optional(),
});

/** Throws `PermanentError` that names the fields at fault, and none of their values. */
export function sqlAccount(credential: string, { fields, allowHosts }: GrantedCredential): SqlAccount {
  const { data, error } = fieldsSchema.safeParse(fields);
  if (error) throw unusable(credential, [...new Set(error.issues.map(({ path }) => path.join(".")))]);
  const { port = POSTGRES, password = null, tls = "verify", ca = null, ...rest } = data;
  return { ...rest, port, password, tls, ca, allowHosts };
}

function unusable(credential: string, fields: readonly string[]): PermanentError {
  return new PermanentError(
    `Credential "${credential}" is no database: look at ${fields.join(", ")}. It needs "host", "database" and "username"; "port" is a number ` +
      `(default ${POSTGRES}), "password" is text, "tls" is verify or none, and "ca" is PEM.`,
  );
}
