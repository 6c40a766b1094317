/** Signatures of webhooks: published vectors are taken, everything else is refused without throwing. */
import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { handshakeOf } from "../../../src/triggers/webhooks/handshake.ts";
import { parsePayload } from "../../../src/triggers/webhooks/payload.ts";
import { type Signature, signatureSchema } from "../../../src/core/definition/webhook-signature.ts";
import { namesOf, verifyWebhook } from "../../../src/triggers/webhooks/verify.ts";

interface Vector {
  readonly signature: Signature;
  readonly secret: string;
  readonly header: string;
  readonly value: string;
  readonly more?: { readonly [name: string]: string };
  readonly body: string;
  readonly seconds: number;
  readonly id: string | null;
}

const named = (scheme: "standard" | "svix" | "github" | "stripe" | "slack" | "shopify"): Signature => ({
  scheme,
  secret: "hook",
});

const SLACK_BODY =
  "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

const STRIPE_BODY = `{
  "id": "evt_123",
  "object": "event",
  "account": "acct_123",
  "api_version": "2017-05-25",
  "created": 1533204620,
  "data": {
    "object": {
      "id": "cus_123",
      "object": "customer",
      "created": 123456789,
      "email": "test@stripe.com",
      "livemode": false,
      "metadata": {}
    }
  },
  "livemode": false,
  "pending_webhooks": 1,
  "request": {
    "id": "req_123",
    "idempotency_key": "idempotency-key-123"
  },
  "type": "customer.created"
}
`;

const VECTORS: Readonly<Record<string, Vector>> = {
  github: {
    signature: named("github"),
    secret: "It's a Secret to Everybody",
    header: "x-hub-signature-256",
    value: "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    body: "Hello, World!",
    seconds: 0,
    id: null,
  },
  slack: {
    signature: named("slack"),
    secret: "8f742231b10e8888abcd99yyyzzz85a5",
    header: "x-slack-signature",
    value: "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    more: { "x-slack-request-timestamp": "1531420618" },
    body: SLACK_BODY,
    seconds: 1_531_420_618,
    id: null,
  },
  "Standard Webhooks": {
    signature: named("standard"),
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    header: "webhook-signature",
    value: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    more: { "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330" },
    body: '{"test": 2432232314}',
    seconds: 1_614_265_330,
    id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  },
  svix: {
    signature: named("svix"),
    secret: "whsec_plJ3nmyCDGBKInavdOK15jsl",
    header: "svix-signature",
    value: "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    more: { "svix-id": "msg_loFOjxBNrRLzqYUf", "svix-timestamp": "1731705121" },
    body: '{"event_type":"ping","data":{"success":true}}',
    seconds: 1_731_705_121,
    id: "msg_loFOjxBNrRLzqYUf",
  },
  stripe: {
    signature: named("stripe"),
    secret: "whsec_test_secret",
    header: "stripe-signature",
    value: "t=1492774577,v1=88a022085c6bdb887b02cb26ff76dd681234d9675c0f22844059f55552a8883a",
    body: '{"id":"evt_test_webhook","object":"event"}',
    seconds: 1_492_774_577,
    id: "evt_test_webhook",
  },
  // Of the tests of Stripe's own library for .NET, with their body and secret.
  "stripe, published": {
    signature: named("stripe"),
    secret: "webhook_secret",
    header: "stripe-signature",
    value: "t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7",
    body: STRIPE_BODY,
    seconds: 1_533_204_620,
    id: "evt_123",
  },
  shopify: {
    signature: named("shopify"),
    secret: "hush",
    header: "x-shopify-hmac-sha256",
    value: "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY=",
    body: '{"id":1}',
    seconds: 0,
    id: null,
  },
  // Shopify publishes none. This one is of the tests of SQLPage, which calculates it in another language.
  "shopify, published": {
    signature: named("shopify"),
    secret: "test-webhook-secret",
    header: "x-shopify-hmac-sha256",
    value: "QNyObTlKbMx2qDlPF/ZOZcBqg5OgPg+2oky3zldc0Gw=",
    body: '{"id":1234567890,"email":"customer@example.com","total_price":"123.45"}',
    seconds: 0,
    id: null,
  },
  hmac: {
    signature: signatureSchema.parse({ scheme: "hmac", secret: "hook", header: "X-Sign", idHeader: "X-Id" }),
    secret: "Jefe",
    header: "x-sign",
    value: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    more: { "x-id": "7" },
    body: "what do ya want for nothing?",
    seconds: 0,
    id: "7",
  },
};

function check(vector: Vector, change: Partial<Vector> = {}, secrets = [vector.secret]) {
  const { header, value, more, body, seconds, signature } = { ...vector, ...change };
  const request = {
    method: "POST",
    url: "https://example.com/",
    headers: { ...more, [header]: value },
    body: Buffer.from(body),
  };
  return verifyWebhook(request, { signature, secrets, now: seconds * 1_000 });
}

