/** Calls that workflows make, against servers on this machine: what is sent, where redirects lead, and what is read of answers. */
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Resolve } from "../../../src/security/outbound/connector.ts";
import { GOOD, refusalOf, useScene } from "./scene.ts";

const scene = useScene();

describe("a request", () => {
  test.each(["file:///etc/passwd", "data:text/plain,hi", "ftp://example.com/", "unix:/tmp/x.sock", "blob:x"])(
    "to %s is refused",
    async (url) => {
      expect(await refusalOf(scene.outbound().fetch(url))).toBe("outbound_request_refused");
    },
  );

  test("with a password in its URL is refused, and the error does not repeat it", async () => {
    for (const url of [`http://me:hunter2@${GOOD}:${scene.port}/`, "http://hunter2 x/", "hunter2"]) {
      const error = await scene
        .outbound()
        .fetch(url)
        .catch((reason: Error) => reason);
      expect(error).toMatchObject({ cause: { code: "outbound_request_refused" } });
      expect(String(error)).not.toContain("hunter2");
    }
  });

  test.each(["Host", "Transfer-Encoding", "Content-Length", "Connection", "Upgrade", "Proxy-Authorization"])(
    "with the header %s is refused",
    async (name) => {
      const call = scene.outbound().fetch(scene.urlOf(GOOD), { headers: { [name]: "1" } });
      expect(await refusalOf(call)).toBe("outbound_request_refused");
      expect(scene.seen).toEqual([]);
    },
  );

  test("cannot carry a second one in a header", async () => {
    await expect(scene.outbound().fetch(scene.urlOf(GOOD), { headers: { a: "1\r\nx: 2" } })).rejects.toThrow(
      TypeError,
    );
    expect(scene.seen).toEqual([]);
  });

  test("to a host that is not on the list is refused, also after a redirect", async () => {
    const names: Resolve = async () => [{ address: GOOD, family: 4 }];
    const some = scene.outbound({ allowHosts: ["*.good.test"] }, { resolve: names });
    expect((await some.fetch(scene.urlOf("a.good.test"))).status).toBe(200);
    expect(await refusalOf(some.fetch(scene.urlOf("good.test")))).toBe("outbound_host_refused");
    scene.respond = (_, response) =>
      void response.writeHead(302, { location: scene.urlOf("bad.test") }).end();
    expect(await refusalOf(some.fetch(scene.urlOf("a.good.test")))).toBe("outbound_host_refused");
    expect(scene.seen).toHaveLength(2);
  });

  test("does not go through a proxy of the environment", async () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      HTTP_PROXY: scene.urlOf("127.0.0.1"),
      http_proxy: scene.urlOf("127.0.0.1"),
    });
    process.env["NODE_USE_ENV_PROXY"] = "1";
    try {
      expect((await scene.outbound().fetch(scene.urlOf(GOOD))).status).toBe(200);
      expect(scene.trapped).toBe(0);
    } finally {
      for (const name of ["HTTP_PROXY", "http_proxy", "NODE_USE_ENV_PROXY"]) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    }
  });

  test("sends its method, headers and body", async () => {
    const request = new Request(scene.urlOf(GOOD), { method: "PUT", body: "text", headers: { "x-a": "1" } });
    await scene.outbound().fetch(request);
    expect(scene.seen).toMatchObject([
      { method: "PUT", body: "text", headers: { "x-a": "1", "content-length": "4" } },
    ]);
  });
});

