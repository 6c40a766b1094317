/** Poll triggers: an action is asked by one engine at a time, and each item that is new has one run. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineAction, type PollSource, type WorkflowDocument } from "../../../src/index.ts";
import { onEachBackend, openBackend } from "./backends.ts";

const WAIT = { timeout: 20_000 };
const OF = { workflow: "answer", trigger: "mail" };
const TOKEN = "token-that-nobody-sees";

/** A mailbox: it gives all its mails, whatever the cursor. */
class Mailbox {
  readonly mails: object[] = [];
  error: Error | null = null;
  #underWay = 0;
  mostAtOnce = 0;

  readonly list = defineAction({
    name: "mail.list",
    input: z.strictObject({ folder: z.string(), cursor: z.int().nullable() }),
    credentials: ["mail"],
    run: async ({ credential }) => {
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#underWay);
      try {
        const { fields } = await credential("mail");
        if (fields["token"] !== TOKEN) throw new Error("Who is there?");
        if (this.error) throw this.error;
        return { items: [...this.mails], cursor: this.mails.length };
      } finally {
        this.#underWay--;
      }
    },
  });
}

const answer = (source: Partial<PollSource> = {}): WorkflowDocument => ({
  format: 1,
  name: "answer",
  input: { type: "object", properties: { subject: { type: "string" } }, required: ["subject"] },
  nodes: {
    mail: {
      kind: "trigger",
      source: {
        type: "poll",
        action: "mail.list",
        input: { folder: "{{ in }}" },
        credentials: ["mail"],
        every: "1s",
        first: "all",
        ...source,
      },
      input: { subject: "{{ trigger.payload.subject }}" },
    },
    read: { kind: "wait", for: { signal: "go" } },
  },
  edges: [{ from: "mail", to: "read" }],
});

onEachBackend("polls", (name) => {
  test("two engines, one mailbox: one run per mail, and what goes wrong is told", async () => {
    await using backend = await openBackend(name);
    const box = new Mailbox();
    const keys = { a: randomBytes(32).toString("base64") };
    const options = { actions: [box.list], encryption: { keys, current: "a" } };
    const [engine, other] = [backend.engine(options), backend.engine(options)];
    await engine.start();
    await other.start();
    const { polls, workflows } = engine;
    const document = answer();
    expect(workflows.validate(document).issues).toEqual([]);
    box.mails.push({ id: 1, subject: "one" }, { id: 2, subject: "two" });
    await workflows.register(document);

    // Nobody has stored its credential yet.
    const get = async () => (await polls.get(OF))!;
    await expect.poll(async () => (await get()).lastError, WAIT).toMatch(/credential_not_found/);
    expect(await get()).toMatchObject({ failures: 1, cursor: null, lastAt: null, paused: false });
    await engine.credentials.set("mail", { token: TOKEN });
    await polls.pollNow(OF);
    const subjects = async (): Promise<unknown[]> => {
      const rows = await backend.database.query<{ subject: string }>(
        "select input->>'subject' as subject from flowforge.runs order by 1",
      );
      return rows.map(({ subject }) => subject);
    };
    await expect.poll(subjects, WAIT).toEqual(["one", "two"]);
    await expect.poll(get, WAIT).toMatchObject({ failures: 0, lastError: null, cursor: 2 });

    box.mails.push({ id: 3, subject: "three" }, { id: 4, subject: 4 }, { id: 5, subject: "five" });
    await expect.poll(subjects, WAIT).toEqual(["five", "one", "three", "two"]);
    await expect.poll(async () => (await get()).lastRefusal, WAIT).toMatchObject({ item: "4" });
    expect((await get()).lastRefusal!.error).toMatch(/subject.*\[input_invalid\]/);

    box.error = new Error(`No entry with ${TOKEN}.`);
    await expect.poll(async () => (await get()).failures, WAIT).toBe(1);
    expect((await get()).lastError).toMatch(/No entry with/);
    expect((await get()).lastError).not.toContain(TOKEN);
    box.error = null;

    // Disabled: what comes meanwhile is not made up for.
    await workflows.disable("answer");
    await polls.pollNow(OF);
    box.mails.push({ id: 6, subject: "six" });
    await workflows.enable("answer");
    await expect.poll(async () => (await get()).cursor, WAIT).toBe(6);
    box.mails.push({ id: 7, subject: "seven" });
    await expect.poll(subjects, WAIT).toEqual(["five", "one", "seven", "three", "two"]);
    expect(box.mostAtOnce).toBe(1);

    // Paused: what comes meanwhile is there when it goes on, also with a new version.
    await polls.pause(OF);
    await workflows.register(answer({ every: "2s" }));
    box.mails.push({ id: 8, subject: "eight" });
    expect(await get()).toMatchObject({ paused: true, source: { every: "2s" } });
    await polls.resume(OF);
    await expect.poll(async () => (await subjects()).includes("eight"), WAIT).toBe(true);

    // Another folder is another series, which begins with what is there.
    await workflows.register(answer({ input: { folder: "out" } }));
    await expect.poll(async () => (await subjects()).length, WAIT).toBe(6 + 7);
    await workflows.register({ ...answer(), nodes: { start: { kind: "trigger" } }, edges: [] });
    expect(await polls.get(OF)).toBeNull();
    await expect(polls.pause(OF)).rejects.toMatchObject({ code: "poll_not_found" });
    expect((await polls.list()).items).toEqual([]);
  });
});

test("what cannot be polled is a problem of the definition", async () => {
  await using backend = await openBackend("postgres");
  const engine = backend.engine({ actions: [new Mailbox().list] });
  await engine.start({ work: false, maintain: false });
  const issues = (source: object): readonly string[] =>
    engine.workflows
      .validate(answer(source))
      .issues.map(({ code, path }) => `${code} ${path.slice(3).join(".")}`);
  expect(issues({ action: "mail.lists" })).toEqual(["action_unknown action"]);
  expect(issues({ action: "workflow.run" })).toEqual(["child_invalid action"]);
  expect(issues({ credentials: [] })).toEqual(["credential_missing action"]);
  expect(issues({ credentials: ["mail", "mail"] })).toEqual(["credential_invalid credentials.1"]);
  expect(issues({ input: { folder: 1 } })).toHaveLength(1);
  expect(issues({ input: {} })).toHaveLength(1);
  expect(issues({ every: "10ms" })).toEqual(["field_invalid every"]);
  expect(issues({ first: "some" })).toEqual(["field_invalid first"]);
  expect(issues({ interval: "1m" })).toEqual(["field_unknown interval"]);

  await engine.workflows.register(answer());
  await engine.workflows.register({ ...answer(), name: "a-second" });
  const first = await engine.polls.list({ limit: 1 });
  expect(first.items).toMatchObject([{ workflow: "a-second", trigger: "mail", failures: 0 }]);
  const rest = await engine.polls.list({ limit: 1, cursor: first.cursor! });
  expect([rest.items.length, rest.cursor]).toEqual([1, null]);
  expect((await engine.polls.list({ workspace: "other" })).items).toEqual([]);
  await expect(engine.polls.pollNow({ ...OF, workspace: "other" })).rejects.toMatchObject({
    code: "poll_not_found",
  });
});
