/** What a credential of a mail server says, and whether it says enough. */
import { z } from "zod";
import type { GrantedCredential } from "../core/definition/action.ts";
import { PermanentError } from "../core/run/failures.ts";

/** How the connection is secured: from its beginning, after a greeting, or (only where it stays in a trusted network) not at all. */
export type MailSecurity = "implicit" | "starttls" | "none";

/** A mail server, and who one is there. */
export interface MailAccount {
  readonly host: string;
  readonly port: number;
  readonly tls: MailSecurity;
  /** `null`: the server takes messages without knowing who sends them. */
  readonly login: { readonly username: string; readonly password: string } | null;
  /** Certificates, PEM, that the server's is signed by; `null`: those that Node.js trusts. */
  readonly ca: string | null;
  /** Who sends where a message does not say. */
  readonly from: string | null;
  readonly allowHosts: readonly string[] | null;
}

const SUBMISSION = 587;
const SUBMISSION_TLS = 465;

const port = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .pipe(z.int().min(1).max(65_535));

const fieldsSchema = z
  .object({
    host: z.string().min(1),
    port: port.optional(),
    tls: z.enum(["implicit", "starttls", "none"]).optional(),
    username: z.string().min(1).optional(),
    password: z.string().min(1).optional(),
    ca: z.string().min(1).optional(),
    from: z.email().optional(),
  })
  .refine(({ username, password }) => (username === undefined) === (password === undefined), {
    path: ["password"],
  });

/** Throws `PermanentError` that names the fields at fault, and none of their values. */
export function mailAccount(name: string, { fields, allowHosts }: GrantedCredential): MailAccount {
  const { data, error } = fieldsSchema.safeParse(fields);
  if (error) throw unusable(name, [...new Set(error.issues.map(({ path }) => path.join(".")))]);
  const { username, password, host, ca = null, from = null } = data;
  const tls = data.tls ?? (data.port === SUBMISSION_TLS ? "implicit" : "starttls");
  return {
    host,
    port: data.port ?? (tls === "implicit" ? SUBMISSION_TLS : SUBMISSION),
    tls,
    login: username !== undefined && password !== undefined ? { username, password } : null,
    ca,
    from,
    allowHosts,
  };
}

function unusable(name: string, fields: readonly string[]): PermanentError {
  return new PermanentError(
    `Credential "${name}" is no mail server: look at ${fields.join(", ")}. It needs "host"; "port" is a number (default ${SUBMISSION}), ` +
      `"tls" is starttls, implicit or none, "username" comes with "password", "ca" is PEM, and "from" is an address.`,
  );
}
