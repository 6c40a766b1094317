/** The audit log's order: the entry first, then the action, then how it went. And what it does with what does not fit. */
import { describe, expect, test } from "vitest";
import type { AuditStore } from "../../../src/core/ports/audit.ts";
import { AuditApi, parseAudit } from "../../../src/engine/audit.ts";
import { FlowForgeError } from "../../../src/index.ts";
import { createMemoryStore } from "../../../src/testing/memory-store.ts";
import { auditRound } from "../../../src/worker/loops/audit.ts";
import { collectingLogger } from "../../integration/engine/backends.ts";

const CANCEL = { action: "runs.cancel", kind: "run", subject: "r1", actor: "ann", workspace: "acme" };

interface Scene {
  readonly api: AuditApi;
  readonly calls: string[];
  readonly lines: ReturnType<typeof collectingLogger>["lines"];
  /** The next call of this method fails. */
  fail(method: "begin" | "end"): void;
}

function scene(skip: readonly string[] = []): Scene {
  const { audit } = createMemoryStore();
  const calls: string[] = [];
  const failing = new Set<string>();
  const told = async (method: "begin" | "end", count: number): Promise<void> => {
    calls.push(`${method} ${count}`);
    if (failing.delete(method)) throw new Error("the database is away");
  };
  const watched: AuditStore = {
    begin: async (entries) => {
      await told("begin", entries.length);
      await audit.begin(entries);
    },
    end: async (ends) => {
      await told("end", ends.length);
      await audit.end(ends);
    },
    page: (filter) => audit.page(filter),
    expire: (options) => audit.expire(options),
  };
  const logger = collectingLogger();
  const api = new AuditApi({ store: { audit: watched }, rules: parseAudit({ skip }), logger });
  return { api, calls, lines: logger.lines, fail: (method) => void failing.add(method) };
}

describe("record", () => {
  test("stores the entry before the action is done, and how that went after it", async () => {
    const { api, calls } = scene();
    const during = await api.record({ ...CANCEL, details: { compensate: true } }, async (note) => {
      note({ details: { done: 3 } });
      calls.push("work");
      return (await api.list({ workspace: "acme" })).items;
    });
    expect(during).toMatchObject([{ outcome: "begun", endedAt: null, details: { compensate: true } }]);
    const { items } = await api.list({ workspace: "acme" });
    expect(items).toMatchObject([
      { ...CANCEL, outcome: "done", code: null, details: { compensate: true, done: 3 } },
    ]);
    expect(items[0]!.endedAt).toBeGreaterThanOrEqual(items[0]!.at);
    expect(calls).toEqual(["begin 1", "work", "end 1"]);
  });

  test("an action that throws has failed, with the code of its error, which passes through", async () => {
    const { api } = scene();
    const finished = new FlowForgeError("run_finished", { subject: "run r1", next: "Nothing." });
    await expect(api.record(CANCEL, () => Promise.reject(finished))).rejects.toBe(finished);
    const odd = new Error("secret of the host");
    await expect(
      api.record(CANCEL, () => {
        throw odd;
      }),
    ).rejects.toBe(odd);
    const { items } = await api.list({ workspace: "acme" });
    const codes = new Set(items.map(({ outcome, code }) => `${outcome} ${code}`));
    expect(codes).toEqual(new Set(["failed internal", "failed run_finished"]));
    expect(JSON.stringify(items)).not.toContain("secret");
  });

  test("what cannot be recorded is not done", async () => {
    const { api, fail } = scene();
    fail("begin");
    let done = false;
    const work = (): void => void (done = true);
    await expect(api.record(CANCEL, work)).rejects.toThrow("the database is away");
    await expect(api.record({ ...CANCEL, action: "" }, work)).rejects.toMatchObject({
      code: "option_invalid",
    });
    await expect(api.record({ ...CANCEL, workspace: "" }, work)).rejects.toMatchObject({
      code: "option_invalid",
    });
    expect(done).toBe(false);
  });

  test("where only its end cannot be stored the action counts, its entry stays begun, and the log has it", async () => {
    const { api, fail, lines } = scene();
    fail("end");
    expect(await api.record(CANCEL, () => 7)).toBe(7);
    const { items } = await api.list({ workspace: "acme" });
    expect(items).toMatchObject([{ outcome: "begun" }]);
    expect(lines).toMatchObject([{ level: "error", fields: { ...CANCEL, outcome: "done" } }]);
  });

  test("many at once are few writes", async () => {
    const { api, calls } = scene();
    await Promise.all(Array.from({ length: 1_200 }, () => api.record(CANCEL, () => null)));
    await api.flush();
    expect(calls.filter((call) => call.startsWith("begin"))).toEqual(["begin 500", "begin 500", "begin 200"]);
    const ends = calls.filter((call) => call.startsWith("end"));
    expect(ends.length).toBeLessThanOrEqual(6);
    const counts = ends.map((call) => Number(call.split(" ")[1]));
    expect(counts.reduce((sum, count) => sum + count)).toBe(1_200);
  });

  test("what is skipped is done and not recorded", async () => {
    const { api, calls } = scene(["runs.start"]);
    expect(await api.record({ action: "runs.start", kind: "run" }, (note) => (note({}), 1))).toBe(1);
    await api.refused({ action: "runs.start", kind: "run" }, "http_forbidden");
    await api.flush();
    expect(calls).toEqual([]);
  });

  test("what does not fit is cut, and what is no text is replaced: an entry never fails because of a name", async () => {
    const { api } = scene();
    const odd = { actor: `\0${"a".repeat(500)}`, subject: `\uD800${"s".repeat(500)}` };
    await api.record({ ...CANCEL, ...odd, details: { large: "x".repeat(5_000) } }, () => null);
    const { items } = await api.list({ workspace: "acme" });
    expect(items).toMatchObject([
      { actor: `\uFFFD${"a".repeat(199)}`, subject: `\uFFFD${"s".repeat(299)}`, details: { omitted: 5_012 } },
    ]);
  });
});

test("who may not is recorded as refused", async () => {
  const { api } = scene();
  await api.refused(CANCEL, "http_forbidden");
  const { items } = await api.list({ workspace: "acme", outcome: "refused" });
  expect(items).toMatchObject([{ ...CANCEL, outcome: "refused", code: "http_forbidden" }]);
});

test("a list of other workspaces, and options that are none", async () => {
  const { api } = scene();
  await api.record(CANCEL, () => null);
  expect(await api.list()).toEqual({ items: [], cursor: null });
  for (const wrong of [{ limit: 0 }, { outcome: "maybe" }, { since: "yesterday" }, { who: "ann" }])
    await expect(api.list(wrong as object)).rejects.toMatchObject({ code: "option_invalid" });
});

test("old entries go, and none where they are kept for ever", async () => {
  let now = 1_000_000;
  const store = createMemoryStore({ clock: { now: () => now } });
  const api = new AuditApi({ store, rules: parseAudit(), logger: collectingLogger() });
  await api.record(CANCEL, () => null);
  await api.flush();
  now += 2_000;
  expect(await auditRound(store, null)()).toBeGreaterThan(1_000);
  expect(await auditRound(store, 3_000)()).toBeGreaterThan(1_000);
  expect((await api.list({ workspace: "acme" })).items).toHaveLength(1);
  await auditRound(store, 1_000)();
  expect((await api.list({ workspace: "acme" })).items).toHaveLength(0);
  expect(parseAudit()).toEqual({ keepMs: 365 * 86_400_000, skip: new Set() });
  expect(parseAudit({ keep: null }).keepMs).toBeNull();
  expect(() => parseAudit({ keep: "soon" })).toThrow(FlowForgeError);
});
