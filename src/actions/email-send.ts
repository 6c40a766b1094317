/** `email.send`: a message by a mail server, over SMTP. */
import { z } from "zod";
import {
  type Action,
  type ActionContext,
  defineAction,
  type Verification,
} from "../core/definition/action.ts";
import { PermanentError } from "../core/run/failures.ts";
import { type MailAccount, mailAccount } from "./email-account.ts";
import { messageBytes, messageIdOf } from "./email-message.ts";
import {
  addressOf,
  type Email,
  email,
  type Mailbox,
  recipientsOf,
  type SentEmail,
  sentEmail,
} from "./email-types.ts";
import { SmtpError } from "./smtp-error.ts";
import { deliver } from "./smtp-session.ts";

/**
 * Sends a message by the mail server of a credential. Needs the package `nodemailer`.
 *
 * SMTP knows no keys, so the action keeps a note of its own: it stores that the message is being handed over before the server gets a
 * byte of it, and that it was taken as soon as the server has said so. An attempt that was cut off before runs again, one that was cut off
 * after is a success. In between nobody knows, and `whenUnknown` says what happens. The `Message-ID` is the same on every attempt, by
 * which many receivers show a message once.
 *
 * Codes from 400 to 499 are tried again, those from 500 on fail for good, as do a refused login and a certificate that is not trusted.
 * A message of which a part of the addresses is refused is sent to the others, and `rejected` names them.
 */
export const emailSend: Action<Email, SentEmail> = defineAction({
  name: "email.send",
  target: null,
  description: "Sends an e-mail over SMTP.",
  input: email,
  output: sentEmail,
  effect: "verifiable",
  timeout: "60s",
  classify: (error) => (error instanceof SmtpError ? error.meaning : undefined),
  run: send,
  verify,
});

/** What `ctx.checkpoint` holds of a message; nothing: the server has not got it. */
const note = z.union([
  z.object({ state: z.literal("handedOver") }),
  z.object({ state: z.literal("taken"), output: sentEmail }),
]);
type Note = z.output<typeof note>;

async function send(context: ActionContext<Email>): Promise<SentEmail> {
  const { input, idempotencyKey } = context;
  const account = mailAccount(input.credential, await context.credential(input.credential));
  hideLogin(account, context);
  const from = senderOf(input, account);
  const messageId = messageIdOf(idempotencyKey, from);
  const message = await messageBytes(input, { from, messageId });
  const envelope = { from: addressOf(from), to: recipientsOf(input) };
  const onHandOver = (): Promise<void> => context.checkpoint({ state: "handedOver" } satisfies Note);
  // What the server has said holds, noted or not: without the note, another attempt knows less.
  const keep = (heard: Note | null): Promise<void> => context.checkpoint(heard).catch(() => undefined);
  try {
    const taken = await deliver(account, { envelope, message, onHandOver }, context);
    const output = {
      messageId,
      accepted: taken.accepted,
      rejected: taken.rejected,
      response: taken.response,
    };
    await keep({ state: "taken", output });
    return output;
  } catch (error) {
    // The server had it, and has said no.
    if (error instanceof SmtpError && error.stage === "message" && error.meaning !== "unknown")
      await keep(null);
    throw error;
  }
}

async function verify({ input, lastCheckpoint }: ActionContext<Email>): Promise<Verification<SentEmail>> {
  const { data } = note.safeParse(await lastCheckpoint());
  if (data?.state === "taken") return { outcome: "happened", output: data.output };
  const mayRun = data === undefined || input.whenUnknown === "resend";
  return { outcome: mayRun ? "didNotHappen" : "unknown" };
}

function senderOf({ from, credential }: Email, account: MailAccount): Mailbox {
  const sender = from ?? account.from;
  if (sender !== null) return sender;
  throw new PermanentError(
    `Nobody is named as the sender: give the node a "from", or credential "${credential}" a field "from".`,
  );
}

/** Servers that echo the command would put the password into the error: as it is sent, it is base64 together with the name. */
function hideLogin({ login }: MailAccount, { redact }: Pick<ActionContext<Email>, "redact">): void {
  if (login) redact(Buffer.from(`\0${login.username}\0${login.password}`).toString("base64"));
}
