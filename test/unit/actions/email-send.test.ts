/** `email.send` against a mail server of this process. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { emailSend } from "../../../src/actions/email-send.ts";
import { email } from "../../../src/actions/email-types.ts";
import type { ActionContext } from "../../../src/core/definition/action.ts";
import { OutboundHttp } from "../../../src/security/outbound/guarded-fetch.ts";
import { parseOutbound } from "../../../src/security/outbound/rules.ts";
import { CERTIFICATE } from "../../support/certificate.ts";
import {
  MAIL_PASSWORD,
  MAIL_USER,
  MailServer,
  type MailServerSettings,
  SLOW,
} from "../../support/mail-server.ts";

const HELLO = { credential: "mail", to: "ada@example.com", subject: "Hello", text: "World" };

describe("email.send", () => {
  let server: MailServer;
  let outbound: OutboundHttp;
  /** What the action has stored, at each time. */
  let notes: unknown[];
  let redacted: string[];

  beforeEach(() => {
    outbound = new OutboundHttp({ rules: parseOutbound({ allowPrivateNetwork: true }) });
    notes = [];
    redacted = [];
  });
  afterEach(async () => {
    await outbound.close();
    await server[Symbol.asyncDispose]();
  });

  const serve = async (settings?: MailServerSettings): Promise<void> => {
    server = await MailServer.start(settings);
  };

  function context(
    input: object,
    more: { fields?: object; signal?: AbortSignal; allowHosts?: string[] } = {},
  ) {
    const { fields, signal = new AbortController().signal, allowHosts = null } = more;
    return {
      input: email.parse({ ...HELLO, ...input }),
      idempotencyKey: "k1",
      signal,
      credential: async () => ({ fields: { ...server.fields, ...fields }, allowHosts }),
      connect: outbound.connect,
      redact: (secret: string) => void redacted.push(secret),
      checkpoint: async (value: unknown) => void notes.push(value),
      lastCheckpoint: async () => notes.at(-1) ?? null,
    } as Partial<ActionContext<unknown>> as ActionContext<never>;
  }
  const send = async (...given: Parameters<typeof context>) => emailSend.run(context(...given));
  const verify = async (input: object = {}) => emailSend.verify!(context(input));

  test("sends what it is given: names, copies, both forms and files", async () => {
    await serve();
    const output = await send({
      from: { address: "shop@example.com", name: "Der Laden, Köln" },
      to: ["ada@example.com", { address: "bob@example.com", name: 'Bob "B" Böse' }],
      cc: "carl@example.com",
      bcc: ["dora@example.com"],
      replyTo: "answers@example.com",
      subject: "Grüße 🎉 und mehr",
      html: "<b>fett</b>",
      attachments: [
        { filename: "a.txt", text: "ä" },
        { filename: "b.bin", base64: "AAEC", contentType: "application/x-b" },
      ],
    });
    const everybody = ["ada", "bob", "carl", "dora"].map((name) => `${name}@example.com`);
    expect(output).toEqual({
      messageId: "<k1@example.com>",
      accepted: everybody,
      rejected: [],
      response: "250 taken",
    });
    const { mail, to, from, user, isEncrypted, raw } = server.taken[0]!;
    expect({ to, from, user, isEncrypted }).toEqual({
      to: everybody,
      from: "shop@example.com",
      user: MAIL_USER,
      isEncrypted: true,
    });
    expect(mail).toMatchObject({
      messageId: "<k1@example.com>",
      subject: "Grüße 🎉 und mehr",
      text: "World",
      html: "<b>fett</b>",
      from: { value: [{ address: "shop@example.com", name: "Der Laden, Köln" }] },
      cc: { text: "carl@example.com" },
      replyTo: { text: "answers@example.com" },
      attachments: [
        { filename: "a.txt", contentType: "text/plain", content: Buffer.from("ä") },
        { filename: "b.bin", contentType: "application/x-b", content: Buffer.from([0, 1, 2]) },
      ],
    });
    expect(raw).not.toContain("dora@");
  });

  test.each<{ tls: string; settings: MailServerSettings }>([
    { tls: "implicit", settings: { implicit: true } },
    { tls: "starttls", settings: {} },
    { tls: "none", settings: { plain: true } },
  ])("tls: $tls", async ({ tls, settings }) => {
    await serve(settings);
    await send({}, { fields: { tls } });
    expect(server.taken[0]).toMatchObject({ isEncrypted: tls !== "none", user: MAIL_USER });
  });

  test("without a login, where the server asks for none", async () => {
    await serve({ open: true });
    await send({}, { fields: { username: undefined, password: undefined } });
    expect(server.taken).toHaveLength(1);
  });

  test.each<{ title: string; settings?: MailServerSettings; fields: object; message: RegExp }>([
    { title: "a server without STARTTLS", settings: { plain: true }, fields: {}, message: /STARTTLS/i },
    { title: "an unknown certificate", fields: { ca: undefined }, message: /self-signed/ },
    {
      title: "a certificate of another host",
      fields: { host: "127.0.0.1" },
      message: /altnames.*127\.0\.0\.1/,
    },
  ])("no password without safety: $title", async ({ settings, fields, message }) => {
    await serve(settings);
    await expect(send({}, { fields })).rejects.toThrow(message);
    expect(server.passwords).toEqual([]);
    expect(notes).toEqual([]);
  });

  test("a certificate that is not trusted stays so", async () => {
    await serve();
    const error = await Promise.resolve(send({}, { fields: { ca: undefined } })).catch(
      (cause: unknown) => cause,
    );
    expect(emailSend.classify!(error)).toBe("permanent");
  });

  test("addresses that are refused do not hold up the others", async () => {
    await serve();
    server.trouble = { at: "recipient", how: 550, recipient: "bob@example.com" };
    expect(await send({ to: ["ada@example.com", "bob@example.com"] })).toMatchObject({
      accepted: ["ada@example.com"],
      rejected: ["bob@example.com"],
    });
    expect(server.taken[0]!.to).toEqual(["ada@example.com"]);
  });

  describe("keeps a note of the hand-over", () => {
    const handedOver = { state: "handedOver" };

    test("before the server gets the message, and when it has taken it", async () => {
      await serve();
      const stored: unknown[] = [];
      server.onMoment = (moment) => void (moment === "message" ? stored.push(...notes) : undefined);
      const output = await send({});
      expect(stored).toEqual([handedOver]);
      expect(notes).toEqual([handedOver, { state: "taken", output }]);
      expect(await verify()).toEqual({ outcome: "happened", output });
    });

    test("and sends nothing where that cannot be stored", async () => {
      await serve();
      const outdated = new Error("the node run is another's");
      const given = { ...context({}), checkpoint: () => Promise.reject(outdated) };
      await expect(emailSend.run(given as never)).rejects.toThrow("the node run is another's");
      expect(server.taken).toEqual([]);
    });

    test("none where it did not come so far", async () => {
      await serve();
      server.trouble = { at: "recipient", how: "break" };
      await expect(send({})).rejects.toThrow();
      expect(notes).toEqual([]);
      expect(await verify()).toEqual({ outcome: "didNotHappen" });
    });

    test("and takes it back when the server refuses the message", async () => {
      await serve();
      server.trouble = { at: "message", how: 451 };
      await expect(send({})).rejects.toThrow("451 refused by the test");
      expect(notes).toEqual([handedOver, null]);
      expect(await verify()).toEqual({ outcome: "didNotHappen" });
    });

    test("in between nobody knows, and the node says what then", async () => {
      await serve();
      server.trouble = { at: "taken", how: "break" };
      await expect(send({})).rejects.toThrow();
      expect(server.taken).toHaveLength(1);
      expect(await verify()).toEqual({ outcome: "unknown" });
      expect(await verify({ whenUnknown: "stop" })).toEqual({ outcome: "unknown" });
      expect(await verify({ whenUnknown: "resend" })).toEqual({ outcome: "didNotHappen" });
    });
  });

  test.each(["greeting", SLOW])("stops when it is told to: %s", async (where) => {
    await serve();
    const stop = new AbortController();
    let isReached: () => void;
    const reached = new Promise<void>((done) => (isReached = done));
    if (where === "greeting") server.trouble = { at: "greeting", how: "hang" };
    server.onMoment = (moment) => void (moment === (where === SLOW ? "sender" : "greeting") && isReached());
    const sending = Promise.resolve(send({ to: SLOW }, { signal: stop.signal })).catch(
      (cause: unknown) => cause,
    );
    await reached;
    stop.abort(new Error("enough"));
    expect(await sending).toMatchObject({ message: "enough" });
  });

  test("goes only where the credential may go", async () => {
    await serve();
    const elsewhere = { allowHosts: ["mail.example.com"] };
    await expect(send({}, elsewhere)).rejects.toMatchObject({ cause: { code: "outbound_host_refused" } });
    expect(server.taken).toEqual([]);
  });

  test("a message that is larger than the server takes fails for good", async () => {
    await serve({ size: 1_000 });
    const error = await Promise.resolve(send({ text: "x".repeat(2_000) })).catch((cause: unknown) => cause);
    expect(emailSend.classify!(error)).toBe("permanent");
  });

  test("the login is hidden in the form in which it is sent", async () => {
    await serve();
    await send({});
    expect(redacted).toEqual([Buffer.from(`\0${MAIL_USER}\0${MAIL_PASSWORD}`).toString("base64")]);
  });

  test.each<[string, object, string]>([
    ["no host", { host: undefined }, "look at host."],
    ["a port that is none", { port: "70000" }, "look at port."],
    ["a name without a password", { password: undefined }, "look at password."],
    ["an unknown kind of safety", { tls: "yes", ca: "" }, "look at tls, ca."],
    ["a sender that is no address", { from: "shop" }, "look at from."],
  ])("a credential with %s names its fields, and no value", async (_title, fields, message) => {
    await serve();
    const failed = expect(send({}, { fields })).rejects;
    await failed.toThrow(message);
    await failed.not.toThrow(MAIL_PASSWORD);
    await failed.not.toThrow(CERTIFICATE);
  });

  test("needs somebody who sends", async () => {
    await serve();
    await expect(send({}, { fields: { from: undefined } })).rejects.toThrow(/"mail" a field "from"/);
  });
});

