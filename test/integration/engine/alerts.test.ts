/** The two workflows of docs/how-to/alerts.md, with a mail server and a receiver that are real. */
import { createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtInActions } from "../../../src/actions.ts";
import {
  type Engine,
  type EngineEventMap,
  PermanentError,
  RetryableError,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { MailServer } from "../../support/mail-server.ts";
import { type Backend, openBackend } from "./backends.ts";
import { action } from "./documents.ts";

const SECRET = randomBytes(24).toString("base64");
const key = randomBytes(32).toString("base64");
const actions = [
  ...builtInActions,
  action("fail", () => {
    throw new PermanentError("the card was refused");
  }),
  action("flaky", () => {
    throw new RetryableError("nobody answers");
  }),
];

/** The workflows of the page, as they stand there, with an address of the test's. */
async function workflowsOfPage(url: string): Promise<readonly WorkflowDocument[]> {
  const page = await readFile(new URL("../../../docs/how-to/alerts.md", import.meta.url), "utf8");
  const blocks = [...page.matchAll(/^ *```json\n([\s\S]*?)^ *```$/gm)].map(([, text]) => text!);
  return blocks.map(
    (text) => JSON.parse(text.replace("https://alerts.example.com/flowforge", url)) as WorkflowDocument,
  );
}

interface Taken {
  readonly body: { readonly what: string; readonly workflow: string | null } & Record<string, unknown>;
  readonly isSigned: boolean;
}

async function receiver() {
  const taken: Taken[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = String(Buffer.concat(chunks));
      const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": given } = request.headers;
      const mac = createHmac("sha256", Buffer.from(SECRET, "base64"))
        .update(`${String(id)}.${String(at)}.${text}`)
        .digest("base64");
      taken.push({ body: JSON.parse(text) as Taken["body"], isSigned: given === `v1,${mac}` });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { taken, close, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

function failing(name: string, does: string, more: object = {}): WorkflowDocument {
  const a = {
    kind: "action",
    action: does,
    input: null,
    retry: { immediate: 0, backoff: [] },
    ...more,
  } as const;
  return {
    format: 1,
    name,
    nodes: { start: { kind: "trigger" }, a },
    edges: [{ from: "start", to: "a" }],
  };
}

describe("alerts", () => {
  let backend: Backend;
  let engine: Engine;
  let mail: MailServer;
  let hook: Awaited<ReturnType<typeof receiver>>;
  const told: EngineEventMap["alert"][] = [];
  const letters: EngineEventMap["node.deadLetter"][] = [];

  beforeAll(async () => {
    backend = await openBackend("postgres");
    mail = await MailServer.start({ open: true, plain: true });
    hook = await receiver();
    engine = backend.engine({
      actions,
      encryption: { keys: { k: key }, current: "k" },
      http: { allowPrivateNetwork: true },
      stuck: { after: "1s" },
      breakers: { targets: { minimum: 3 } },
    });
    engine.on("alert", (alert) => void told.push(alert));
    engine.on("node.deadLetter", (letter) => void letters.push(letter));
    await engine.start();
    const account = {
      host: "127.0.0.1",
      port: String(mail.port),
      tls: "none",
      from: "flowforge@example.com",
    };
    await engine.credentials.set("mail", account);
    await engine.credentials.set("alerts", { secret: SECRET });
    for (const workflow of await workflowsOfPage(hook.url)) await engine.workflows.register(workflow);
  }, 60_000);
  afterAll(async () => {
    await backend[Symbol.asyncDispose]();
    await mail[Symbol.asyncDispose]();
    await hook.close();
  });

  const bodies = (what: string, workflow: string | null) =>
    hook.taken.filter(({ body }) => body.what === what && body.workflow === workflow);

  test("a dead letter comes by mail and by webhook, signed, with a link", async () => {
    await engine.workflows.register(failing("charge", "fail"));
    const { id } = await engine.runs.start("charge");
    await expect.poll(() => bodies("dead_letter", "charge"), { timeout: 20_000 }).toHaveLength(1);
    const [{ body, isSigned }] = bodies("dead_letter", "charge") as [Taken];
    expect(isSigned).toBe(true);
    const subject = "FlowForge: a of charge gave up: the card was refused";
    expect(body).toMatchObject({ subject, runId: id, node: "a", link: `#/runs/${id}` });
    expect(body["details"]).toEqual({ error: { class: "PermanentError", message: "the card was refused" } });
    const mailed = () => mail.taken.filter((each) => each.mail.subject === subject);
    await expect.poll(mailed, { timeout: 20_000 }).toHaveLength(1);
    expect(mailed()[0]!.to).toEqual(["ops@example.com"]);
    expect(mailed()[0]!.mail.text).toContain(`https://ops.example.com/flowforge/dashboard#/runs/${id}`);
    expect(told.filter(({ runId }) => runId === id)).toHaveLength(1);
  }, 60_000);

  test("each item of a map that gives up is told, and its map is one alert", async () => {
    await engine.workflows.register(failing("batch", "fail", { forEach: "[1, 2, 3]" }));
    const { id } = await engine.runs.start("batch");
    await expect.poll(() => bodies("dead_letter", "batch"), { timeout: 20_000 }).toHaveLength(1);
    const items = letters.filter(({ runId, item }) => runId === id && item !== undefined);
    expect(new Set(items.map(({ item }) => item))).toEqual(new Set([0, 1, 2]));
    expect(items[0]!.error).toMatchObject({ message: "the card was refused" });
  }, 60_000);

  test("a mail that cannot be sent is told by webhook, and not by mail", async () => {
    mail.trouble = { at: "sender", how: 550 };
    await engine.workflows.register(failing("refund", "fail"));
    await engine.runs.start("refund");
    await expect.poll(() => bodies("dead_letter", "alert-by-mail"), { timeout: 20_000 }).toHaveLength(1);
    mail.trouble = null;
    // What comes later is there by mail, and so nothing before it is still on its way.
    await engine.workflows.register(failing("later", "fail"));
    await engine.runs.start("later");
    const subjects = () => mail.taken.map((each) => each.mail.subject ?? "");
    await expect
      .poll(subjects, { timeout: 20_000 })
      .toContain("FlowForge: a of later gave up: the card was refused");
    expect(subjects().filter((subject) => subject.includes("alert-by-mail"))).toEqual([]);
  }, 60_000);

  test("a stuck run, and a schedule that has missed its ticks", async () => {
    await engine.workflows.register(failing("slow", "fail", { lane: "nobody" }));
    const { id } = await engine.runs.start("slow");
    await engine.workflows.register(failing("hourly", "log"));
    await engine.schedules.set({ workflow: "hourly", name: "clock", every: "1h", catchUp: "none" });
    await backend.database.query(
      "update flowforge.schedules set due_at = due_at - 36000000, fire_at = fire_at - 36000000 where workflow = 'hourly'",
    );
    await expect.poll(() => bodies("run_stuck", "slow"), { timeout: 30_000 }).toHaveLength(1);
    expect(bodies("run_stuck", "slow")[0]!.body["details"]).toMatchObject({ reason: "no_worker_for_lane" });
    await expect.poll(() => bodies("schedule_missed", "hourly"), { timeout: 30_000 }).toHaveLength(1);
    const [missed] = bodies("schedule_missed", "hourly");
    expect(missed!.body).toMatchObject({ node: "@clock", link: "#/schedules", details: { catchUp: "none" } });
    await engine.runs.cancel(id);
  }, 90_000);

  test("a breaker that has opened", async () => {
    await engine.workflows.register(failing("calls", "flaky", { retry: { immediate: 5, backoff: [] } }));
    for (let n = 0; n < 4; n++) await engine.runs.start("calls");
    await expect.poll(() => bodies("breaker_opened", null), { timeout: 30_000 }).toHaveLength(1);
    const [opened] = bodies("breaker_opened", null);
    expect(opened!.body["details"]).toMatchObject({ scope: "target", name: "flaky" });
    const { now } = await engine.stats();
    expect(now.openBreakers).toBe(1);
    expect(await engine.metrics()).toMatch(/^flowforge_breakers_open 1$/m);
  }, 60_000);
});
