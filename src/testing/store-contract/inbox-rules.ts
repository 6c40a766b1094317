/** The inbox: how the world outside reaches a run that somebody else may be deciding. */
import type { MessageBody } from "../../core/ports/message.ts";
import type { Store } from "../../core/ports/store.ts";
import { loaded, message, move, moved, newId, newRun, seqOf, start, stored, WORKSPACE } from "./entries.ts";
import type { Kit } from "./kit.ts";

async function inboxOf(store: Store, id: string): Promise<string[]> {
  return (await loaded(store, id)).inbox.map((found) => found.id + (found.kept ? "*" : ""));
}

export function inboxRules(kit: Kit): void {
  kit.describe("inbox: append", () => appendRules(kit));
  kit.describe("inbox: consumed and kept", () => useRules(kit));
  kit.describe("inbox: unread", () => unreadRules(kit));
  kit.describe("inbox: after the end, and from another workspace", () => borderRules(kit));
  kit.describe("inbox: who listens for an event", () => listenerRules(kit));
}

function appendRules({ rule, expect }: Kit): void {
  rule("stores messages in the order of arrival, each raising seq", async ({ store, second, advance }) => {
    const id = await stored(store);
    const bodies: MessageBody[] = [
      { kind: "signal", name: "approve", payload: { by: "Ada" } },
      { kind: "event", name: "paid", payload: null },
      { kind: "cancel" },
      { kind: "pause" },
      { kind: "resume" },
    ];
    const before = await store.now();
    // Ids that sort in another order than they come.
    const messages = bodies.map((body, index) => message(id, `m${9 - index}`, body));
    expect(await store.append(messages.slice(0, 3))).toEqual(["stored", "stored", "stored"]);
    expect(await seqOf(store, id)).toBe(4);
    await advance(1_000);
    expect(await second.append(messages.slice(3))).toEqual(["stored", "stored"]);
    const { header, inbox } = await loaded(store, id);
    expect(header.seq).toBe(6);
    expect(inbox.map(({ id: found, kept, body }) => ({ id: found, kept, body }))).toEqual(
      messages.map(({ id: sent, body }) => ({ id: sent, kept: false, body })),
    );
    expect(inbox[0]!.receivedAt).toBeGreaterThanOrEqual(before);
    expect(inbox[4]!.receivedAt).toBeGreaterThanOrEqual(inbox[0]!.receivedAt + 1_000);
  });

  rule("a repeated id is one message, within a call and between calls", async ({ store, second }) => {
    const [a, b] = [await stored(store), await stored(store)];
    expect(await store.append([message(a, "m"), message(b, "m"), message(a, "m")])).toEqual([
      "stored",
      "stored",
      "repeated",
    ]);
    expect(await second.append([message(a, "m"), message(a, "n")])).toEqual(["repeated", "stored"]);
    expect([await seqOf(store, a), await seqOf(store, b)]).toEqual([3, 2]);
    expect(await inboxOf(store, a)).toEqual(["m", "n"]);
  });

  rule("the same id at once from many senders is one message", async ({ store, second }) => {
    const id = await stored(store);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? store : second).append([message(id, "m")])),
    );
    expect(answers.flat().filter((answer) => answer === "stored")).toHaveLength(1);
    expect(answers.flat().filter((answer) => answer === "repeated")).toHaveLength(19);
    expect(await seqOf(store, id)).toBe(2);
  });

  rule("an unknown run and a finished one say so; the others of the call are stored", async ({ store }) => {
    const [done, alive] = [await stored(store), await stored(store)];
    await store.append([message(done, "early")]);
    await moved(store, move(done, 2, { status: "failed", finished: true }));
    const sent = [message(newId(), "m"), message(done, "late"), message(alive, "m"), message(done, "early")];
    expect(await store.append(sent)).toEqual(["unknown_run", "finished_run", "stored", "repeated"]);
    expect([await seqOf(store, done), await seqOf(store, alive)]).toEqual([3, 2]);
    await moved(store, move(done, 3));
    expect(await store.append([message(done, "late")])).toEqual(["stored"]);
    expect(await store.append([])).toEqual([]);
  });

  rule(
    "all or none: a message that cannot be stored takes the others of its call with it",
    async ({ store }) => {
      const [a, b] = [await stored(store), await stored(store)];
      await expect(store.append([message(a, "m"), message(b, "a\0b")])).rejects.toBeDefined();
      expect([await seqOf(store, a), await seqOf(store, b)]).toEqual([1, 1]);
      expect(await inboxOf(store, a)).toEqual([]);
      expect(await store.append([message(a, "m")])).toEqual(["stored"]);
    },
  );

  rule("whoever decided without having seen the message is refused", async ({ store, second }) => {
    const id = await stored(store);
    const decided = move(id, await seqOf(store, id), { status: "waiting" });
    await second.append([message(id, "m", { kind: "signal", name: "go", payload: null })]);
    expect(await store.commit([decided])).toEqual([{ type: "moved" }]);
    expect((await loaded(store, id)).header.status).toBe("running");
    await moved(store, move(id, 2, { status: "waiting", consumed: ["m"] }));
  });

  rule("writes nothing of the run but its seq", async ({ store }) => {
    const id = await stored(store, { status: "waiting", deadLetters: 1 });
    const { seq: _, ...before } = (await loaded(store, id)).header;
    await store.append([message(id, "m", { kind: "cancel" })]);
    expect((await loaded(store, id)).header).toEqual({ ...before, seq: 2 });
  });
}