test.each(["whsec_", "!!", "whsec_ "])(
  "the secret %j would be an empty key, which everybody knows",
  (secret) => {
    for (const name of ["Standard Webhooks", "svix"])
      expect(check(VECTORS[name]!, {}, [secret])).toMatchObject({
        verified: false,
        reason: "secret_missing",
      });
  },
);

/** In base64 the last character before the padding has bits that mean nothing. */
function next(character: string): string {
  return String.fromCharCode(character.charCodeAt(0) + 1);
}

describe.each(Object.entries(VECTORS))("the vector of %s", (_name, vector) => {
  test("is taken, and named", () => {
    expect(check(vector)).toMatchObject({ verified: true, deliveryId: vector.id });
  });

  test("is taken while its secret is replaced, before and after, and with no secret of its own refused", () => {
    expect(check(vector, {}, ["new", vector.secret]).verified).toBe(true);
    expect(check(vector, {}, ["new"])).toMatchObject({ reason: "signature_mismatch" });
    expect(check(vector, {}, ["", ""])).toMatchObject({ reason: "secret_missing" });
  });

  const [head, tail] = [vector.value.slice(0, -10), vector.value.slice(-10)];
  test.each([
    ["empty", ""],
    ["cut", head],
    ["longer", `${vector.value}0`],
    ["with spaces", `${head} ${tail}`],
    ["no hex, no base64", `${head}zzzz!zzzzz`],
    ["with another end", `${head}${tail === "0123456789" ? "9876543210" : "0123456789"}`],
    ["in upper case", vector.value.toUpperCase()],
    ["there twice", `${vector.value}, ${vector.value}`],
    ["there twice, the second a stranger's", `${vector.value}, ${vector.value.slice(0, -1)}0`],
    ["another spelling of the same bytes", `${vector.value.slice(0, -2)}${next(vector.value.at(-2)!)}=`],
  ])("with a signature that is %s is refused", (_what, value) => {
    expect(check(vector, { value }).verified).toBe(false);
  });

  test("without its header is refused as such", () => {
    expect(check(vector, { header: "x-other" })).toMatchObject({ reason: "signature_missing" });
  });

  test("with another body is refused", () => {
    for (const body of [`${vector.body} `, vector.body.replaceAll(" ", ""), "", `${vector.body}\r\n`])
      if (body !== vector.body) expect(check(vector, { body }).verified).toBe(false);
  });
});

test.each(Object.entries(VECTORS))(
  "%s without its signature has the names that it has with it",
  (_name, vector) => {
    const { header, value, more = {}, body, signature } = vector;
    const id = { "x-github-delivery": "d1", "x-shopify-event-id": "e1" };
    const request = { method: "POST", url: "", headers: { ...id, ...more }, body: Buffer.from(body) };
    const signed = { ...request, headers: { ...request.headers, [header]: value } };
    const options = { signature, secrets: [vector.secret], now: vector.seconds * 1_000 };
    const verdict = verifyWebhook(signed, options);
    expect(verdict.verified).toBe(true);
    expect(namesOf(request, signature)).toEqual(verdict);
  },
);

test("without a signature that is valid, a body is all that names a delivery", () => {
  const request = { method: "POST", url: "", headers: { "x-id": "7" }, body: Buffer.from("{}") };
  const open = { scheme: "none", idHeader: "x-id" } as const;
  expect(namesOf(request, null)).toMatchObject({ deliveryId: null, isIdSigned: false });
  expect(namesOf(request, open)).toEqual(verifyWebhook(request, { signature: open, secrets: [], now: 0 }));
});

const TIMED = Object.entries(VECTORS).filter(([, { seconds }]) => seconds > 0);
test.each(TIMED)("the vector of %s is refused from 301 s on, before and after", (_name, vector) => {
  for (const [off, verified] of [
    [-301, false],
    [-300, true],
    [300, true],
    [301, false],
  ] as const)
    expect(check(vector, { seconds: vector.seconds + off }).verified).toBe(verified);
});

const BAD_TIMES = [
  "NaN",
  "1e9",
  "-1614265330",
  "+1614265330",
  " 1614265330",
  "1614265330.0",
  "0x603",
  "",
  "1614265330, 1614265330",
];
test.each(BAD_TIMES)("%j is no time of signing, whoever signs it", (time) => {
  const key = Buffer.from("hush");
  const body = "{}";
  const mac = createHmac("sha256", key).update(`msg.${time}.${body}`).digest("base64");
  const headers = { "webhook-id": "msg", "webhook-timestamp": time, "webhook-signature": `v1,${mac}` };
  const request = { method: "POST", url: "", headers, body: Buffer.from(body) };
  const verdict = verifyWebhook(request, {
    signature: named("standard"),
    secrets: [key.toString("base64")],
    now: 1_614_265_330_000,
  });
  expect(verdict).toMatchObject({ reason: time === "" ? "timestamp_missing" : "timestamp_malformed" });
});

