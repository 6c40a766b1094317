/** The built-in actions that have an effect elsewhere, with their worker stopped by `kill -9` at every moment of it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { defineWorkflow, type Json, type RunDetail, type RunHandle } from "../../../src/index.ts";
import { type MailMoment, MailServer } from "../../support/mail-server.ts";
import { type BackendName, onEachBackend } from "../engine/backends.ts";
import { VictimScene } from "./built-in-victim.ts";
import { ForeignDatabase, type ForeignMoment, MOMENTS } from "./foreign-database.ts";
import { Provider } from "./provider.ts";

/** `FLOWFORGE_BUILT_INS=all`: also with Redis what has nothing to do with the queue. */
const ALL = process.env["FLOWFORGE_BUILT_INS"] === "all";
const elsewhere = (name: BackendName) => (title: string, suite: () => void) => {
  if (name === "postgres" || ALL) describe(title, suite);
};
const WAIT = { timeout: 20_000, interval: 20 };
const lost = (detail: RunDetail): readonly unknown[] => detail.attempts.map(({ error }) => error.class);
const nodeOf = ({ nodes }: RunDetail) => nodes.find(({ node }) => node === "a")!;

let foreign: ForeignDatabase;
beforeAll(async () => {
  foreign = await ForeignDatabase.start();
});
afterAll(() => foreign[Symbol.asyncDispose]());