function useRules({ rule, expect }: Kit): void {
  rule("consumed messages vanish, kept ones stay and are flagged", async ({ store }) => {
    const id = await stored(store);
    await store.append(["a", "b", "c", "d"].map((name) => message(id, name)));
    await moved(store, move(id, 5, { consumed: ["a", "c"], kept: ["b"] }));
    expect(await inboxOf(store, id)).toEqual(["b*", "d"]);
    await moved(store, move(id, 6, { kept: ["b", "d"] }));
    expect(await inboxOf(store, id)).toEqual(["b*", "d*"]);
    await moved(store, move(id, 7, { consumed: ["b"] }));
    expect(await inboxOf(store, id)).toEqual(["d*"]);
    await moved(store, move(id, 8, { consumed: ["d"] }));
    expect(await inboxOf(store, id)).toEqual([]);
  });

  rule("the id of a used message is still known", async ({ store }) => {
    const id = await stored(store);
    await store.append([message(id, "m"), message(id, "n")]);
    await moved(store, move(id, 3, { consumed: ["m"], kept: ["n"] }));
    expect(await store.append([message(id, "m"), message(id, "n")])).toEqual(["repeated", "repeated"]);
    expect(await seqOf(store, id)).toBe(4);
    expect(await inboxOf(store, id)).toEqual(["n*"]);
  });

  rule("ids that mean nothing are no harm, and other runs' messages are not touched", async ({ store }) => {
    const [a, b] = [await stored(store), await stored(store)];
    await store.append([message(a, "m"), message(b, "m")]);
    await moved(store, move(a, 2, { consumed: ["x", "m", "m"], kept: ["y"] }));
    await moved(store, move(a, 3, { consumed: ["m"], kept: ["m"] }));
    expect([await inboxOf(store, a), await inboxOf(store, b)]).toEqual([[], ["m"]]);
    await store.append([message(a, "n")]);
    expect(await inboxOf(store, a)).toEqual(["n"]);
  });

  rule("a refused commit uses nothing up", async ({ store }) => {
    const id = await stored(store);
    await store.append([message(id, "m"), message(id, "n")]);
    expect(await store.commit([move(id, 2, { consumed: ["m"], kept: ["n"] })])).toEqual([{ type: "moved" }]);
    expect(await inboxOf(store, id)).toEqual(["m", "n"]);
  });
}

