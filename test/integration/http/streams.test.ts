/** Streams of events over HTTP: what happens in a workspace, from where a client was, and for no longer than its login holds. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createHandler, type Handler, type HandlerOptions } from "../../../src/http.ts";
import { defineWorkflow } from "../../../src/index.ts";
import { type Api, openApi, waiting } from "./api.ts";

let api: Api;
/** What `authorize` lets in. */
let isLoggedIn = true;
beforeAll(async () => {
  api = await openApi();
  const retry = { immediate: 0, backoff: [] };
  const broken = { a: { kind: "action", action: "add", input: "{{ input.none.at.all }}", retry } };
  const document = { format: 1, name: "broken", nodes: broken, edges: [] };
  await api.engine.workflows.register(defineWorkflow(document), { workspace: "mine" });
});
afterAll(() => api[Symbol.asyncDispose]());

interface Heard {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: { readonly [name: string]: unknown };
}

const open: AbortController[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.abort();
  isLoggedIn = true;
});

function handlerWith(options: Partial<HandlerOptions>): Handler {
  return createHandler(api.engine, {
    authorize: ({ headers }) => {
      const [workspace, actor] = headers.get("authorization")!.split(" ");
      return isLoggedIn ? { workspace: workspace!, actor } : null;
    },
    ...options,
  });
}

async function ask(
  handler: Handler,
  {
    path = "/feed",
    as = "mine ada",
    after,
  }: { readonly path?: string; readonly as?: string; readonly after?: string } = {},
): Promise<{ readonly response: Response; readonly gone: AbortController }> {
  const gone = new AbortController();
  open.push(gone);
  const headers = { authorization: as, ...(after === undefined ? {} : { "last-event-id": after }) };
  return {
    response: await handler(new Request(`http://flow.test${path}`, { headers, signal: gone.signal })),
    gone,
  };
}

/** Events as they come; comments, and ids without an event, are left out. */
async function* heard({ body }: Response): AsyncGenerator<Heard> {
  let text = "";
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    const parts = (text + chunk).split("\n\n");
    text = parts.pop()!;
    for (const part of parts) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(part)?.[1];
      const event = field("event");
      if (event !== undefined)
        yield { id: field("id"), event, data: JSON.parse(field("data")!) as Heard["data"] };
    }
  }
}

async function next(events: AsyncGenerator<Heard>): Promise<Heard> {
  const { value, done } = await events.next();
  if (done) throw new Error("The stream has ended.");
  return value;
}

/** After the reset from which on the stream is complete; another transaction on this server may be older than the feed. */
async function exact(events: AsyncGenerator<Heard>): Promise<string> {
  for (;;) {
    const { event, id } = await next(events);
    expect(event).toBe("reset");
    if (id !== undefined) return id;
  }
}

/**
 * A place is as far as all is settled, so while some transaction on this server is open, another test's too, what lies beyond it comes again, and what
 * happened before the test as well.
 */
async function firstOf(runs: ReadonlySet<unknown>, events: AsyncGenerator<Heard>): Promise<Heard> {
  for (;;) {
    const told = await next(events);
    if (runs.has(told.data["runId"])) return told;
  }
}

async function startOf(workflow: string, workspace = "mine") {
  return api.engine.runs.start(workflow, { workspace, input: 1 });
}

test(
  "tell how runs start and end and of dead letters, of this workspace alone",
  { timeout: 30_000 },
  async () => {
    const { response } = await ask(handlerWith({}));
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    const events = heard(response);
    await exact(events);
    await startOf("waiting", "other");
    const run = await startOf("waiting");
    await run.cancel();
    expect(await next(events)).toMatchObject({
      event: "run.started",
      data: { type: "run.started", runId: run.id, workflow: "waiting", node: null },
    });
    expect(await next(events)).toMatchObject({ event: "run.cancelled", data: { runId: run.id } });
    const failed = await startOf("broken");
    const kinds = [];
    for (let n = 0; n < 3; n++) kinds.push(await next(events));
    expect(kinds.map(({ event, data }) => [event, data["runId"]])).toEqual([
      ["run.started", failed.id],
      ["run.failed", failed.id],
      ["dead_letter.opened", failed.id],
    ]);
    const { deadLetterId } = kinds[2]!.data;
    await api.engine.deadLetters.discard(String(deadLetterId), { workspace: "mine" });
    const rest = [await next(events), await next(events)];
    expect(rest.map(({ event }) => event).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "dead_letter.resolved",
      "run.succeeded",
    ]);
  },
);

test(
  "a client that was away hears what happened meanwhile, in order, from every place",
  { timeout: 30_000 },
  async () => {
    const handler = handlerWith({});
    const first = await ask(handler);
    const from = await exact(heard(first.response));
    first.gone.abort();
    const runs = [await startOf("waiting"), await startOf("waiting"), await startOf("waiting")];
    const ids = runs.map(({ id }) => id);
    let after = from;
    const missing = new Set<unknown>(ids);
    const heardOf: unknown[] = [];
    while (missing.size > 0) {
      // Another process would do: nothing is kept but the id that the client has.
      const { response, gone } = await ask(handlerWith({}), { after });
      const told = await firstOf(missing, heard(response));
      after = told.id!;
      missing.delete(told.data["runId"]);
      heardOf.push(told.data["runId"]);
      gone.abort();
    }
    expect(heardOf).toEqual(ids);
  },
);

