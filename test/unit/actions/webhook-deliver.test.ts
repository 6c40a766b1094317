/** `webhook.deliver` against a server of this process; signatures with the published answers of Standard Webhooks and Svix. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { keyOf, signature, webhookDeliver } from "../../../src/actions/webhook-deliver.ts";
import { classifyFailure } from "../../../src/core/run/classify.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

describe("a signature", () => {
  test.each([
    {
      secret: SECRET,
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      timestamp: 1_614_265_330,
      body: '{"test": 2432232314}',
      expected: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    {
      secret: "whsec_plJ3nmyCDGBKInavdOK15jsl",
      id: "msg_loFOjxBNrRLzqYUf",
      timestamp: 1_731_705_121,
      body: '{"event_type":"ping","data":{"success":true}}',
      expected: "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    },
  ])("$expected", ({ secret, expected, ...message }) => {
    expect(signature(keyOf("x", secret), message)).toBe(expected);
    expect(signature(keyOf("x", secret.replace("whsec_", "")), message)).toBe(expected);
  });

  test.each([undefined, "", "whsec_", "no base64!"])("needs a key, which %j is not", (secret) => {
    expect(() => keyOf("shop", secret)).toThrow(/Credential "shop" needs a field "secret"/);
    if (secret) expect(() => keyOf("shop", secret)).not.toThrow(new RegExp(`with ${secret}`));
  });
});

describe("a delivery", () => {
  const seen: { headers: IncomingHttpHeaders; body: string }[] = [];
  let status = 204;
  let url = "";
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      seen.push({ headers: request.headers, body });
      response.writeHead(status, { location: "/elsewhere" }).end("not read");
    });
  });

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  });
  beforeEach(() => {
    seen.length = 0;
    status = 204;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const deliver = (): Promise<unknown> =>
    Promise.resolve(
      webhookDeliver.run({
        input: { url, payload: { order: 17, note: "ö" }, credential: "shop" },
        idempotencyKey: "k1",
        signal: new AbortController().signal,
        credential: async () => ({ fields: { secret: SECRET }, allowHosts: null }),
        fetch,
      } as never),
    );

  test("is signed over what is sent, under an id that stays", async () => {
    expect(await deliver()).toEqual({ id: "msg_k1", status: 204 });
    await deliver();
    expect(seen).toHaveLength(2);
    for (const { headers, body } of seen) {
      expect(JSON.parse(body)).toEqual({ order: 17, note: "ö" });
      expect(headers["webhook-id"]).toBe("msg_k1");
      const timestamp = Number(headers["webhook-timestamp"]);
      expect(Math.abs(timestamp - Date.now() / 1_000)).toBeLessThan(10);
      const message = { id: "msg_k1", timestamp, body };
      expect(headers["webhook-signature"]).toBe(signature(keyOf("shop", SECRET), message));
    }
  });

  test.each([
    [302, "permanent"],
    [400, "permanent"],
    [410, "permanent"],
    [408, "retry"],
    [429, "retry"],
    [500, "retry"],
    [503, "retry"],
  ])("that is answered with %i: %s", async (code, verdict) => {
    status = code;
    const error: unknown = await deliver().catch((reason: unknown) => reason);
    expect(classifyFailure(error, "idempotent").verdict.type).toBe(verdict);
    expect(seen).toHaveLength(1);
  });
});
