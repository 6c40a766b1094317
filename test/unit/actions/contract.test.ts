/** The actions that come with FlowForge keep to the contract that they ask of others. */
import { describe, expect, test } from "vitest";
import {
  builtInActions,
  codeRun,
  emailSend,
  eventPublish,
  httpRequest,
  log,
  queueAdd,
  transform,
  webhookDeliver,
} from "../../../src/actions.ts";
import { FlowForgeError } from "../../../src/index.ts";
import { actionContract, type ActionFactory } from "../../../src/testing.ts";
import { MailServer, type MailTrouble } from "../../support/mail-server.ts";
import { receiver } from "./receiver.ts";

const http = { allowPrivateNetwork: true };

const FACTORIES: { readonly [name: string]: ActionFactory } = {
  transform: () => ({
    action: transform,
    successes: [
      { title: "a constant", input: { a: [1, null] }, output: { a: [1, null] } },
      { title: "nothing", input: null, output: null },
    ],
  }),

  log: () => ({
    action: log,
    successes: [
      { title: "a message", input: { message: "Hello" }, output: { message: "Hello" } },
      {
        title: "everything",
        input: { message: "m", level: "warn", data: { a: 1 } },
        output: { message: "m" },
      },
    ],
    refused: [
      { title: "no message", input: {} },
      { title: "an unknown level", input: { message: "m", level: "loud" } },
    ],
  }),

  "http.request": async () => {
    const service = await receiver("idempotency-key");
    const credentials = { shop: { fields: { token: "tok_1234567890" }, allowHosts: null } };
    const { url } = service;
    return {
      action: httpRequest,
      http,
      successes: [
        { title: "PUT", input: { url, method: "PUT", body: { a: 1 } } },
        { title: "GET", input: { url, query: { page: 2 } } },
        { title: "bearer", input: { url, auth: { type: "bearer", credential: "shop" } }, credentials },
        { title: "a status that is expected", input: { url, expect: [200] } },
      ],
      refused: [
        { title: "no address", input: {} },
        { title: "another protocol", input: { url: "file:///etc/passwd" } },
        { title: "a header in a header", input: { url, headers: { a: "b\r\nc: d" } } },
        { title: "an unknown field", input: { url, methods: "GET" } },
      ],
      failures: [
        { title: "404", input: { url }, meaning: "permanent", arrange: () => service.fail(404) },
        { title: "500", input: { url }, meaning: "retry", arrange: () => service.fail(500) },
        { title: "429", input: { url }, meaning: "retry", arrange: () => service.fail(429) },
        { title: "503", input: { url }, meaning: "unknown", arrange: () => service.fail(503) },
        { title: "broken", input: { url }, meaning: "unknown", arrange: () => service.fail(0) },
        { title: "a private address", input: { url: "http://169.254.169.254/" }, meaning: "permanent" },
      ],
      slow: { title: "an answer that does not come", input: { url: `${url}/slow`, method: "PUT" } },
      effects: () => service.effects(),
      dispose: () => service.close(),
    };
  },

  "email.send": async () => {
    const server = await MailServer.start();
    const credentials = { mail: { fields: server.fields, allowHosts: null } };
    const input = { credential: "mail", to: "a@example.com", subject: "Hello", text: "World" };
    const failing = (title: string, meaning: "permanent" | "retry" | "unknown", trouble: MailTrouble) => ({
      title,
      input,
      credentials,
      meaning,
      arrange: () => void (server.trouble = trouble),
    });
    return {
      action: emailSend,
      http,
      successes: [
        { title: "a message", input, credentials },
        {
          title: "to many",
          input: { ...input, to: [], bcc: ["b@example.com", "c@example.com"] },
          credentials,
        },
      ],
      refused: [
        { title: "nobody", input: { ...input, to: [] } },
        { title: "no address", input: { ...input, to: "somebody" } },
        { title: "a header in a header", input: { ...input, subject: "a\r\nBcc: x@example.com" } },
        { title: "no content", input: { credential: "mail", to: "a@example.com", subject: "Hello" } },
        { title: "a file of this machine", input: { ...input, attachments: [{ path: "/etc/passwd" }] } },
      ],
      failures: [
        failing("a mailbox that is full", "retry", { at: "recipient", how: 452 }),
        failing("no such mailbox", "permanent", { at: "recipient", how: 550 }),
        failing("a login that is refused", "permanent", { at: "login", how: 535 }),
        failing("a login that cannot be checked", "retry", { at: "login", how: 454 }),
        failing("a message that is refused", "permanent", { at: "message", how: 554 }),
        failing("a message that is put off", "retry", { at: "message", how: 451 }),
        failing("a break before the message", "retry", { at: "sender", how: "break" }),
        failing("a break after the message", "unknown", { at: "taken", how: "break" }),
      ],
      slow: { title: "no answer", input: { ...input, to: "slow@example.com" }, credentials },
      effects: () => server.taken.length,
      dispose: () => server[Symbol.asyncDispose](),
    };
  },

  "event.publish": () => {
    const ids = new Set<string>();
    let failing: Error | null = null;
    const refused = new FlowForgeError("value_invalid", { subject: "the payload", next: "Make it smaller." });
    const input = { name: "order.paid", payload: { order: 1 } };
    const failingWith = (title: string, meaning: "permanent" | "retry", error: Error) => ({
      title,
      input,
      meaning,
      arrange: () => void (failing = error),
    });
    return {
      action: eventPublish,
      successes: [
        { title: "a payload", input, output: { id: "key-0/order.paid", runs: 1 } },
        { title: "an id", input: { name: "order.paid", id: "order 1" }, output: { id: "order 1", runs: 1 } },
      ],
      refused: [
        { title: "no name", input: { payload: 1 } },
        { title: "a name that is none", input: { name: "order paid" } },
        { title: "another workspace", input: { ...input, workspace: "other" } },
        { title: "a long id", input: { ...input, id: "x".repeat(201) } },
      ],
      failures: [
        failingWith("a refusal", "permanent", refused),
        failingWith("no store", "retry", new Error("away")),
      ],
      effects: () => ids.size,
      outgoing: {
        publish: async ({ id }) => {
          if (failing) throw failing;
          const repeated = ids.has(id);
          ids.add(id);
          return { runs: repeated ? 0 : 1 };
        },
      },
    };
  },

  "queue.add": () => {
    const ids = new Set<string>();
    let failing: Error | null = null;
    const refused = new FlowForgeError("queue_not_allowed", { subject: "the queue", next: "Allow it." });
    const away = new FlowForgeError("redis_unreachable", { subject: "Redis", next: "Start it." });
    const input = { queue: "emails", name: "welcome", data: { to: "ada" } };
    const failingWith = (title: string, meaning: "permanent" | "retry", error: Error) => ({
      title,
      input,
      meaning,
      arrange: () => void (failing = error),
    });
    return {
      action: queueAdd,
      successes: [
        { title: "a job", input, output: { queue: "emails", id: "flowforge-key-0" } },
        {
          title: "everything",
          input: {
            ...input,
            delay: "1h",
            priority: 7,
            attempts: 3,
            backoff: { type: "exponential", delay: 500 },
            keepCompleted: "2d",
            keepFailed: "24h",
          },
        },
      ],
      refused: [
        { title: "no queue", input: { name: "welcome" } },
        { title: "a key of another queue", input: { ...input, queue: "a:wait" } },
        { title: "an id of its own", input: { ...input, id: "1" } },
        { title: "a short life", input: { ...input, keepCompleted: "1h" } },
        { title: "a delay that is none", input: { ...input, delay: "soon" } },
        { title: "a priority that is none", input: { ...input, priority: 2 ** 21 } },
      ],
      failures: [
        failingWith("a queue that is not allowed", "permanent", refused),
        failingWith("no Redis", "retry", away),
      ],
      effects: () => ids.size,
      outgoing: {
        addJob: async ({ id }) => {
          if (failing) throw failing;
          ids.add(id);
        },
      },
    };
  },

  "code.run": () => ({
    action: codeRun,
    successes: [
      { title: "code", input: { code: "return input.a + 1", input: { a: 1 } }, output: 2 },
      { title: "nothing", input: { code: "1" }, output: null },
    ],
    refused: [
      { title: "no code", input: {} },
      { title: "an unknown field", input: { code: "1", network: true } },
      { title: "no host", input: { code: "1", fetch: ["a/b"] } },
      { title: "too little memory", input: { code: "1", memoryBytes: 1 } },
    ],
    failures: [
      { title: "an error", input: { code: "throw new Error('no')" }, meaning: "permanent" },
      { title: "no JavaScript", input: { code: "return }" }, meaning: "permanent" },
      { title: "an endless loop", input: { code: "for (;;);", cpuMs: 50 }, meaning: "permanent" },
    ],
    slow: { title: "an endless loop", input: { code: "for (;;);" } },
  }),

  "webhook.deliver": async () => {
    const service = await receiver("webhook-id");
    const { url } = service;
    const credentials = {
      shop: { fields: { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }, allowHosts: null },
    };
    const input = { url, payload: { order: 1 }, credential: "shop" };
    return {
      action: webhookDeliver,
      http,
      successes: [{ title: "a delivery", input, credentials }],
      refused: [
        { title: "no secret", input: { url, payload: 1 } },
        { title: "no address", input: { ...input, url: "shop" } },
      ],
      failures: [
        { title: "410", input, credentials, meaning: "permanent", arrange: () => service.fail(410) },
        { title: "500", input, credentials, meaning: "retry", arrange: () => service.fail(500) },
        { title: "broken", input, credentials, meaning: "unknown", arrange: () => service.fail(0) },
      ],
      slow: { title: "no answer", input: { ...input, url: `${url}/slow` }, credentials },
      effects: () => service.effects(),
      dispose: () => service.close(),
    };
  },
};

for (const [name, factory] of Object.entries(FACTORIES))
  actionContract(name, factory, { describe, test, expect });

/** It needs a server: `test/integration/actions/sql-contract.test.ts`. */
const ELSEWHERE = "sql.query";

test("there is a fixture for every action", () => {
  expect(builtInActions.map(({ name }) => name).sort()).toEqual(
    [...Object.keys(FACTORIES), ELSEWHERE].sort(),
  );
});
