/** What `createEngine` says to options that are wrong: the option by its name, what was expected, what came, and what to do. */
import { describe, expect, test } from "vitest";
import { builtInActions } from "../../../src/actions.ts";
import { createEngine, type EngineOptions, FlowForgeError } from "../../../src/index.ts";

function refusal(options: unknown): FlowForgeError {
  try {
    createEngine(options as EngineOptions);
  } catch (error) {
    if (FlowForgeError.is(error)) return error;
    throw error;
  }
  throw new Error("the options were accepted");
}

describe("breakers", () => {
  test.each([
    [{ breakers: "all" }],
    [{ breakers: { hosts: true } }],
    [{ breakers: { targets: { ratio: 0 } } }],
    [{ breakers: { targets: { ratio: 1.1 } } }],
    [{ breakers: { targets: { minimum: 0 } } }],
    [{ breakers: { targets: { failures: "some" } } }],
    [{ breakers: { targets: { window: "10ms" } } }],
    [{ breakers: { targets: { probeEvery: "2d" } } }],
    [{ breakers: { credentials: { overrides: { stripe: true } } } }],
    [{ breakers: { credentials: { overrides: { stripe: { waveEvery: "0s" } } } } }],
  ])("%j is refused", (options) => {
    expect(refusal(options).code).toBe("option_invalid");
  });

  test("of every kind are taken with settings of their own, and without any", () => {
    const overrides = { stripe: { ratio: 0.9 }, none: false } as const;
    const group = { minimum: 5, window: "1m", failures: "all", overrides } as const;
    for (const breakers of [true, false, {}, { targets: false }, { targets: group, workspaces: true }])
      expect(() => createEngine({ breakers })).not.toThrow();
  });
});

describe("options of the wrong type", () => {
  test.each([
    ["postgres", { postgres: 5432 }, "5432"],
    ["postgres", { postgres: "" }, "a string"],
    ["redis", { redis: true }, "true"],
    ["dataDir", { dataDir: 7 }, "7"],
    ["schema", { schema: "Robert'); drop table" }, "a string"],
    ["queuePrefix", { queuePrefix: "a{b}" }, "a string"],
    ["actions", { actions: builtInActions[0] }, "an object"],
    ["actions.0", { actions: [() => 1] }, "a function"],
    ["workflows.0", { workflows: [{ format: 1, name: "plain-document" }] }, "an object"],
    ["worker", { worker: "fast" }, "a string"],
    ["worker.concurrency", { worker: { concurrency: 0 } }, "0"],
    ["worker.concurrency", { worker: { concurrency: 1.5 } }, "1.5"],
    ["worker.concurrency", { worker: { concurrency: Number.NaN } }, "NaN"],
    ["worker.lanes", { worker: { lanes: [] } }, "a list of 0"],
    ["worker.lanes.0", { worker: { lanes: ["a lane"] } }, "a string"],
    ["worker.inline", { worker: { inline: "yes" } }, "a string"],
    ["limits.maxBytes", { limits: { maxBytes: 1 } }, "1"],
    ["limits.maxDepth", { limits: { maxDepth: 100_000 } }, "100000"],
    ["limits.runBytes", { limits: { runBytes: "16 MiB" } }, "a string"],
    ["retention", { retention: "30d" }, "a string"],
    ["retention.succeeded", { retention: { succeeded: true } }, "true"],
    ["retention.onDelete", { retention: { onDelete: "archive" } }, "a string"],
    ["retention.workspaces", { retention: { workspaces: ["acme"] } }, "a list of 1"],
    ["signingKey", { signingKey: "" }, "0 bytes"],
    ["signingKey", { signingKey: Buffer.alloc(31).toString("base64") }, "31 bytes"],
    ["signingKey", { signingKey: `${"a".repeat(60)} !` }, "45 bytes"],
    ["signingKey", { signingKey: 7 }, "7"],
    ["allowEviction", { allowEviction: "noeviction" }, "a string"],
    ["logger.error", { logger: { debug() {}, info() {}, warn() {} } }, "undefined"],
  ])("%s: %#", (name, options, received) => {
    const error = refusal(options);
    expect(error.code).toBe("option_invalid");
    expect(error.subject).toBe(`option "${name}" of createEngine`);
    expect(error.expected).toBeTruthy();
    expect(error.received).toBe(received);
    expect(error.next).toBeTruthy();
  });

  test.each([null, "postgres://localhost", 5, []])("%j in place of the options", (options) => {
    expect(refusal(options)).toMatchObject({
      code: "option_invalid",
      subject: "the options of createEngine",
    });
  });
});

