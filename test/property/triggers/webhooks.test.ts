/** Whatever a stranger changes or makes up is refused, and nothing of it makes verification throw. */
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WebhookRequest } from "../../../src/triggers/webhooks/request.ts";
import { type Signature, signatureSchema } from "../../../src/core/definition/webhook-signature.ts";
import { verifyWebhook } from "../../../src/triggers/webhooks/verify.ts";
import { holds } from "../../support/properties.ts";

const SECONDS = 1_700_000_000;
const KEY = "hush-hush-hush";
const SECRETS = [KEY, Buffer.from(KEY).toString("base64")];

interface Scheme {
  readonly signature: Signature;
  readonly headers: (body: Buffer) => { readonly [name: string]: string };
}

function mac(of: string, body: Buffer, encoding: "hex" | "base64" = "hex"): string {
  return createHmac("sha256", KEY).update(of).update(body).digest(encoding);
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  standard: {
    signature: { scheme: "standard", secret: "hook" },
    headers: (body) => ({
      "webhook-id": "msg_1",
      "webhook-timestamp": String(SECONDS),
      "webhook-signature": `v1,${mac(`msg_1.${SECONDS}.`, body, "base64")}`,
    }),
  },
  github: {
    signature: { scheme: "github", secret: "hook" },
    headers: (body) => ({ "x-hub-signature-256": `sha256=${mac("", body)}` }),
  },
  stripe: {
    signature: { scheme: "stripe", secret: "hook" },
    headers: (body) => ({ "stripe-signature": `t=${SECONDS},v1=${mac(`${SECONDS}.`, body)}` }),
  },
  slack: {
    signature: { scheme: "slack", secret: "hook" },
    headers: (body) => ({
      "x-slack-request-timestamp": String(SECONDS),
      "x-slack-signature": `v0=${mac(`v0:${SECONDS}:`, body)}`,
    }),
  },
  shopify: {
    signature: { scheme: "shopify", secret: "hook" },
    headers: (body) => ({ "x-shopify-hmac-sha256": mac("", body, "base64") }),
  },
  hmac: {
    signature: signatureSchema.parse({
      scheme: "hmac",
      secret: "hook",
      header: "x-sign",
      content: "{id}:{timestamp}{body}",
      timestampHeader: "x-time",
      idHeader: "x-id",
    }),
    headers: (body) => ({ "x-id": "d1", "x-time": String(SECONDS), "x-sign": mac(`d1:${SECONDS}`, body) }),
  },
};

const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.json().map((text) => Buffer.from(text)),
);

function verify(signature: Signature, request: Pick<WebhookRequest, "headers" | "body">) {
  const all = { method: "POST", url: "https://example.com/?a=1", ...request };
  return verifyWebhook(all, { signature, secrets: SECRETS, now: SECONDS * 1_000 });
}

describe.each(Object.entries(SCHEMES))("%s", (_name, { signature, headers }) => {
  test("what was signed is taken, whatever the bytes are", () => {
    holds(bodies, (bytes) => {
      const body = Buffer.from(bytes);
      expect(verify(signature, { headers: headers(body), body }).verified).toBe(true);
    });
  });

  test("another byte anywhere in the body is refused, and so are one more and one less", () => {
    const change = fc.tuple(bodies, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(2));
    holds(change, ([bytes, at, by, kind]) => {
      const body = Buffer.from(bytes);
      const sent = headers(body);
      const where = body.length === 0 ? 0 : at % body.length;
      const rest = body.subarray(where + Number(kind === 0));
      const between = kind === 1 || body.length === 0 ? [by] : kind === 0 ? [] : [(body[where]! + by) % 256];
      const changed =
        kind === 2 && body.length > 0
          ? Buffer.concat([body.subarray(0, where), Buffer.from(between), body.subarray(where + 1)])
          : Buffer.concat([body.subarray(0, where), Buffer.from(between), rest]);
      if (changed.equals(body)) return;
      expect(verify(signature, { headers: sent, body: changed }).verified).toBe(false);
    });
  });

  test("another character anywhere in a header is refused, and so are one more and one less", () => {
    const body = Buffer.from('{"a":1}');
    const sent = headers(body);
    const names = Object.keys(sent);
    const change = fc.tuple(
      fc.constantFrom(...names),
      fc.nat(),
      fc.string({ unit: "binary-ascii", minLength: 0, maxLength: 2 }),
      fc.nat(1),
    );
    holds(
      change,
      ([name, at, text, gone]) => {
        const value = sent[name]!;
        const where = at % (value.length + 1);
        const changed = value.slice(0, where) + text + value.slice(where + gone);
        if (changed === value || isStillThere(signature, value, changed)) return;
        expect(verify(signature, { headers: { ...sent, [name]: changed }, body }).verified).toBe(false);
      },
      2_000,
    );
  });

  test("a header that is missing or there twice is refused", () => {
    const body = Buffer.from("{}");
    const sent = headers(body);
    for (const name of Object.keys(sent)) {
      const { [name]: value, ...others } = sent;
      expect(verify(signature, { headers: others, body }).verified).toBe(false);
      expect(verify(signature, { headers: { ...others, [name]: `${value}, ${value}` }, body }).verified).toBe(
        false,
      );
    }
  });

  test("no header and no body makes it throw, or is taken", () => {
    const names = Object.keys(headers(Buffer.from("")));
    const value = fc.oneof(
      fc.string({ unit: "binary", maxLength: 100 }),
      fc.constantFrom("", ",", " ", "v1,", "t=,v1=", "=", "sha256="),
    );
    const request = fc.record({
      headers: fc.dictionary(fc.constantFrom(...names, "__proto__"), value),
      body: bodies,
    });
    holds(request, (made) => {
      expect(verify(signature, made)).toMatchObject({
        verified: false,
        detail: expect.not.stringContaining(KEY),
      });
    });
  });
});

/** A list may have more in it than the signature that fits: parts of other schemes of the same sender. */
function isStillThere({ scheme }: Signature, value: string, changed: string): boolean {
  if (scheme === "stripe") return value.split(",").every((part) => changed.split(",").includes(part));
  return scheme === "standard" && changed.split(" ").includes(value);
}

test("Twilio, basic and bearer throw at nothing either", () => {
  const hostile = fc.record({
    method: fc.string(),
    url: fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("https://a/?bodySHA256=", "https://", `//?bodySHA256=${"0".repeat(64)}`),
    ),
    headers: fc.dictionary(
      fc.constantFrom("authorization", "x-twilio-signature", "content-type"),
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.constantFrom("Basic ", "Bearer", "application/x-www-form-urlencoded", `${"A".repeat(27)}=`),
      ),
    ),
    body: bodies,
  });
  holds(hostile, (request) => {
    for (const scheme of ["twilio", "basic", "bearer"] as const) {
      const options = { signature: { scheme, secret: "hook" }, secrets: ["me:hush"], now: 0 } as const;
      expect(verifyWebhook(request, options).verified).toBe(false);
    }
  });
});