function unreadRules({ rule, expect }: Kit): void {
  const query = { olderThanMs: 60_000, limit: 10 };

  rule("finds runs whose messages nobody has seen for a while, oldest first", async ({ store, advance }) => {
    const ids = [await stored(store), await stored(store), await stored(store)];
    for (const place of [2, 0, 1]) {
      await store.append([message(ids[place]!, "m"), message(ids[place]!, "n")]);
      await advance(10_000);
    }
    expect(await store.unread(query)).toEqual([]);
    await advance(35_000);
    expect(await store.unread(query)).toEqual([ids[2]]);
    await advance(60_000);
    expect(await store.unread(query)).toEqual([ids[2], ids[0], ids[1]]);
    expect(await store.unread({ ...query, limit: 2 })).toEqual([ids[2], ids[0]]);
  });

  rule(
    "no longer once they were consumed or kept; a new one counts from its own arrival",
    async ({ store, advance }) => {
      const id = await stored(store);
      await store.append([message(id, "m"), message(id, "n")]);
      await advance(120_000);
      await moved(store, move(id, 3, { consumed: ["m"] }));
      expect(await store.unread(query)).toEqual([id]);
      await moved(store, move(id, 4, { kept: ["n"] }));
      expect(await store.unread(query)).toEqual([]);
      await store.append([message(id, "o")]);
      await advance(30_000);
      expect(await store.unread(query)).toEqual([]);
      await advance(60_000);
      expect(await store.unread(query)).toEqual([id]);
    },
  );
}

function borderRules({ rule, expect }: Kit): void {
  rule("a run at rest takes a cancel as long as it has dead letters", async ({ store }) => {
    const rest = { status: "failed", finished: true } as const;
    const [dead, done] = [await stored(store, { ...rest, deadLetters: 1 }), await stored(store, rest)];
    const sent = [message(dead, "p"), message(dead, "c", { kind: "cancel" })];
    expect(await store.append([...sent, message(done, "c", { kind: "cancel" })])).toEqual([
      "finished_run",
      "stored",
      "finished_run",
    ]);
    expect([await inboxOf(store, dead), await seqOf(store, dead)]).toEqual([["c"], 2]);
  });

  rule("a message for another workspace finds no run", async ({ store }) => {
    const id = await stored(store);
    const sent = [
      { ...message(id, "a"), workspace: "other" },
      { ...message(id, "b"), workspace: WORKSPACE },
    ];
    expect(await store.append(sent)).toEqual(["unknown_run", "stored"]);
    expect(await inboxOf(store, id)).toEqual(["b"]);
  });
}

function listenerRules({ rule, expect }: Kit): void {
  const query = { workspace: WORKSPACE, event: "paid", limit: 10 };

  rule(
    "a run listens from the commit that says so until one that says otherwise",
    async ({ store, second }) => {
      const id = await stored(store, { listens: ["paid", "shipped"] });
      expect(await second.listeners(query)).toEqual([id]);
      await moved(store, move(id, 1));
      await moved(store, move(id, 2, { listens: ["paid", "lost"] }));
      expect(await store.listeners(query)).toEqual([id]);
      expect(await store.listeners({ ...query, event: "lost" })).toEqual([id]);
      expect(await store.listeners({ ...query, event: "shipped" })).toEqual([]);
      await moved(store, move(id, 3, { listens: [] }));
      expect(await store.listeners(query)).toEqual([]);
      await moved(store, move(id, 4, { listens: ["paid"] }));
      expect(await store.listeners(query)).toEqual([id]);
    },
  );

  rule("by id, page by page, of one workspace", async ({ store }) => {
    const other = newRun({ workspace: "other" });
    const [elsewhere, ...ids] = (await Promise.all(
      [{ start: other }, {}, {}, {}].map((changes) => stored(store, { ...changes, listens: ["paid"] })),
    )) as [string, string, string, string];
    ids.sort();
    expect(await store.listeners({ ...query, limit: 2 })).toEqual(ids.slice(0, 2));
    expect(await store.listeners({ ...query, limit: 2, after: ids[1]! })).toEqual(ids.slice(2));
    expect(await store.listeners({ ...query, workspace: "other" })).toEqual([elsewhere]);
  });

  rule("a start and a move of one batch; what is refused listens for nothing", async ({ store }) => {
    const [a, b] = [await stored(store), newId()];
    const listens = ["paid"];
    expect(await store.commit([start(b, { listens }), move(a, 7, { listens })])).toMatchObject([
      { type: "committed" },
      { type: "moved" },
    ]);
    expect(await store.listeners(query)).toEqual([b]);
    expect(await store.commit([start(newId()), move(a, 1, { listens })])).toMatchObject([
      { type: "committed" },
      { type: "committed" },
    ]);
    expect(await store.listeners(query)).toEqual([a, b].sort());
  });
}