test(
  "a transaction that stays open holds nothing back, and what it has done is told when it ends",
  { timeout: 60_000 },
  async () => {
    const handler = handlerWith({});
    const events = heard((await ask(handler)).response);
    const from = await exact(events);
    const client = await api.backend.database.pool({ max: 1 }).connect();
    try {
      await client.query("begin");
      const late = await api.engine.runs.start("waiting", { workspace: "mine", input: 1, tx: client });
      // More than one look reads.
      const starts = Array.from({ length: 700 }, () => ({ workspace: "mine", input: 1 }));
      const runs = await api.engine.runs.startMany("waiting", starts);
      const ids: unknown[] = [];
      for (let n = 0; n < starts.length; n++) ids.push((await next(events)).data["runId"]);
      expect(new Set(ids)).toEqual(new Set(runs.map(({ id }) => id)));
      await client.query("commit");
      expect((await next(events)).data["runId"]).toBe(late.id);
      // Who was away all the time hears of it among the others.
      const again = heard((await ask(handler, { after: from })).response);
      const missing = new Set<unknown>([...ids, late.id]);
      while (missing.size > 0) missing.delete((await next(again)).data["runId"]);
    } finally {
      client.release(true);
    }
  },
);

test(
  "while a transaction is open that is older than the stream, events come and no place to go on from",
  { timeout: 60_000 },
  async () => {
    // Of a workspace to which nobody has listened yet. Another database's transaction would do as well.
    const workspace = "quiet";
    await api.engine.workflows.register(defineWorkflow(waiting), { workspace });
    const client = await api.backend.database.pool({ max: 1 }).connect();
    try {
      await client.query("begin; select pg_current_xact_id()");
      const events = heard((await ask(handlerWith({}), { as: workspace })).response);
      expect(await next(events)).toEqual({ event: "reset", data: {}, id: undefined });
      const early = await startOf("waiting", workspace);
      expect(await next(events)).toMatchObject({ id: undefined, data: { runId: early.id } });
      await client.query("rollback");
      await exact(events);
      const run = await startOf("waiting", workspace);
      const told = await next(events);
      expect([told.data["runId"], typeof told.id]).toEqual([run.id, "string"]);
    } finally {
      client.release(true);
    }
  },
);

test("an id that is none, or of another server, is a reset", { timeout: 30_000 }, async () => {
  const handler = handlerWith({});
  for (const after of ["x", "1.0", "99999999999999999.0", "-1.5", "1.0; drop table runs"]) {
    const { response, gone } = await ask(handler, { after });
    expect((await next(heard(response))).event).toBe("reset");
    gone.abort();
  }
});

test("there are so many per login and in all, and places come back", { timeout: 30_000 }, async () => {
  const handler = handlerWith({ maxStreams: 3, maxStreamsPerLogin: 2 });
  const run = await startOf("waiting");
  const mine = [await ask(handler), await ask(handler, { path: `/runs/${run.id}/events` })];
  const third = await ask(handler);
  expect([third.response.status, await third.response.json()]).toMatchObject([
    429,
    { code: "http_streams_limit", status: 429 },
  ]);
  const other = await ask(handler, { as: "mine bob" });
  expect(other.response.status).toBe(200);
  const full = await ask(handler, { as: "other eve" });
  expect([full.response.status, await full.response.json()]).toMatchObject([
    503,
    { code: "http_streams_exhausted" },
  ]);
  // A client that goes, one that cancels, and a run that ends.
  mine[0]!.gone.abort();
  await other.response.body!.cancel();
  const ended = mine[1]!.response.text();
  await run.cancel();
  await ended;
  const again = await Promise.all([ask(handler), ask(handler), ask(handler, { as: "other eve" })]);
  expect(again.map(({ response }) => response.status)).toEqual([200, 200, 200]);
});

test("a stream is closed when its login no longer holds", { timeout: 30_000 }, async () => {
  const handler = handlerWith({ checkLoginEvery: "1s" });
  const run = await startOf("waiting");
  const streams = [await ask(handler), await ask(handler, { path: `/runs/${run.id}/events` })];
  isLoggedIn = false;
  for (const { response } of streams) {
    const text = await response.text();
    expect(text).toMatch(/event: closed\ndata: \{"code":"http_unauthorized"\}\n\n$/);
  }
  expect((await ask(handler)).response.status).toBe(401);
});

test.each<[string, () => HandlerOptions["authorize"]]>([
  ["is that of another workspace", () => turning({ workspace: "mine" }, { workspace: "other" })],
  ["is somebody else's", () => turning({ workspace: "mine", actor: "a" }, { workspace: "mine", actor: "b" })],
  ["may not any more", () => turning({ workspace: "mine" }, { workspace: "mine", can: () => false })],
  ["cannot be asked for", () => turning({ workspace: "mine" }, new Error("ldap is away"))],
])("a stream whose login %s is closed", { timeout: 30_000 }, async (_what, authorize) => {
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const handler = handlerWith({ checkLoginEvery: "1s", authorize: authorize(), onError });
  const { response } = await ask(handler);
  expect(await response.text()).toContain("event: closed");
  expect(errors.length).toBeLessThanOrEqual(1);
});

/** This answer once, and that one ever after. */
function turning(first: object, then: object | Error): HandlerOptions["authorize"] {
  let count = 0;
  return () => {
    if (count++ === 0) return first as { workspace: string };
    if (then instanceof Error) throw then;
    return then as { workspace: string };
  };
}

test.each([
  { maxStreams: 0 },
  { maxStreamsPerLogin: 1.5 },
  { checkLoginEvery: "10ms" as const },
  { checkLoginEvery: "2d" as const },
])("%j is no option", (options) => {
  expect(() => handlerWith(options)).toThrow(expect.objectContaining({ code: "option_invalid" }) as Error);
});
