/** Twilio's published examples, and what follows from its way to sign fields without anything between them. */
import { createHash, createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { signatureSchema } from "../../../src/core/definition/webhook-signature.ts";
import { verifyWebhook } from "../../../src/triggers/webhooks/verify.ts";

const TOKEN = "12345";
const URL_OF_FORM = "https://mycompany.com/myapp.php?foo=1&bar=2";
const JSON_BODY = '{"property": "value", "boolean": true}';
const JSON_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const FORM = "application/x-www-form-urlencoded; charset=UTF-8";

const form = (caller: string) =>
  new URLSearchParams({
    To: "+18005551212",
    Digits: "1234",
    CallSid: "CA1234567890ABCDE",
    Caller: caller,
    From: caller,
  }).toString();

interface Sent {
  readonly url?: string;
  readonly body: string;
  readonly value: string;
  readonly type?: string;
}

function verify({ url = URL_OF_FORM, body, value, type = FORM }: Sent, secrets = [TOKEN]) {
  const headers = { "x-twilio-signature": value, "content-type": type };
  const request = { method: "POST", url, headers, body: Buffer.from(body) };
  return verifyWebhook(request, { signature: { scheme: "twilio", secret: "hook" }, secrets, now: 0 });
}

function sign(text: string): string {
  return createHmac("sha1", TOKEN).update(text).digest("base64");
}

const json: Sent = {
  url: `${URL_OF_FORM}&bodySHA256=${JSON_HASH}`,
  body: JSON_BODY,
  value: "a9nBmqA0ju/hNViExpshrM61xv4=",
  type: "application/json",
};

describe.each([
  ["a form", { body: form("+14158675310"), value: "GvWf1cFY/Q7PnoempGyD5oXAezc=" }],
  ["another form", { body: form("+14158675309"), value: "RSOYDt4T1cUTdK1PDd93/VVr8B8=" }],
  ["JSON", json],
] satisfies [string, Sent][])("the vector of %s", (_name, sent: Sent) => {
  test("is taken, also while the token is replaced", () => {
    expect(verify(sent).verified).toBe(true);
    expect(verify(sent, ["new", TOKEN]).verified).toBe(true);
    expect(verify(sent, ["new"])).toMatchObject({ reason: "signature_mismatch" });
    expect(verify(sent, [""])).toMatchObject({ reason: "secret_missing" });
  });

  test("is taken with the port that everybody expects, and with no other", () => {
    const url = sent.url ?? URL_OF_FORM;
    expect(verify({ ...sent, url: url.replace(".com/", ".com:443/") }).verified).toBe(true);
    expect(verify({ ...sent, url: url.replace("https:", "http:") }).verified).toBe(false);
    expect(verify({ ...sent, url: url.replace("foo=1", "foo=2") }).verified).toBe(false);
  });

  test.each([
    ["empty", ""],
    ["cut", sent.value.slice(0, -1)],
    ["longer", `${sent.value}=`],
    ["with a space", ` ${sent.value}`],
    ["there twice", `${sent.value}, ${sent.value}`],
    ["in hex", Buffer.from(sent.value, "base64").toString("hex")],
  ])("with a signature that is %s is refused", (_what, value) => {
    expect(verify({ ...sent, value }).verified).toBe(false);
  });

  test("with another body is refused", () => {
    for (const body of ["", `${sent.body}&x=1`, sent.body.slice(0, -1), "Digits=1234"])
      expect(verify({ ...sent, body }).verified).toBe(false);
  });
});

test("a body is compared with its hash in the address, whatever it calls itself", () => {
  expect(verify({ ...json, type: FORM, body: "" })).toMatchObject({ reason: "body_mismatch" });
  expect(verify({ ...json, body: JSON.stringify(JSON.parse(JSON_BODY)) })).toMatchObject({
    reason: "body_mismatch",
  });
  const two = `${json.url}&bodySHA256=${createHash("sha256").update("x").digest("hex")}`;
  expect(verify({ ...json, url: two, body: "x", value: sign(two) })).toMatchObject({
    reason: "body_mismatch",
  });
});

test("a body that is no form, and whose hash is not in the address, is refused though the address is signed", () => {
  expect(verify({ body: "{}", value: sign(URL_OF_FORM), type: "application/json" })).toMatchObject({
    reason: "body_mismatch",
  });
  expect(verify({ body: "", value: sign(URL_OF_FORM), type: "application/json" }).verified).toBe(true);
});

test("fields are taken in the order of their names, and a value that is there twice once", () => {
  const sent = { body: "b=2&a=1&b=1&b=2", value: sign(`${URL_OF_FORM}a1b1b2`) };
  expect(verify(sent).verified).toBe(true);
});

test("other spellings of what was signed are the same delivery", () => {
  const value = sign(`${URL_OF_FORM}MessageSidSM1MessageStatussent`);
  const hashes = [
    "MessageSid=SM1&MessageStatus=sent",
    "MessageStatus=%73ent&MessageSid=SM1",
    "MessageSidS=M1&MessageStatus=sent",
  ].map((body) => {
    const verdict = verify({ body, value });
    return verdict.verified ? verdict.bodyHash : verdict.reason;
  });
  expect(new Set(hashes).size).toBe(1);
  expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/);
});

test("a message is named by its id and status; a call has no name", () => {
  const message = {
    body: "MessageSid=SM1&MessageStatus=sent",
    value: sign(`${URL_OF_FORM}MessageSidSM1MessageStatussent`),
  };
  expect(verify(message)).toMatchObject({ deliveryId: "SM1:sent", isIdSigned: false });
  expect(verify({ body: form("+14158675310"), value: "GvWf1cFY/Q7PnoempGyD5oXAezc=" })).toMatchObject({
    deliveryId: null,
  });
});

test("a form of very many fields is refused", () => {
  const body = Array.from({ length: 1_001 }, (_, index) => `f${index}=1`).join("&");
  expect(verify({ body, value: sign(URL_OF_FORM) })).toMatchObject({ reason: "body_mismatch" });
});

test("behind a proxy the configured address counts, with the query that came", () => {
  const headers = { "x-twilio-signature": "GvWf1cFY/Q7PnoempGyD5oXAezc=", "content-type": FORM };
  const at = (url: string, configured?: string) =>
    verifyWebhook(
      { method: "POST", url, headers, body: Buffer.from(form("+14158675310")) },
      { signature: { scheme: "twilio", secret: "hook", url: configured }, secrets: [TOKEN], now: 0 },
    ).verified;
  expect(at("http://10.0.0.7:3000/webhooks/default/calls?foo=1&bar=2")).toBe(false);
  expect(
    at("http://10.0.0.7:3000/webhooks/default/calls?foo=1&bar=2", "https://mycompany.com/myapp.php"),
  ).toBe(true);
  expect(at("http://10.0.0.7:3000/webhooks/default/calls?foo=1", "https://mycompany.com/myapp.php")).toBe(
    false,
  );
});

test.each(["mycompany.com", "https://a/b?c=1", "https://a/b#c", "ftp://a/", "https://me@a/"])(
  "%j is no address of Twilio's",
  (url) => {
    expect(signatureSchema.safeParse({ scheme: "twilio", secret: "hook", url }).success).toBe(false);
  },
);