describe("misspelled options", () => {
  test.each([
    ["postgre", { postgre: "postgres://localhost" }, "postgres"],
    ["worker.concurency", { worker: { concurency: 5 } }, "concurrency"],
    ["limits.maxByte", { limits: { maxByte: 5_000 } }, "maxBytes"],
    ["retention.succeded", { retention: { succeded: "1d" } }, "succeeded"],
  ])("%s: the right name is suggested", (name, options, meant) => {
    const error = refusal(options);
    expect(error).toMatchObject({ code: "option_invalid", subject: `option "${name}" of createEngine` });
    expect(error.next).toContain(`"${meant}"`);
  });
});

test.each(["soon", "5 minutes", -1, "1x"])("worker.lease %j is no duration", (lease) => {
  const error = refusal({ worker: { lease } });
  expect(error).toMatchObject({ code: "duration_invalid", subject: 'option "worker.lease"' });
});

test("times of retention, for all and for one workspace", () => {
  expect(refusal({ retention: { failed: "1y" } })).toMatchObject({
    code: "duration_invalid",
    subject: 'option "failed" of retention',
  });
  expect(refusal({ retention: { workspaces: { acme: { failed: "90 days" } } } })).toMatchObject({
    code: "duration_invalid",
    subject: 'option "failed" of retention.workspaces["acme"]',
  });
  expect(refusal({ retention: { workspaces: { acme: { faild: "9d" } } } })).toMatchObject({
    code: "option_invalid",
    subject: 'option "faild" of retention.workspaces["acme"]',
  });
  const workspaces = { acme: { succeeded: 0, unresolved: null } };
  expect(() => createEngine({ retention: { cancelled: null, workspaces } })).not.toThrow();
});

test("a lease that is too short", () => {
  expect(refusal({ worker: { lease: "100ms" } })).toMatchObject({
    code: "option_invalid",
    subject: 'option "worker.lease"',
    received: "100 ms",
  });
});

test("a run has room for its largest value", () => {
  expect(refusal({ limits: { runBytes: 500_000 } })).toMatchObject({
    code: "option_invalid",
    subject: 'option "limits.runBytes"',
    received: "500000",
  });
  expect(() => createEngine({ limits: { runBytes: 500_000, maxBytes: 500_000 } })).not.toThrow();
});

test("a password never stands in an error", () => {
  const error = refusal({
    redis: ["redis://:geheim@localhost"],
    postgres: ["postgres://a:geheim@localhost"],
  });
  expect(JSON.stringify([error.message, error])).not.toContain("geheim");
});

test("dataDir belongs to the private server", () => {
  const error = refusal({ postgres: "postgres://localhost/x", dataDir: "/tmp/x" });
  expect(error).toMatchObject({ code: "option_invalid", subject: 'option "dataDir"' });
});

test("two actions of one name", () => {
  const [first] = builtInActions;
  const error = refusal({ actions: [first, { ...first }] });
  expect(error).toMatchObject({ code: "action_duplicate", subject: `action "${first!.name}"` });
  expect(() => createEngine({ actions: [first!, first!] })).not.toThrow();
});

test("nothing is connected before start", () => {
  expect(() => createEngine({ postgres: "postgres://127.0.0.1:1/nowhere" })).not.toThrow();
  expect(() => createEngine().runs).toThrow(expect.objectContaining({ code: "engine_not_started" }));
});
