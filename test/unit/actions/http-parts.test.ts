/** `http.request`: bodies, forms of answers, expected statuses, lists in pages, and access tokens; against a server of this process. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { nextLink } from "../../../src/actions/http-pages.ts";
import { type HttpRequest, type HttpResponse, httpRequest } from "../../../src/actions/http-request.ts";
import type { GrantedCredential } from "../../../src/core/definition/action.ts";
import type { Json } from "../../../src/index.ts";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly type: string | undefined;
  readonly body: Buffer;
}
type Answer = (response: ServerResponse, seen: Seen) => void;

const seen: Seen[] = [];
let answer: Answer = (response) => void response.end();
const server = createServer((request, response) => void take(request, response));
let url = "";

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method = "", url: path = "", headers } = request;
  const one = {
    method,
    url: path,
    authorization: headers.authorization,
    type: headers["content-type"],
    body: Buffer.concat(chunks),
  };
  seen.push(one);
  answer(response, one);
}

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  seen.length = 0;
  answer = (response) => void response.end();
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const json = (response: ServerResponse, body: Json, headers: Record<string, string> = {}): void =>
  void response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

interface Settings {
  readonly fields?: Readonly<Record<string, string>>;
  readonly allowHosts?: GrantedCredential["allowHosts"];
  readonly workspace?: string;
  readonly fetch?: typeof fetch;
}
const redacted: string[] = [];

function send(asked: Partial<HttpRequest>, settings: Settings = {}): Promise<HttpResponse> {
  const { fields = {}, allowHosts = null, workspace = "default" } = settings;
  const context = {
    input: { url, ...asked },
    idempotencyKey: "k",
    signal: new AbortController().signal,
    fetch: settings.fetch ?? fetch,
    run: { workspace },
    redact: (text: string) => void redacted.push(text),
    credential: async () => ({ fields, allowHosts }),
  };
  return Promise.resolve(httpRequest.run(context as never));
}

const refused = (asked: object): readonly string[] =>
  (httpRequest.input!.safeParse({ url, ...asked }).error?.issues ?? []).map(
    ({ path, message }) => `${path.join(".")}: ${message}`,
  );

describe("what is sent", () => {
  test.each<[string, Partial<HttpRequest>, [string | undefined, string]]>([
    ["JSON", { body: { a: [1] } }, ["application/json", '{"a":[1]}']],
    ["text", { body: "a" }, ["text/plain; charset=utf-8", "a"]],
    [
      "a form",
      { form: { a: "ö &", b: [1, true], c: [] } },
      ["application/x-www-form-urlencoded", "a=%C3%B6+%26&b=1&b=true"],
    ],
    ["bytes", { binary: "AP8=" }, ["application/octet-stream", "\u0000\u00ff"]],
    [
      "bytes of a type",
      { binary: "AP8=", headers: { "Content-Type": "image/png" } },
      ["image/png", "\u0000\u00ff"],
    ],
    ["nothing", {}, [undefined, ""]],
  ])("%s", async (_, asked, [type, body]) => {
    await send({ method: "POST", ...asked });
    expect(seen).toMatchObject([{ method: "POST" }]);
    expect([seen[0]!.type, seen[0]!.body.toString("latin1")]).toEqual([type, body]);
  });

  test("nothing with GET", async () => {
    await send({ form: { a: 1 } });
    expect([seen[0]!.type, seen[0]!.body.length]).toEqual([undefined, 0]);
  });

  test("one body at most, and real base64", () => {
    expect(refused({ body: 1, form: { a: 1 } })).toEqual(["form: not together with `body`"]);
    expect(refused({ form: {}, binary: "AP8=" })).toEqual(["binary: not together with `form`"]);
    expect(refused({ binary: "no base64!" })[0]).toMatch(/^binary: /);
    expect(refused({ binary: "" })).toEqual([]);
  });
});

describe("what comes back", () => {
  test.each<[HttpRequest["response"], string, Buffer, Json]>([
    ["auto", "application/problem+json", Buffer.from('{"a":1}'), { a: 1 }],
    ["auto", "text/plain", Buffer.from('{"a":1}'), '{"a":1}'],
    ["text", "application/json", Buffer.from('{"a":1}'), '{"a":1}'],
    ["json", "text/plain", Buffer.from('{"a":1}'), { a: 1 }],
    ["base64", "image/png", Buffer.from([0, 255]), "AP8="],
    ["auto", "application/json", Buffer.from(""), ""],
  ])("%s of %s", async (form, type, ...[bytes, body]) => {
    answer = (response) => void response.writeHead(200, { "content-type": type }).end(bytes);
    expect((await send({ response: form })).body).toEqual(body);
  });

  test.each<[string, string, NonNullable<HttpRequest["response"]>, RegExp]>([
    ["no JSON", "application/json", "auto", /says that it is JSON, and is none/],
    ["no JSON where it must be", "text/html", "json", /\/ is no JSON\.$/],
  ])("%s", async (_, type, ...[form, message]) => {
    answer = (response) => void response.writeHead(200, { "content-type": type }).end("<html>");
    await expect(send({ response: form })).rejects.toThrow(message);
  });

  test.each<[number, NonNullable<HttpRequest["expect"]>, boolean]>([
    [404, [404], true],
    [404, ["4xx"], true],
    [302, ["2xx", "3xx"], true],
    [200, [201], false],
    [200, ["4xx"], false],
  ])("status %d, where %j is expected", async (status, wanted, fine) => {
    answer = (response) => void response.writeHead(status).end();
    const sent = send({ expect: wanted });
    if (fine) expect((await sent).status).toBe(status);
    else await expect(sent).rejects.toThrow(`status ${status}`);
  });

  test("a status is a number or a class", () => {
    expect(refused({ expect: ["200"] }).length).toBe(1);
    expect(refused({ expect: ["6xx"] }).length).toBe(1);
  });
});

describe("a list in pages", () => {
  const items = (page: number): Json[] => (page < 4 ? [{ id: page * 2 - 1 }, { id: page * 2 }] : []);
  const all = [1, 2, 3, 4, 5, 6].map((id) => ({ id }));
  const query = (one: Seen, name: string): string | null => new URL(one.url, url).searchParams.get(name);
  const PAGED: { readonly [kind: string]: [HttpRequest["paginate"], Answer, number] } = {
    link: [
      { items: "", next: "link" },
      (response, one) => {
        const page = Number(query(one, "p") ?? 1);
        const link = page < 3 ? `<${url}/?p=1>; rel="prev", </list?p=${page + 1}>; rel="last next"` : "";
        json(response, items(page), link ? { link } : {});
      },
      3,
    ],
    url: [
      { items: "data.rows", next: { url: "links.next" } },
      (response, one) => {
        const page = Number(query(one, "p") ?? 1);
        json(response, { data: { rows: items(page) }, links: { next: page < 3 ? `?p=${page + 1}` : null } });
      },
      3,
    ],
    cursor: [
      { items: "items", next: { cursor: "next", param: "after" } },
      (response, one) => {
        const page = Number(query(one, "after") ?? 1);
        json(response, { items: items(page), ...(page < 3 ? { next: page + 1 } : { next: "" }) });
      },
      3,
    ],
    page: [
      { items: "items", next: { page: "page" } },
      (response, one) => json(response, { items: items(Number(query(one, "page"))) }),
      4,
    ],
    "page from 0": [
      { items: "items", next: { page: "page", start: 0 } },
      (response, one) => json(response, { items: items(Number(query(one, "page")) + 1) }),
      4,
    ],
  };

  test.each(Object.keys(PAGED))("by %s", async (kind) => {
    const [paginate, how, pages] = PAGED[kind]!;
    answer = how;
    expect(await send({ paginate, query: { size: 2 }, url: `${url}/list` })).toMatchObject({
      body: all,
      pages,
    });
    expect(seen.length).toBe(pages);
  });

  const paginate = { items: "items", next: { url: "next" } };
  test.each<[string, Json, RegExp]>([
    ["no list", { rows: [] }, /page 1: there is no list at `items`/],
    ["a list that is none", { items: {} }, /there is no list/],
    [
      "another service",
      { items: [], next: "http://127.0.0.2:1/" },
      /its next page is at http:\/\/127\.0\.0\.2:1\./,
    ],
    ["a circle", { items: [], next: "/" }, /was read already/],
    ["an address that is none", { items: [], next: 7 }, /cannot be read/],
    ["an address that cannot be one", { items: [], next: "http://" }, /cannot be read/],
    ["a path into the prototype", { items: [], next: null }, /^$/],
  ])("%s", async (_, body, message) => {
    answer = (response) => json(response, body);
    if (message.source === "^$") {
      expect((await send({ paginate: { items: "items", next: { url: "constructor.name" } } })).pages).toBe(1);
      return;
    }
    await expect(send({ paginate })).rejects.toMatchObject({
      name: "PermanentError",
      message: expect.stringMatching(message),
    });
    expect(seen.length).toBe(1);
  });

  test("more pages than were allowed: nothing is left out in silence", async () => {
    let page = 0;
    answer = (response) => json(response, { items: [1], next: `?${page++}` });
    await expect(send({ paginate: { ...paginate, maxPages: 3 } })).rejects.toThrow(/more than 3 pages/);
    expect(seen.length).toBe(3);
  });

  test("more bytes than are held at once", async () => {
    let page = 0;
    answer = (response) => json(response, { items: [], rest: "x".repeat(1_000_000), next: `?${page++}` });
    await expect(send({ paginate })).rejects.toThrow(/The list at .* has more than 4194304 bytes/);
    expect(seen.length).toBe(5);
  });

  test("a cursor that is none", async () => {
    answer = (response) => json(response, { items: [], next: {} });
    await expect(
      send({ paginate: { items: "items", next: { cursor: "next", param: "a" } } }),
    ).rejects.toThrow(/is no cursor/);
  });

  test("only of JSON, and only with GET", () => {
    expect(refused({ paginate, method: "POST" })).toEqual(["paginate: only with the method GET"]);
    expect(refused({ paginate, response: "text" })).toEqual(["response: must be JSON with `paginate`"]);
    expect(refused({ paginate: { ...paginate, maxPages: 0 } }).length).toBe(1);
  });

  test.each([
    ["<a>; rel=next", "a"],
    ['<a>; title="x, <b>; rel=next"; rel="prev", <c>; type=x; rel="NEXT"', "c"],
    ["<a>; rel=prev", undefined],
    ["", undefined],
    ["<a>; rel=nextish", undefined],
  ])("the header Link: %s", (header, target) => {
    expect(nextLink(header)).toBe(target);
  });
});

describe("access tokens by client credentials", () => {
  const auth = { type: "oauth2", credential: "crm" } as const;
  let given = 0;
  let valid = new Set<string>();
  let lasts: Json = 3_600;

  /** Every test has a client of its own, because tokens are kept. */
  let client = 0;
  const fields = (more: object = {}) => ({
    tokenUrl: `${url}/token`,
    clientId: `shop ${client}`,
    clientSecret: "s&cret/1234",
    ...more,
  });

  beforeEach(() => {
    client++;
    given = 0;
    valid = new Set();
    lasts = 3_600;
    redacted.length = 0;
    answer = (response, one) => {
      if (one.url === "/token") {
        const token = `token-${client}-${++given}`;
        valid = new Set([token]);
        return json(response, { access_token: token, token_type: "Bearer", expires_in: lasts });
      }
      const isValid = valid.has(one.authorization?.replace("Bearer ", "") ?? "");
      response.writeHead(isValid ? 200 : 401).end();
    };
  });
  const paths = (): string[] => seen.map(({ url: path }) => path);

  test("asks for one as RFC 6749 says, sends it, keeps it, and hides it", async () => {
    const settings = { fields: fields({ scope: "a b", audience: "crm" }) };
    for (let call = 0; call < 3; call++) await send({ auth }, settings);
    expect(paths()).toEqual(["/token", "/", "/", "/"]);
    const [asked, call] = seen;
    expect(asked).toMatchObject({ method: "POST", type: "application/x-www-form-urlencoded" });
    expect(asked!.body.toString()).toBe("grant_type=client_credentials&scope=a+b&audience=crm");
    const basic = Buffer.from(asked!.authorization!.replace("Basic ", ""), "base64").toString();
    expect(basic).toBe(`shop%20${client}:s%26cret%2F1234`);
    expect(call!.authorization).toBe(`Bearer token-${client}-1`);
    expect(redacted).toEqual(Array.from({ length: 3 }, () => `token-${client}-1`));
  });

  test("every workspace has its own, and so has a credential that was changed", async () => {
    await send({ auth }, { fields: fields() });
    await send({ auth }, { fields: fields(), workspace: "acme" });
    await send({ auth }, { fields: fields({ clientSecret: "another" }) });
    expect(given).toBe(3);
  });

  test("a new one shortly before its end", async () => {
    const settings = { fields: fields() };
    await send({ auth }, settings);
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      vi.setSystemTime(Date.now() + 3_535_000);
      await send({ auth }, settings);
      expect(given).toBe(1);
      vi.setSystemTime(Date.now() + 10_000);
      await send({ auth }, settings);
      expect(given).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test("a new one, once, after 401", async () => {
    const settings = { fields: fields() };
    await send({ auth }, settings);
    valid.clear();
    await send({ auth }, settings);
    expect(paths()).toEqual(["/token", "/", "/", "/token", "/"]);
    const tokens = answer;
    answer = (response, one) =>
      one.url === "/token" ? tokens(response, one) : void response.writeHead(401).end();
    await expect(send({ auth }, settings)).rejects.toMatchObject({ status: 401 });
    expect(paths().slice(5)).toEqual(["/", "/token", "/"]);
  });

  test("other credentials are not tried again after 401", async () => {
    await expect(
      send({ auth: { type: "bearer", credential: "x" } }, { fields: { token: "t" } }),
    ).rejects.toMatchObject({ status: 401 });
    expect(seen.length).toBe(1);
  });

  test.each([
    ["a refusal", 401, { name: "HttpStatusError", status: 401 }],
    ["too many", 429, { name: "HttpStatusError", status: 429 }],
    // In doubt by itself, but the request of the workflow was not sent.
    ["a proxy that gave up", 503, { name: "RetryableError" }],
    ["a broken connection", 0, { name: "RetryableError" }],
  ])("%s", async (_, status, error) => {
    answer = (response) =>
      void (status === 0 ? response.socket?.destroy() : response.writeHead(status).end());
    await expect(send({ auth, method: "POST" }, { fields: fields() })).rejects.toMatchObject(error);
    expect(paths()).toEqual(["/token"]);
  });

  test.each<[Json, RegExp]>([
    [{}, /gave no bearer token/],
    [{ access_token: "x", token_type: "mac" }, /gave no bearer token/],
    ["no object", /gave no bearer token/],
  ])("an answer without one: %j", async (body, message) => {
    answer = (response) => json(response, body);
    await expect(send({ auth }, { fields: fields() })).rejects.toThrow(message);
  });

  test.each(["tokenUrl", "clientId", "clientSecret"])("without %s", async (field) => {
    await expect(send({ auth }, { fields: fields({ [field]: "" }) })).rejects.toThrow(
      `Credential "crm" needs a field "${field}".`,
    );
    expect(seen).toEqual([]);
  });

  test("goes to the credential's hosts alone", async () => {
    const hosts: unknown[] = [];
    const spying = ((input: string, init: { allowHosts?: unknown }) => {
      hosts.push(init.allowHosts);
      return fetch(input, init as RequestInit);
    }) as unknown as typeof fetch;
    await send({ auth }, { fields: fields(), allowHosts: ["127.0.0.1"], fetch: spying });
    expect(hosts).toEqual([["127.0.0.1"], ["127.0.0.1"]]);
  });
});
