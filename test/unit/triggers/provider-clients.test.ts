/**
 * The providers' own packages, both ways: what they sign is taken here. Of those that only verify, what they take is taken here as well, and what
 * they refuse is refused.
 */
import { createHmac, randomBytes } from "node:crypto";
import { sign, verify as verifyGitHub } from "@octokit/webhooks-methods";
import "@shopify/shopify-api/adapters/web-api";
import { ApiVersion, shopifyApi } from "@shopify/shopify-api";
import { isValidSlackRequest } from "@slack/bolt";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import twilio from "twilio";
import { describe, expect, test } from "vitest";
import type { Signature } from "../../../src/core/definition/webhook-signature.ts";
import { verifyWebhook } from "../../../src/triggers/webhooks/verify.ts";

const NOW_MS = Math.floor(Date.now() / 1_000) * 1_000;
const SECONDS = NOW_MS / 1_000;
const BODY = '{"id":"evt_1","event_id":"Ev1",  "text":"Grüße \\u00e9 😀"}\r\n';
const CHANGED = BODY.replace("evt_1", "evt_2");
const SECRET = "hush-hush-hush-hush";

interface Sent {
  readonly scheme: Exclude<Signature["scheme"], "hmac">;
  readonly headers: { readonly [name: string]: string };
  readonly body?: string;
  readonly secret?: string;
  readonly url?: string;
}

function verify({ scheme, headers, body = BODY, secret = SECRET, url = "https://example.com/" }: Sent) {
  const request = { method: "POST", url, headers, body: Buffer.from(body) };
  return verifyWebhook(request, { signature: { scheme, secret: "hook" }, secrets: [secret], now: NOW_MS });
}

test("standardwebhooks signs, and takes what is taken here", () => {
  const secret = `whsec_${randomBytes(24).toString("base64")}`;
  const client = new Webhook(secret);
  const headers = {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(SECONDS),
    "webhook-signature": client.sign("msg_1", new Date(NOW_MS), BODY),
  };
  const sent: Sent = { scheme: "standard", secret, headers };
  expect(verify(sent)).toMatchObject({ verified: true, deliveryId: "msg_1", isIdSigned: true });
  expect(client.verify(BODY, headers)).toMatchObject({ id: "evt_1" });
  expect(verify({ ...sent, body: CHANGED }).verified).toBe(false);
  expect(() => client.verify(CHANGED, headers)).toThrow();
});

test("stripe signs, and takes what is taken here", () => {
  const secret = "whsec_of_stripe";
  const { webhooks } = new Stripe("sk_test_x");
  const header = webhooks.generateTestHeaderString({ payload: BODY, secret, timestamp: SECONDS });
  const sent: Sent = { scheme: "stripe", secret, headers: { "stripe-signature": header } };
  expect(verify(sent)).toMatchObject({ verified: true, deliveryId: "evt_1", isIdSigned: true });
  expect(webhooks.constructEvent(BODY, header, secret)).toMatchObject({ id: "evt_1" });
  expect(verify({ ...sent, body: CHANGED }).verified).toBe(false);
  expect(() => webhooks.constructEvent(CHANGED, header, secret)).toThrow();
});

test("@octokit/webhooks-methods signs, and takes what is taken here", async () => {
  const signature = await sign(SECRET, BODY);
  const sent: Sent = {
    scheme: "github",
    headers: { "x-hub-signature-256": signature, "x-github-delivery": "d-1" },
  };
  expect(verify(sent)).toMatchObject({ verified: true, deliveryId: "d-1", isIdSigned: false });
  expect(await verifyGitHub(SECRET, BODY, signature)).toBe(true);
  expect(verify({ ...sent, body: CHANGED }).verified).toBe(false);
});

