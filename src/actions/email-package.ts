/** nodemailer, which is an optional dependency: it is loaded when the first message is sent. */
import type MailComposer from "nodemailer/lib/mail-composer";
import type SMTPConnection from "nodemailer/lib/smtp-connection";
import { FlowForgeError } from "../core/errors.ts";
import { PermanentError } from "../core/run/failures.ts";

export interface Nodemailer {
  readonly MailComposer: typeof MailComposer;
  readonly SMTPConnection: typeof SMTPConnection;
}

/** Throws `PermanentError`, whose cause has the code `package_missing`, where it is not installed. */
export async function loadNodemailer(): Promise<Nodemailer> {
  try {
    const [composer, connection] = await Promise.all([
      import("nodemailer/lib/mail-composer"),
      import("nodemailer/lib/smtp-connection"),
    ]);
    return { MailComposer: composer.default, SMTPConnection: connection.default };
  } catch (error) {
    throw missing(error);
  }
}

function missing(reason: unknown): PermanentError {
  const cause = new FlowForgeError("package_missing", {
    subject: 'action "email.send"',
    expected: "the package nodemailer",
    next: "Install it: npm install nodemailer",
    cause: reason,
  });
  return new PermanentError(cause.message, { cause });
}
