/** `http.request` against a server of this process: what its answers mean, and what is never sent again. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HttpRequest, httpRequest } from "../../../src/actions/http-request.ts";
import type { EffectKind } from "../../../src/index.ts";
import { classifyFailure } from "../../../src/core/run/classify.ts";

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

let answer: Answer = (response) => void response.end();
const server = createServer((request, response) => answer(response, request));
let url = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/charges`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const json = (status: number, text: string): Answer => {
  return (response) => void response.writeHead(status, { "content-type": "application/json" }).end(text);
};

async function send(asked: Partial<HttpRequest>, how: Answer): Promise<unknown> {
  answer = how;
  const context = {
    input: { url, ...asked },
    idempotencyKey: "k",
    signal: new AbortController().signal,
    fetch,
  };
  return httpRequest.run(context as never);
}

/** What the engine makes of the failure, by the class that the request has. */
async function verdictOf(asked: Partial<HttpRequest>, how: Answer): Promise<string> {
  const error = await send(asked, how).then(
    () => expect.unreachable("it succeeded"),
    (reason: unknown) => reason,
  );
  const effect: EffectKind | null = httpRequest.effectOf?.({ url, ...asked }) ?? null;
  const { verdict, unknown } = classifyFailure(error, effect);
  return unknown ? `${verdict.type}, possibly twice` : verdict.type;
}

describe("a request that took effect is not sent again", () => {
  test.each<[string, Answer, Partial<HttpRequest>]>([
    ["no JSON", json(201, '{"id": '), {}],
    ["a body that is too large", (response) => void response.end(Buffer.alloc((1 << 20) + 1)), {}],
    ["another status than was expected", json(200, "{}"), { expect: [201] }],
  ])("%s", async (_, how, asked) => {
    expect(await verdictOf({ method: "POST", body: 1, ...asked }, how)).toBe("permanent");
  });
});

describe("what became of the request", () => {
  const reset: Answer = (response) => void response.socket?.destroy();
  const half: Answer = (response) => {
    response.writeHead(200, { "content-length": "100" }).write("half", () => response.socket?.destroy());
  };

  test.each<[string, [Partial<HttpRequest>, Answer], string]>([
    ["a broken connection of a POST", [{ method: "POST" }, reset], "retry, possibly twice"],
    ["half an answer to a POST", [{ method: "POST" }, half], "retry, possibly twice"],
    ["a proxy that gave up on a PATCH", [{ method: "PATCH" }, json(502, "")], "retry, possibly twice"],
    ["a broken connection of a GET", [{}, reset], "retry"],
    ["a proxy that gave up on a PUT", [{ method: "PUT" }, json(504, "")], "retry"],
    ["a broken connection of a DELETE", [{ method: "DELETE" }, reset], "retry"],
    ["an error of the server", [{ method: "POST" }, json(500, "{}")], "retry"],
    ["a refusal", [{ method: "POST" }, json(422, "{}")], "permanent"],
    ["a redirect", [{ method: "POST" }, json(302, "")], "permanent"],
  ])("%s", async (_, [asked, how], verdict) => {
    expect(await verdictOf(asked, how)).toBe(verdict);
  });

  test("nobody listens: nothing was sent", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    expect(await verdictOf({ method: "POST", url: `http://127.0.0.1:${port}/` }, reset)).toBe("retry");
  });
});

test("the answer: status, headers and the body, as JSON where it is JSON", async () => {
  expect(await send({ method: "POST", body: { a: 1 } }, json(201, '{"id":7}'))).toMatchObject({
    status: 201,
    headers: { "content-type": "application/json" },
    body: { id: 7 },
  });
  expect(await send({}, (response) => void response.end("plain"))).toMatchObject({
    status: 200,
    body: "plain",
  });
});

test("every attempt carries the key", async () => {
  let sent: unknown;
  await send({ method: "POST" }, (response, request) => {
    sent = request.headers["idempotency-key"];
    response.end();
  });
  expect(sent).toBe("k");
});