test.each(["msg.1614265330", "a,b", "msg, msg", "m\u00fcller", "x".repeat(256)])(
  "%j is no id of Standard Webhooks",
  (id) => {
    const standard = VECTORS["Standard Webhooks"]!;
    const more = { ...standard.more, "webhook-id": id };
    expect(check(standard, { more })).toMatchObject({ reason: "id_malformed" });
    expect(check(standard, { more: { "webhook-timestamp": "1614265330" } })).toMatchObject({
      reason: "id_missing",
    });
  },
);

test("GitHub's id is not signed, and one that is there twice is none", () => {
  const github = VECTORS["github"]!;
  const id = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
  expect(check(github, { more: { "x-github-delivery": id } })).toMatchObject({
    deliveryId: id,
    isIdSigned: false,
  });
  expect(check(github, { more: { "x-github-delivery": `${id}, ${id}` } })).toMatchObject({
    reason: "id_malformed",
  });
});

test("Shopify's newer headers are read too, but not both", () => {
  const shopify = VECTORS["shopify"]!;
  const more = { "shopify-event-id": "e1" };
  expect(check(shopify, { header: "shopify-hmac-sha256", more })).toMatchObject({ deliveryId: "e1" });
  expect(check(shopify, { more: { "shopify-hmac-sha256": shopify.value } })).toMatchObject({
    reason: "signature_malformed",
  });
});

test("GitHub's old SHA-1 header is no signature", () => {
  const value = "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59";
  expect(check(VECTORS["github"]!, { value }).verified).toBe(false);
  expect(check(VECTORS["github"]!, { header: "x-hub-signature", value })).toMatchObject({
    reason: "signature_missing",
  });
});

test("Stripe's header is taken as its own tests have it, with a signature v0 that does not count", () => {
  const stripe = VECTORS["stripe, published"]!;
  const v0 = "v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef";
  expect(check(stripe, { value: `${stripe.value},${v0}` }).verified).toBe(true);
  expect(check(stripe, { value: `t=1533204620,${v0}` })).toMatchObject({ reason: "signature_malformed" });
});

test("of several signatures one that fits is enough", () => {
  const standard = VECTORS["Standard Webhooks"]!;
  const value = `v1,${"A".repeat(43)}= ${standard.value} v1a,x`;
  expect(check(standard, { value }).verified).toBe(true);
});

test("logins", () => {
  const login = (scheme: "basic" | "bearer", authorization: string) =>
    verifyWebhook(
      { method: "POST", url: "", headers: { authorization }, body: new Uint8Array() },
      { signature: { scheme, secret: "hook" }, secrets: ["me:hush", "old:hush"], now: 0 },
    ).verified;
  expect(login("bearer", "Bearer me:hush")).toBe(true);
  expect(login("basic", `Basic ${Buffer.from("old:hush").toString("base64")}`)).toBe(true);
  expect(login("basic", "Bearer me:hush")).toBe(false);
  expect(login("bearer", "Bearer me")).toBe(false);
});

test("handshakes of Slack and GitHub, and of nobody else", () => {
  const request = { method: "POST", url: "", headers: { "x-github-event": "ping" }, body: new Uint8Array() };
  const asked = { type: "url_verification", challenge: "abc" };
  expect(handshakeOf(request, named("slack"), asked)?.body).toBe("abc");
  expect(handshakeOf(request, named("slack"), { ...asked, challenge: {} })).toBeNull();
  expect(handshakeOf(request, named("github"), {})?.body).toBe("pong");
  expect(handshakeOf(request, named("stripe"), asked)).toBeNull();
});

test("bodies are read by the one type that is declared", () => {
  const read = (body: string | Uint8Array, type?: string) =>
    parsePayload(typeof body === "string" ? Buffer.from(body) : body, type);
  expect(read('{"a":1}', "application/json; charset=utf-8")).toEqual({ payload: { a: 1 } });
  expect(read("[1]", "application/cloudevents+json")).toEqual({ payload: [1] });
  expect(read("a=1&b=2&b=3", "application/x-www-form-urlencoded")).toEqual({
    payload: { a: "1", b: ["2", "3"] },
  });
  expect(read("hi", "text/plain")).toEqual({ payload: "hi" });
  for (const [body, type] of [
    ["{}", undefined],
    ["{}", "application/json, text/plain"],
    ["{}", "application/json; charset=latin1"],
    ["{}", "multipart/form-data; boundary=x"],
  ] as const)
    expect(read(body, type)).toMatchObject({ status: 415 });
  for (const body of ["", "{", '{"__proto__":{"x":1}}', '{"a":{"__proto__":1}}', "[".repeat(200_000)])
    expect(read(body, "application/json")).toMatchObject({ status: 400 });
  expect(read(new Uint8Array([0x22, 0xff, 0x22]), "application/json")).toMatchObject({ status: 400 });
  expect(read("__proto__=1", "application/x-www-form-urlencoded")).toMatchObject({ status: 400 });
});