describe("twilio", () => {
  const url = "https://example.com/calls?order=1&name=M%C3%BCller";
  const form = "application/x-www-form-urlencoded";

  test("signs a form, and takes what is taken here", () => {
    const params = { To: "+1800", Body: "Grüße & mehr = 😀", MessageSid: "SM1", MessageStatus: "sent" };
    const value = twilio.getExpectedTwilioSignature(SECRET, url, params);
    const headers = { "x-twilio-signature": value, "content-type": form };
    const body = new URLSearchParams(params).toString();
    expect(verify({ scheme: "twilio", url, headers, body })).toMatchObject({ deliveryId: "SM1:sent" });
    expect(twilio.validateRequest(SECRET, value, url, params)).toBe(true);
    expect(verify({ scheme: "twilio", url, headers, body: body.replace("1800", "1900") }).verified).toBe(
      false,
    );
  });

  test("signs fields that are there twice", () => {
    const value = twilio.getExpectedTwilioSignature(SECRET, url, { Z: ["b", "a", "b"], a: "1", B: "2" });
    const headers = { "x-twilio-signature": value, "content-type": form };
    expect(verify({ scheme: "twilio", url, headers, body: "Z=b&a=1&Z=a&B=2&Z=b" }).verified).toBe(true);
  });

  test("signs the hash of JSON, and takes what is taken here", () => {
    const hashed = `${url}&bodySHA256=${twilio.getExpectedBodyHash(BODY)}`;
    const value = twilio.getExpectedTwilioSignature(SECRET, hashed, {});
    const headers = { "x-twilio-signature": value, "content-type": "application/json" };
    expect(verify({ scheme: "twilio", url: hashed, headers }).verified).toBe(true);
    expect(twilio.validateRequestWithBody(SECRET, value, hashed, BODY)).toBe(true);
    expect(verify({ scheme: "twilio", url: hashed, headers, body: CHANGED }).verified).toBe(false);
  });
});

test("@slack/bolt only verifies: it takes what is taken here, and refuses what is refused", () => {
  const signature = `v0=${createHmac("sha256", SECRET).update(`v0:${SECONDS}:${BODY}`).digest("hex")}`;
  const headers = { "x-slack-signature": signature, "x-slack-request-timestamp": String(SECONDS) };
  const theirs = (body: string) =>
    isValidSlackRequest({
      signingSecret: SECRET,
      body,
      headers: { "x-slack-signature": signature, "x-slack-request-timestamp": SECONDS },
      nowMilliseconds: NOW_MS,
    });
  for (const [body, fits] of [
    [BODY, true],
    [CHANGED, false],
  ] as const) {
    expect(verify({ scheme: "slack", headers, body }).verified).toBe(fits);
    expect(theirs(body)).toBe(fits);
  }
  expect(verify({ scheme: "slack", headers })).toMatchObject({ deliveryId: "Ev1", isIdSigned: true });
});

test.each(["x-shopify", "shopify"])("@shopify/shopify-api only verifies, by %s: as here", async (family) => {
  const api = shopifyApi({
    apiKey: "key",
    apiSecretKey: SECRET,
    apiVersion: ApiVersion.July26,
    hostName: "example.com",
    isEmbeddedApp: false,
    logger: { log: () => undefined },
  });
  const headers = {
    [`${family}-hmac-sha256`]: createHmac("sha256", SECRET).update(BODY).digest("base64"),
    [`${family}-topic`]: "orders/create",
    [`${family}-shop-domain`]: "shop.myshopify.com",
    [`${family}-api-version`]: "2026-07",
    [`${family}-webhook-id`]: "w1",
    [`${family}-event-id`]: "e1",
  };
  for (const [body, fits] of [
    [BODY, true],
    [CHANGED, false],
  ] as const) {
    const rawRequest = new Request("https://example.com/", { method: "POST", headers, body });
    expect((await api.webhooks.validate({ rawBody: body, rawRequest })).valid).toBe(fits);
    expect(verify({ scheme: "shopify", headers, body }).verified).toBe(fits);
  }
  expect(verify({ scheme: "shopify", headers })).toMatchObject({ deliveryId: "e1", isIdSigned: false });
});