describe("what it takes", () => {
  const problems = (input: object): string => {
    const { error } = email.safeParse({ ...HELLO, ...input });
    return error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ") ?? "fine";
  };
  const many = (count: number) => Array.from({ length: count }, (_, at) => `a${at}@example.com`);

  test("1 to 50 addresses in all", () => {
    expect(problems({ to: many(25), cc: many(20), bcc: many(5) })).toBe("fine");
    expect(problems({ to: many(25), cc: many(20), bcc: many(6) })).toMatch(/^to: needs 1 to 50/);
    expect(problems({ to: undefined })).toMatch(/^to: needs 1 to 50/);
    expect(problems({ to: undefined, bcc: "x@example.com" })).toBe("fine");
  });

  test.each([["\r\nBcc: x@example.com"], ["\nX"], ["\r"], ["\u0000"]])(
    "no header inside a header: %j",
    (text) => {
      expect(problems({ subject: `a${text}` })).toMatch(/^subject: must be one line/);
      expect(problems({ to: { address: "a@example.com", name: `a${text}` } })).toMatch(/^to/);
      expect(problems({ to: `a@example.com${text}` })).toMatch(/^to/);
      expect(problems({ attachments: [{ filename: `a${text}`, text: "" }] })).toMatch(/^attachments/);
      expect(problems({ attachments: [{ filename: "a", contentType: `a${text}`, text: "" }] })).toMatch(
        /^attach/,
      );
    },
  );

  test.each([{ path: "/etc/passwd" }, { href: "http://169.254.169.254/" }, { raw: "x" }])(
    "no file that is elsewhere: %j",
    (from) => {
      expect(problems({ attachments: [{ filename: "a", ...from }] })).toMatch(/^attachments/);
      expect(problems({ attachments: [{ filename: "a", text: "x", ...from }] })).toMatch(/^attachments/);
    },
  );
});
