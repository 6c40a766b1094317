/** The scheme whose every part the workflow chooses. */
import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { signatureSchema } from "../../../src/core/definition/webhook-signature.ts";
import { verifyWebhook } from "../../../src/triggers/webhooks/verify.ts";

const NOW_MS = 1_700_000_000_000;

interface Sent {
  readonly options?: { readonly [name: string]: unknown };
  readonly secret?: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  readonly now?: number;
}

function verify({ options, secret = "hush", headers, body, now = NOW_MS }: Sent) {
  const signature = signatureSchema.parse({ scheme: "hmac", secret: "hook", header: "X-Sign", ...options });
  const request = { method: "POST", url: "", headers, body: Buffer.from(body) };
  return verifyWebhook(request, { signature, secrets: [secret], now });
}

describe("RFC 4231", () => {
  test.each([
    {
      name: "1",
      secret: "0b".repeat(20),
      body: "Hi There",
      value: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    },
    {
      name: "2",
      secret: Buffer.from("Jefe").toString("hex"),
      body: "what do ya want for nothing?",
      value: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    },
    {
      name: "6",
      secret: "aa".repeat(131),
      body: "Test Using Larger Than Block-Size Key - Hash Key First",
      value: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    },
  ])("case $name is taken", ({ secret, body, value }) => {
    const options = { secretEncoding: "hex" };
    expect(verify({ options, secret, body, headers: { "x-sign": value } }).verified).toBe(true);
    expect(verify({ options, secret, body: `${body} `, headers: { "x-sign": value } }).verified).toBe(false);
    expect(verify({ options, secret: "no hex", body, headers: { "x-sign": value } })).toMatchObject({
      reason: "secret_missing",
    });
  });
});

describe.each(["sha1", "sha256", "sha384", "sha512"] as const)("%s", (algorithm) => {
  test.each(["hex", "base64", "base64url"] as const)(
    "in %s is taken, and in the other encodings refused",
    (encoding) => {
      const mac = (of: "hex" | "base64" | "base64url") =>
        createHmac(algorithm, "hush").update("<p>?~").digest(of);
      const at = (value: string) =>
        verify({
          options: { algorithm, encoding, prefix: "mac " },
          body: "<p>?~",
          headers: { "x-sign": `mac ${value}` },
        });
      expect(at(mac(encoding)).verified).toBe(true);
      for (const value of [
        mac("hex").toUpperCase(),
        mac(encoding).slice(1),
        `${mac(encoding)}=`,
        `x${mac(encoding)}`,
      ])
        expect(at(value)).toMatchObject({ reason: "signature_malformed" });
      const other = createHmac(algorithm, "other").update("<p>?~").digest(encoding);
      expect(at(other)).toMatchObject({ reason: "signature_mismatch" });
    },
  );
});

test("time and id are signed with the body where the content says so", () => {
  const options = {
    content: "{id}|{timestamp}|{body}",
    timestampHeader: "X-Time",
    timestampUnit: "ms",
    idHeader: "X-Id",
    tolerance: 60,
  };
  const mac = createHmac("sha256", "hush").update(`d1|${NOW_MS}|{}`).digest("hex");
  const headers = { "x-sign": mac, "x-time": String(NOW_MS), "x-id": "d1" };
  const sent = { options, headers, body: "{}" };
  expect(verify(sent)).toMatchObject({ verified: true, deliveryId: "d1", isIdSigned: true });
  expect(verify({ ...sent, now: NOW_MS + 60_000 }).verified).toBe(true);
  expect(verify({ ...sent, now: NOW_MS + 60_001 })).toMatchObject({ reason: "timestamp_outside" });
  expect(verify({ ...sent, now: NOW_MS - 60_001 })).toMatchObject({ reason: "timestamp_outside" });
  expect(verify({ ...sent, headers: { ...headers, "x-time": "1700000000" } })).toMatchObject({
    reason: "timestamp_malformed",
  });
  expect(verify({ ...sent, headers: { ...headers, "x-id": "d2" } })).toMatchObject({
    reason: "signature_mismatch",
  });
  expect(verify({ ...sent, headers: { "x-sign": mac, "x-id": "d1" } })).toMatchObject({
    reason: "timestamp_missing",
  });
});

test("no character moves from the id into what stands beside it", () => {
  const options = { content: "{body}.{id}", idHeader: "X-Id" };
  const headers = { "x-sign": createHmac("sha256", "hush").update("x.a.b").digest("hex") };
  expect(verify({ options, headers: { ...headers, "x-id": "b" }, body: "x.a" }).verified).toBe(true);
  expect(verify({ options, headers: { ...headers, "x-id": "a.b" }, body: "x" })).toMatchObject({
    reason: "id_malformed",
  });
});

test("a secret in base64 is decoded", () => {
  const value = createHmac("sha256", "hush").update("x").digest("hex");
  const options = { secretEncoding: "base64" };
  expect(verify({ options, secret: "aHVzaA==", headers: { "x-sign": value }, body: "x" }).verified).toBe(
    true,
  );
});

test.each([
  ["braces that mean nothing", { content: "{path}.{body}" }],
  ["no body", { content: "{timestamp}", timestampHeader: "x-time" }],
  ["the body twice", { content: "{body}{body}" }],
  ["a time that is not signed", { timestampHeader: "x-time" }],
  ["a time that has no header", { content: "{timestamp}.{body}" }],
  ["an id that has no header", { content: "{id}.{body}" }],
  ["nothing between id and body", { content: "{id}{body}", idHeader: "x-id" }],
  ["an algorithm that nobody should use", { algorithm: "md5" }],
  ["a header that is none", { header: "x sign" }],
  ["a field that there is not", { headers: "x-sign" }],
])("%s: no such signature", (_what, options) => {
  expect(
    signatureSchema.safeParse({ scheme: "hmac", secret: "hook", header: "x-sign", ...options }).success,
  ).toBe(false);
});