onEachBackend("built-in actions", (name) => {
  let scene: VictimScene;

  beforeEach(async () => {
    scene = await VictimScene.open(name);
  });
  afterEach(() => scene[Symbol.asyncDispose]());

  elsewhere(name)("http.request", () => {
    let provider: Provider;
    beforeEach(async () => {
      provider = await Provider.start();
      await scene.client.credentials.set("shop", { token: "tok_1234567890" });
    });
    afterEach(() => provider[Symbol.asyncDispose]());

    const start = (method: string): Promise<RunHandle> => {
      const auth = { type: "bearer", credential: "shop" };
      return scene.start("http.request", { url: `${provider.url}/charge/x`, method, auth }, ["shop"]);
    };

    /** Requests that arrived. */
    const expected = [
      { method: "PUT", moment: "credential", requests: 1 },
      { method: "PUT", moment: "request", requests: 2 },
      { method: "PUT", moment: "commit", requests: 2 },
      { method: "POST", moment: "request", requests: 2 },
      { method: "POST", moment: "commit", requests: 2 },
    ] as const;

    test.each(expected)("$method, killed at: $moment", async ({ method, moment, requests }) => {
      await scene.startVictim();
      let run!: RunHandle;
      const begin = async (): Promise<void> => void (run = await start(method));
      if (moment === "credential") {
        await scene.killAt("credential", begin);
      } else {
        provider.holding = "charge";
        await begin();
        await expect.poll(() => provider.held, WAIT).toBe(1);
        if (moment === "request") await scene.kill();
        else await scene.killAt("commit", () => provider.release());
        provider.release();
      }
      const detail = await scene.finish(run);
      expect(detail.header.status).toBe("succeeded");
      expect(lost(detail)).toEqual(["lease_lost"]);
      expect(provider.count("charge", "x")).toBe(requests);
      // A provider that knows keys has charged once.
      expect(provider.keys("x").size).toBe(1);
      expect(detail.output).toMatchObject({ body: JSON.stringify({ id: [...provider.keys("x")][0] }) });
      // Whoever finds a lost worker does not know the method.
      expect(nodeOf(detail)).toMatchObject({ possiblyDuplicated: true });
    });
  });

  describe("event.publish", () => {
    /** Two events end it, so that one that came twice would be seen. */
    const waits = { kind: "wait", for: { event: "paid" } };
    const waiter = defineWorkflow({
      format: 1,
      name: "waiter",
      nodes: { first: waits, second: waits },
      edges: [{ from: "first", to: "second" }],
      output: "{{ [nodes.first.output, nodes.second.output] }}",
    } as never);

    test.each(["commit", "end"] as const)("killed before its %s", async (lock) => {
      await scene.gateEnds();
      await scene.startVictim();
      const waiting = await scene.client.runs.start(waiter);
      const status = async () => (await waiting.detail()).nodes[0]?.status;
      await expect.poll(status, WAIT).toBe("waiting");
      let run!: RunHandle;
      await scene.killAt(lock, async () => {
        run = await scene.start("event.publish", { name: "paid", payload: 1 });
      });
      const detail = await scene.finish(run);
      expect(lost(detail)).toEqual(["lease_lost"]);
      expect(detail.output).toMatchObject({ runs: 1 });
      expect(await scene.client.publish("paid", 2)).toMatchObject({ runs: 1 });
      expect(await waiting.result({ timeout: "10s" })).toEqual([1, 2]);
    });
  });

  describe("queue.add", () => {
    test("killed when the job is in the queue, before the result is committed", async () => {
      await using queue = await scene.hostQueue();
      await scene.gateEnds();
      await scene.startVictim();
      let run!: RunHandle;
      await scene.killAt("end", async () => {
        run = await scene.start("queue.add", { queue: queue.name, name: "welcome", data: { to: "ada" } });
      });
      const [first] = await queue.getJobs();
      const detail = await scene.finish(run);
      expect(lost(detail)).toEqual(["lease_lost"]);
      expect(detail.output).toEqual({ queue: "emails", id: first!.id });
      expect((await queue.getJobs()).map(({ id, data }) => [id, data])).toEqual([[first!.id, { to: "ada" }]]);
    });
  });

  elsewhere(name)("email.send", () => {
    let server: MailServer;
    beforeEach(async () => {
      server = await MailServer.start();
      await scene.client.credentials.set("mail", server.fields);
    });
    afterEach(() => server[Symbol.asyncDispose]());

    const start = (more: object = {}): Promise<RunHandle> => {
      const input = { credential: "mail", to: "ada@example.com", subject: "Hello", text: "World", ...more };
      return scene.start("email.send", input as Json, ["mail"]);
    };

    const expectSent = (detail: RunDetail, times: number): void => {
      expect(detail.header.status).toBe("succeeded");
      expect(lost(detail)).toEqual(["lease_lost"]);
      expect(server.taken).toHaveLength(times);
      const ids = new Set(server.taken.map(({ mail }) => mail.messageId));
      expect(detail.output).toMatchObject({ messageId: [...ids][0] });
      expect(ids.size).toBe(1);
    };

    /** The server keeps the process waiting, which is killed; then the server goes on alone. */
    async function killWhile(
      moment: MailMoment,
      input: object = {},
      kill = async (_release: () => void): Promise<void> => scene.kill(),
    ): Promise<RunDetail> {
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      server.onMoment = async (at) => {
        if (at !== moment) return;
        reached.resolve();
        await released.promise;
      };
      await scene.startVictim();
      const run = await start(input);
      await reached.promise;
      server.onMoment = () => undefined;
      await kill(released.resolve);
      released.resolve();
      return scene.finish(run);
    }

    test.each(["greeting", "login", "sender", "recipient"] as const)(
      "killed before the message is handed over: %s",
      async (moment) => expectSent(await killWhile(moment), 1),
    );

    test("killed before it asks for its credential", async () => {
      await scene.startVictim();
      let run!: RunHandle;
      await scene.killAt("credential", async () => (run = await start()));
      expectSent(await scene.finish(run), 1);
    });

    test("killed when the server has said that it took it, before the result is committed", async () => {
      const detail = await killWhile("taken", {}, (release) => scene.killAt("commit", release));
      expectSent(detail, 1);
    });

    test.each(["message", "taken"] as const)(
      "killed when nobody can know, at %s: a person looks",
      async (moment) => {
        const detail = await killWhile(moment);
        expect(detail.header.status).toBe("failed");
        expect(nodeOf(detail)).toMatchObject({ status: "failed", error: { class: "outcome_unknown" } });
        expect(server.taken).toHaveLength(1);
      },
    );

    test.each(["message", "taken"] as const)(
      "killed when nobody can know, at %s: sent again where the node says so, as the same message",
      async (moment) => expectSent(await killWhile(moment, { whenUnknown: "resend" }), 2),
    );
  });

  elsewhere(name)("sql.query", () => {
    let what: string;
    beforeEach(async ({ task }) => {
      what = task.id;
      await scene.client.credentials.set("db", foreign.fields);
      await scene.startVictim();
    });

    const start = (moment: ForeignMoment): Promise<RunHandle> => {
      const text = `insert into ${moment}.effects (what) values ($1) returning at::text`;
      const input = { credential: "db", text, values: [what], write: true, inbox: `${moment}.inbox` };
      return scene.start("sql.query", input, ["db"]);
    };

    /** Written once, and the run has got what was written. */
    const expectOnce = async (moment: ForeignMoment, detail: RunDetail): Promise<void> => {
      expect(detail.header.status).toBe("succeeded");
      expect(lost(detail)).toEqual(["lease_lost"]);
      const effects = await foreign.effects(moment, what);
      expect({ moment, count: effects.length }).toEqual({ moment, count: 1 });
      expect(detail.output).toEqual({ rows: [{ at: effects[0] }], rowCount: 1 });
      expect(nodeOf(detail).possiblyDuplicated).toBe(false);
    };

    test("killed before it asks for its credential", async () => {
      let run!: RunHandle;
      await scene.killAt("credential", async () => (run = await start("statement")));
      expect(await foreign.effects("statement", what)).toEqual([]);
      await expectOnce("statement", await scene.finish(run));
    });

    test("killed at every moment of the transaction in the other database", async () => {
      const release = await foreign.hold();
      const runs = await Promise.all(MOMENTS.map(start));
      await foreign.reached(MOMENTS.length);
      await scene.kill();
      for (const moment of MOMENTS) expect(await foreign.effects(moment, what)).toEqual([]);
      // One of them has been told to commit, and does so when there is nobody any more who would hear of it.
      await release();
      await expect.poll(() => foreign.effects("commit", what), WAIT).toHaveLength(1);
      const details = await scene.finishAll(runs);
      for (const [index, moment] of MOMENTS.entries()) await expectOnce(moment, details[index]!);
    });

    test("killed when the other database has committed, before the result is committed here", async () => {
      const release = await foreign.hold();
      const run = await start("statement");
      await foreign.reached(1);
      await scene.killAt("commit", release);
      expect(await foreign.effects("statement", what)).toHaveLength(1);
      await expectOnce("statement", await scene.finish(run));
    });
  });
});
