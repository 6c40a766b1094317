/** What goes into `email.send`, and what comes out of it. */
import { z } from "zod";

/** An address by itself, or with the name of whom it belongs to. */
export type Mailbox = string | { readonly address: string; readonly name: string };

/** A file of a message: text, or bytes in base64. */
export type EmailAttachment = {
  readonly filename: string;
  /** Default: as the filename's ending says. */
  readonly contentType?: string | undefined;
} & ({ readonly text: string } | { readonly base64: string });

/** What a workflow passes to `email.send`. */
export interface Email {
  /** A credential that the node's `credentials` names: `host`, `port`, `username`, `password`, `tls`, `ca`, `from`. */
  readonly credential: string;
  /** Default: the field `from` of the credential. */
  readonly from?: Mailbox | undefined;
  /** One address or a list; with `cc` and `bcc` from 1 to 50 in all. */
  readonly to?: Mailbox | readonly Mailbox[] | undefined;
  readonly cc?: Mailbox | readonly Mailbox[] | undefined;
  readonly bcc?: Mailbox | readonly Mailbox[] | undefined;
  readonly replyTo?: Mailbox | readonly Mailbox[] | undefined;
  /** One line, at most 998 characters. */
  readonly subject: string;
  /** At least one of `text` and `html`. */
  readonly text?: string | undefined;
  readonly html?: string | undefined;
  /** At most 20. Their size is that of the input: a node's input is limited as a whole. */
  readonly attachments?: readonly EmailAttachment[] | undefined;
  /**
   * Where the server got the message and nobody knows whether it took it. `stop`: a dead letter `outcome_unknown`, for a person to look.
   * `resend`: again, with the same `Message-ID`; somebody may get it twice. Default `stop`.
   */
  readonly whenUnknown?: "stop" | "resend" | undefined;
}

/** Its output. */
export interface SentEmail {
  /** The same on every attempt of a node run. */
  readonly messageId: string;
  /** Addresses that the server has taken the message for. */
  readonly accepted: readonly string[];
  /** Addresses that it has refused; the others get the message. */
  readonly rejected: readonly string[];
  /** What it said. */
  readonly response: string;
}

export const MAX_RECIPIENTS = 50;
const MAX_ATTACHMENTS = 20;
/** A line of a message, RFC 5322 2.1.1. */
const MAX_LINE = 998;
/** A new line would begin another header. */
const oneLine = z
  .string()
  .max(MAX_LINE)
  // oxlint-disable-next-line no-control-regex -- these are what must not be in it
  .regex(/^[^\u0000-\u001f\u007f]*$/, "must be one line of text");

const mailbox = z.union([z.email(), z.strictObject({ address: z.email(), name: oneLine })]);
const mailboxes = z.union([mailbox, z.array(mailbox)]).optional();
const file = { filename: oneLine.min(1), contentType: oneLine.optional() };
const attachment = z.union([
  z.strictObject({ ...file, text: z.string() }),
  z.strictObject({ ...file, base64: z.base64() }),
]);

export const email: z.ZodType<Email, Email> = z
  .strictObject({
    credential: z.string(),
    from: mailbox.optional(),
    to: mailboxes,
    cc: mailboxes,
    bcc: mailboxes,
    replyTo: mailboxes,
    subject: oneLine,
    text: z.string().optional(),
    html: z.string().optional(),
    attachments: z.array(attachment).max(MAX_ATTACHMENTS).optional(),
    whenUnknown: z.enum(["stop", "resend"]).optional(),
  })
  .refine(({ text, html }) => text !== undefined || html !== undefined, {
    error: "needs text, html or both",
    path: ["text"],
  })
  .refine((mail) => isBetween(recipientsOf(mail).length, 1, MAX_RECIPIENTS), {
    error: `needs 1 to ${MAX_RECIPIENTS} addresses in to, cc and bcc`,
    path: ["to"],
  });

export const sentEmail: z.ZodType<SentEmail, SentEmail> = z.object({
  messageId: z.string(),
  accepted: z.array(z.string()),
  rejected: z.array(z.string()),
  response: z.string(),
});

/** Whom the message goes to. */
export function recipientsOf({ to, cc, bcc }: Pick<Email, "to" | "cc" | "bcc">): readonly string[] {
  return [to, cc, bcc].flatMap(listOf).map(addressOf);
}

export function listOf(given: Mailbox | readonly Mailbox[] | undefined): readonly Mailbox[] {
  if (given === undefined) return [];
  return isList(given) ? given : [given];
}

export function addressOf(mailbox: Mailbox): string {
  return typeof mailbox === "string" ? mailbox : mailbox.address;
}

function isList(given: Mailbox | readonly Mailbox[]): given is readonly Mailbox[] {
  return Array.isArray(given);
}

function isBetween(count: number, least: number, most: number): boolean {
  return count >= least && count <= most;
}
