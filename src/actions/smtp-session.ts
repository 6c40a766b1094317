/** One delivery over SMTP: connect, log in, hand over, and hang up. */
import { Socket } from "node:net";
import { Readable } from "node:stream";
import type SMTPConnection from "nodemailer/lib/smtp-connection";
import type { SMTPConnectionSendInfo } from "nodemailer/lib/smtp-connection";
import type { ActionContext } from "../core/definition/action.ts";
import type { MailAccount } from "./email-account.ts";
import { loadNodemailer } from "./email-package.ts";
import { SmtpError, type SmtpStage } from "./smtp-error.ts";

export interface Envelope {
  readonly from: string;
  readonly to: readonly string[];
}

export interface Delivery {
  readonly envelope: Envelope;
  readonly message: Buffer;
  /** Waited for when the server is ready to take the message, and before it gets a byte of it. Where it fails, nothing is sent. */
  readonly onHandOver: () => Promise<void>;
}

/** A server that says nothing for so long is given up. */
const SILENCE_MS = 30_000;

/**
 * Connects to the addresses that the engine allows, and sends one message.
 *
 * Throws `SmtpError`, the reason of the signal, and what `ctx.connect` throws.
 */
export async function deliver(
  account: MailAccount,
  delivery: Delivery,
  { connect, signal }: Pick<ActionContext<unknown>, "connect" | "signal">,
): Promise<SMTPConnectionSendInfo> {
  const { SMTPConnection } = await loadNodemailer();
  const { host, port, allowHosts } = account;
  const socket = await connect({ host, port, allowHosts, signal });
  if (!(socket instanceof Socket)) throw new TypeError("ctx.connect gives sockets of node:net.");
  const session = new Session(new SMTPConnection({ ...settings(account), connection: socket }), socket);
  const stop = (): void => session.breakOff();
  signal.addEventListener("abort", stop);
  try {
    signal.throwIfAborted();
    const taken = await session.deliver(account, delivery);
    session.end();
    return taken;
  } catch (error) {
    session.breakOff();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function settings({ host, port, tls, ca }: MailAccount): SMTPConnection.Options {
  return {
    host,
    port,
    secure: tls === "implicit",
    requireTLS: tls === "starttls",
    ignoreTLS: tls === "none",
    greetingTimeout: SILENCE_MS,
    socketTimeout: SILENCE_MS,
    tls: ca === null ? {} : { ca },
  };
}

class Session {
  readonly #connection: SMTPConnection;
  readonly #socket: Socket;
  #stage: SmtpStage = "before";

  constructor(connection: SMTPConnection, socket: Socket) {
    this.#connection = connection;
    this.#socket = socket;
  }

  async deliver(
    { login }: MailAccount,
    { envelope, message, onHandOver }: Delivery,
  ): Promise<SMTPConnectionSendInfo> {
    const connection = this.#connection;
    await this.#settled<undefined>((done) => connection.connect((error) => done(error ?? null, undefined)));
    if (login) {
      const { username: user, password: pass } = login;
      await this.#settled<boolean>((done) => connection.login({ user, pass }, done));
    }
    const sent = { from: envelope.from, to: [...envelope.to], size: message.length };
    const content = Readable.from(this.#handedOver(message, onHandOver), { objectMode: false });
    return await this.#settled<SMTPConnectionSendInfo>((done) => connection.send(sent, content, done));
  }

  /** The message has been taken: whether the good-bye arrives does not matter. */
  end(): void {
    this.#connection.on("error", () => undefined);
    this.#connection.quit();
    this.#connection.close();
  }

  /** Without a good-bye, so that half a message is not taken for a whole one. */
  breakOff(): void {
    this.#connection.on("error", () => undefined);
    this.#socket.destroy();
    this.#connection.close();
  }

  /** It is read when the server has asked for it. */
  async *#handedOver(message: Buffer, onHandOver: () => Promise<void>): AsyncGenerator<Buffer> {
    await onHandOver();
    this.#stage = "message";
    yield message;
  }

  /** The library tells of failures by the callback, by an event, or by the mere end of the connection. */
  #settled<Value>(start: (done: (error: Error | null, value?: Value) => void) => void): Promise<Value> {
    const connection = this.#connection;
    return new Promise<Value>((done, fail) => {
      const failed = (error: Error): void => fail(new SmtpError(error, this.#stage));
      const ended = (): void => failed(new Error("The mail server has closed the connection."));
      connection.once("error", failed);
      connection.once("end", ended);
      start((error, value) => {
        connection.removeListener("error", failed);
        connection.removeListener("end", ended);
        if (error) failed(error);
        else done(value as Value);
      });
    });
  }
}
