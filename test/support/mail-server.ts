/** A mail server that keeps what it takes, and refuses, hangs or breaks off when it is told to. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type ParsedMail, simpleParser } from "mailparser";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from "smtp-server";
import { CERTIFICATE, KEY } from "./certificate.ts";

/** Where a message is refused, or the connection broken. `taken`: after the message was taken, before the answer. */
export type MailMoment = "greeting" | "login" | "sender" | "recipient" | "message" | "taken";

export interface MailTrouble {
  readonly at: MailMoment;
  /** What it answers; `break`: it hangs up; `hang`: it says no more. */
  readonly how: number | "break" | "hang";
  /** Only for this recipient. */
  readonly recipient?: string;
  /** What it says with the code. */
  readonly text?: string;
}

export interface TakenMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string | undefined;
  readonly isEncrypted: boolean;
  readonly raw: string;
  readonly mail: ParsedMail;
}

/** The server says nothing more once it has heard this address. */
export const SLOW = "slow@example.com";
export const MAIL_USER = "someone";
export const MAIL_PASSWORD = "smtp-password-1";

export interface MailServerSettings {
  /** TLS from the beginning. Default: STARTTLS. */
  readonly implicit?: boolean;
  /** Neither. */
  readonly plain?: boolean;
  /** Whoever comes may send. Otherwise `MAIL_USER` with this password (default `MAIL_PASSWORD`). */
  readonly open?: boolean;
  readonly password?: string;
  readonly size?: number;
}

export class MailServer implements AsyncDisposable {
  readonly taken: TakenMail[] = [];
  /** Logins with a password, as they came. */
  readonly passwords: string[] = [];
  trouble: MailTrouble | null = null;
  /** Told at each moment; what it gives is waited for. */
  onMoment: (moment: MailMoment) => Promise<void> | void = () => undefined;
  readonly #server: SMTPServer;

  static async start(settings: MailServerSettings = {}): Promise<MailServer> {
    const server = new MailServer(settings);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server.server, "listening");
    return server;
  }

  private constructor({ implicit = false, plain = false, open = false, password, size }: MailServerSettings) {
    this.#server = new SMTPServer({
      secure: implicit,
      key: KEY,
      cert: CERTIFICATE,
      authOptional: open,
      allowInsecureAuth: true,
      disabledCommands: [...(plain ? ["STARTTLS"] : []), ...(open ? ["AUTH"] : [])],
      closeTimeout: 0,
      ...(size === undefined ? {} : { size }),
      onConnect: (session, done) => this.#at("greeting", session, done),
      onAuth: ({ username, password: given }, session, done) => {
        this.passwords.push(String(given));
        const known = username === MAIL_USER && given === (password ?? MAIL_PASSWORD);
        if (!known) return done(refusal(535, `no entry for ${username} with ${given}`));
        this.#at("login", session, (error) => (error ? done(error) : done(null, { user: username })));
      },
      onMailFrom: (_address, session, done) => this.#at("sender", session, done),
      onRcptTo: ({ address }, session, done) => {
        if (address === SLOW) return;
        const spared = this.trouble?.recipient !== undefined && this.trouble.recipient !== address;
        if (spared) done();
        else this.#at("recipient", session, done);
      },
      onData: (stream, session, done) => void this.#take(stream, session, done).catch(() => undefined),
    });
    // A client that breaks off is part of many tests.
    this.#server.on("error", () => undefined);
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  /** As a credential says it. */
  get fields(): { readonly [field: string]: string } {
    const login = { username: MAIL_USER, password: MAIL_PASSWORD, from: "shop@example.com" };
    return { host: "localhost", port: String(this.port), ca: CERTIFICATE, ...login };
  }

  async #take(stream: SMTPServerDataStream, session: SMTPServerSession, done: Done): Promise<void> {
    const chunks: Buffer[] = [];
    // Where the client breaks off this throws, and there is nobody to answer.
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    if (stream.sizeExceeded) return done(refusal(552, "too large"));
    const mail = await simpleParser(raw);
    this.#at("message", session, (refused) => {
      if (refused) return done(refused);
      const { envelope, user, secure } = session;
      const from = envelope.mailFrom ? envelope.mailFrom.address : "";
      const to = envelope.rcptTo.map(({ address }) => address);
      this.taken.push({ from, to, user, isEncrypted: secure, raw: String(raw), mail });
      this.#at("taken", session, (error) => done(error, "taken"));
    });
  }

  #at(moment: MailMoment, session: SMTPServerSession, done: Done): void {
    const go = (): void => {
      const { at, how, text = "refused by the test" } = this.trouble ?? {};
      if (at !== moment || how === undefined) return done();
      if (how === "break") return this.#breakOff(session);
      if (how !== "hang") done(refusal(how, text));
    };
    Promise.resolve(this.onMoment(moment)).then(go, done);
  }

  #breakOff({ id }: SMTPServerSession): void {
    for (const connection of this.#server.connections) if (connection.id === id) connection._socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#server.connections) connection._socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

type Done = (error?: Error | null, message?: string) => void;

function refusal(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode });
}
