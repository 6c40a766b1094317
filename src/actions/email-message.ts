/** A message as its bytes, RFC 5322 and MIME. */
import type { MailComposerOptions } from "nodemailer/lib/mail-composer";
import { loadNodemailer } from "./email-package.ts";
import { addressOf, type Email, type EmailAttachment, listOf, type Mailbox } from "./email-types.ts";

export interface MessageHead {
  readonly from: Mailbox;
  readonly messageId: string;
}

/** Nothing in it is read from files or addresses. The addresses of `bcc` are not in it. */
export async function messageBytes(mail: Email, { from, messageId }: MessageHead): Promise<Buffer> {
  const { MailComposer } = await loadNodemailer();
  const options: MailComposerOptions = {
    from: written(from),
    to: listOf(mail.to).map(written),
    cc: listOf(mail.cc).map(written),
    replyTo: listOf(mail.replyTo).map(written),
    subject: mail.subject,
    messageId,
    text: mail.text,
    html: mail.html,
    attachments: mail.attachments?.map(part),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
  return await new MailComposer(options).compile().build();
}

/** `<key@domain of the sender>`: the same on every attempt, so that receivers which look at it show the message once. */
export function messageIdOf(idempotencyKey: string, from: Mailbox): string {
  const domain = addressOf(from).split("@").at(-1);
  return `<${idempotencyKey}@${domain}>`;
}

function written(mailbox: Mailbox): { readonly address: string; readonly name: string } {
  return typeof mailbox === "string" ? { address: mailbox, name: "" } : mailbox;
}

function part(attachment: EmailAttachment): NonNullable<MailComposerOptions["attachments"]>[number] {
  const { filename, contentType } = attachment;
  const content = "text" in attachment ? attachment.text : Buffer.from(attachment.base64, "base64");
  return { filename, contentType, content };
}