describe("a redirect", () => {
  const leadTo = (location: string, status = 302): void => {
    scene.respond = (request, response) =>
      void (request.url === "/path" ? response.writeHead(status, { location }).end() : response.end("there"));
  };
  const secrets = { authorization: "Bearer x", cookie: "a=b", "x-api-key": "k", accept: "text/plain" };

  test("within an origin keeps the headers", async () => {
    leadTo("/next");
    const answer = await scene.outbound().fetch(scene.urlOf(GOOD), { headers: secrets });
    expect([await answer.text(), answer.url]).toEqual(["there", `http://${GOOD}:${scene.port}/next`]);
    expect(scene.seen[1]!.headers).toMatchObject(secrets);
  });

  test("to another origin keeps nothing that could be a key", async () => {
    leadTo(`http://me:pw@${GOOD}:${scene.otherPort}/next`);
    await scene.outbound().fetch(scene.urlOf(GOOD), { headers: secrets });
    const { authorization, cookie, accept, "x-api-key": key } = scene.seen[1]!.headers;
    expect([authorization, cookie, key, accept]).toEqual([undefined, undefined, undefined, "text/plain"]);
  });

  test("to another origin never takes a body along", async () => {
    leadTo(`http://${GOOD}:${scene.otherPort}/next`, 307);
    const call = scene.outbound().fetch(scene.urlOf(GOOD), { method: "POST", body: "secret" });
    expect(await refusalOf(call)).toBe("outbound_redirect_refused");
    expect(scene.seen).toHaveLength(1);
  });

  test.each([
    { status: 301, method: "POST", next: "GET", body: "" },
    { status: 302, method: "POST", next: "GET", body: "" },
    { status: 303, method: "PUT", next: "GET", body: "" },
    { status: 307, method: "POST", next: "POST", body: "text" },
    { status: 308, method: "PUT", next: "PUT", body: "text" },
    { status: 301, method: "PUT", next: "PUT", body: "text" },
  ])("with $status after $method goes on with $next", async ({ status, method, next, body }) => {
    leadTo("/next", status);
    await scene
      .outbound()
      .fetch(scene.urlOf(GOOD), { method, body: "text", headers: { "content-type": "text/csv" } });
    expect(scene.seen[1]).toMatchObject({ method: next, body });
    expect(scene.seen[1]!.headers["content-type"]).toBe(body === "" ? undefined : "text/csv");
  });

  test("is followed five times, and not once where that is not wanted", async () => {
    scene.respond = (request, response) => {
      const n = Number(request.url!.slice(2)) + 1;
      response.writeHead(302, { location: `/n${n}` }).end();
    };
    expect(await refusalOf(scene.outbound().fetch(`http://${GOOD}:${scene.port}/n0`))).toBe(
      "outbound_redirect_refused",
    );
    expect(scene.seen).toHaveLength(6);
    const none = scene.outbound({ maxRedirects: 0 });
    expect(await refusalOf(none.fetch(`http://${GOOD}:${scene.port}/n0`))).toBe("outbound_redirect_refused");
    const call = scene.outbound().fetch(scene.urlOf(GOOD), { redirect: "error" });
    expect(await refusalOf(call)).toBe("outbound_redirect_refused");
    const manual = await scene.outbound().fetch(`http://${GOOD}:${scene.port}/n0`, { redirect: "manual" });
    expect([manual.status, manual.headers.get("location")]).toEqual([302, "/n1"]);
  });

  test.each(["http://", "file:///etc/passwd", "data:text/html,x"])("to %s is refused", async (location) => {
    leadTo(location);
    expect(await refusalOf(scene.outbound().fetch(scene.urlOf(GOOD)))).toMatch(
      /^outbound_re(?:quest|direct)_refused$/,
    );
  });

  test("without a place to go to is an answer", async () => {
    scene.respond = (_, response) => void response.writeHead(302).end();
    expect((await scene.outbound().fetch(scene.urlOf(GOOD))).status).toBe(302);
  });
});

describe("an answer", () => {
  test("is read up to its limit, counted after decompression", async () => {
    const small = scene.outbound({ maxResponseBytes: 1_000 });
    const zipped = gzipSync(Buffer.alloc(1_001));
    expect(zipped.length).toBeLessThan(100);
    const send = (body: Buffer, headers = {}): void =>
      void (scene.respond = (_, response) => void response.writeHead(200, headers).end(body));
    send(Buffer.alloc(1_000));
    expect((await (await small.fetch(scene.urlOf(GOOD))).arrayBuffer()).byteLength).toBe(1_000);
    send(Buffer.alloc(1_001));
    expect(await refusalOf(small.fetch(scene.urlOf(GOOD)).then(read))).toBe("outbound_response_too_large");
    send(zipped, { "content-encoding": "gzip" });
    expect(await refusalOf(small.fetch(scene.urlOf(GOOD)).then(read))).toBe("outbound_response_too_large");
  });

  test("without a body is one", async () => {
    scene.respond = (_, response) => void response.writeHead(204).end();
    expect((await scene.outbound().fetch(scene.urlOf(GOOD))).body).toBeNull();
  });

  test("that does not come ends in time, and counts as unknown", async () => {
    scene.respond = () => undefined;
    const fast = scene.outbound({ headersTimeout: 50 });
    await expect(fast.fetch(scene.urlOf(GOOD))).rejects.toMatchObject({
      cause: { code: "UND_ERR_HEADERS_TIMEOUT" },
    });
    const whole = scene.outbound({ timeout: 50 });
    await expect(whole.fetch(scene.urlOf(GOOD))).rejects.toMatchObject({ name: "TimeoutError" });
    scene.respond = (_, response) => void response.write("half");
    const answer = await scene.outbound({ timeout: 200 }).fetch(scene.urlOf(GOOD));
    await expect(answer.text()).rejects.toMatchObject({ name: "TimeoutError" });
  });

  test("is not waited for after an abort", async () => {
    scene.respond = () => undefined;
    const controller = new AbortController();
    const call = scene.outbound().fetch(scene.urlOf(GOOD), { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
  });

  test("that breaks off is an error of the network", async () => {
    scene.respond = (request) => void request.socket.destroy();
    await expect(scene.outbound().fetch(scene.urlOf(GOOD))).rejects.toThrow(TypeError);
  });
});

test("closing ends the connections", async () => {
  const one = scene.outbound();
  await (await one.fetch(scene.urlOf(GOOD))).text();
  const connections = (): Promise<number> =>
    new Promise((done, fail) =>
      scene.server.getConnections((error, count) => (error ? fail(error) : done(count))),
    );
  const before = await connections();
  await one.close();
  await expect.poll(connections).toBe(before - 1);
});

async function read(response: Response): Promise<Response> {
  await response.arrayBuffer();
  return response;
}
