/** What people did: written before it is done, told how it went once, and found by who, what and when. */
import type { AuditEnd, AuditFilter, NewAuditEntry } from "../../core/ports/audit.ts";
import type { Store } from "../../core/ports/store.ts";
import { newId } from "./entries.ts";
import type { Kit } from "./kit.ts";

export function auditEntry(parts: Partial<NewAuditEntry> = {}): NewAuditEntry {
  const open = { outcome: "begun", code: null, subject: null, details: null } as const;
  return {
    id: newId(),
    workspace: "acme",
    actor: "ann",
    action: "runs.cancel",
    kind: "run",
    ...open,
    ...parts,
  };
}

function endOf({ id }: NewAuditEntry, parts: Partial<AuditEnd> = {}): AuditEnd {
  return { id, outcome: "done", code: null, subject: null, details: null, ...parts };
}

async function subjects(
  store: Store,
  filter: Partial<AuditFilter> = {},
): Promise<readonly (string | null)[]> {
  const { items } = await store.audit.page({ workspace: "acme", limit: 100, ...filter });
  return items.map(({ subject }) => subject);
}

export function auditRules({ describe, rule, expect }: Kit): void {
  describe("audit", () => {
    rule("an entry is there before its action is done, and is told once how that went", async ({ store }) => {
      const details = { filter: { workflow: "w" }, "odd \u2028 ключ": "'; drop table --" };
      const [one, other] = [
        auditEntry({ subject: "r1", details }),
        auditEntry({ subject: "r2", actor: null }),
      ];
      const before = await store.now();
      await store.audit.begin([one, other]);
      await store.audit.begin([]);
      const begun = await store.audit.page({ workspace: "acme", limit: 9 });
      const byId = new Map(begun.items.map((item) => [item.id, item]));
      const { at, ...first } = byId.get(one.id)!;
      expect(first).toEqual({ ...one, endedAt: null });
      expect(at >= before).toBe(true);
      expect(byId.get(other.id)).toEqual({ ...other, at, endedAt: null });
      await store.audit.end([
        endOf(one, { outcome: "failed", code: "run_finished", subject: "r3", details: { n: 1 } }),
      ]);
      await store.audit.end([endOf(one), endOf(other), endOf(auditEntry())]);
      await store.audit.end([]);
      const ended = await store.audit.page({ workspace: "acme", limit: 9 });
      const [failed, done] = [one, other].map(({ id }) => ended.items.find((item) => item.id === id)!);
      expect(failed).toMatchObject({
        outcome: "failed",
        code: "run_finished",
        subject: "r3",
        details: { n: 1 },
      });
      expect(done).toMatchObject({ outcome: "done", code: null, subject: "r2", details: null, actor: null });
      expect(failed!.endedAt! >= failed!.at).toBe(true);
    });

    rule("one that is refused has ended, and stays what it is", async ({ store }) => {
      const entry = auditEntry({ outcome: "refused", code: "http_forbidden" });
      await store.audit.begin([entry]);
      await store.audit.end([endOf(entry)]);
      const { items } = await store.audit.page({ workspace: "acme", limit: 9 });
      expect(items).toMatchObject([{ outcome: "refused", code: "http_forbidden" }]);
      expect(items[0]!.endedAt).toBe(items[0]!.at);
    });

    rule("all of a call are written or none", async ({ store }) => {
      const known = auditEntry({ subject: "known" });
      await store.audit.begin([known]);
      await expect(store.audit.begin([auditEntry({ subject: "new" }), known])).rejects.toThrow();
      expect(await subjects(store)).toEqual(["known"]);
    });

    rule("the newest are first, page by page, and each is on one page", async (bench) => {
      const { store } = bench;
      for (let at = 0; at < 3; at++) {
        await store.audit.begin([auditEntry({ subject: `${at}` }), auditEntry({ subject: `${at}` })]);
        await bench.advance(1_000);
      }
      const found: (string | null)[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.audit.page({ workspace: "acme", limit: 4, ...(cursor ? { cursor } : {}) });
        found.push(...page.items.map(({ subject }) => subject));
        cursor = page.cursor ?? undefined;
      } while (cursor !== undefined);
      expect(found).toEqual(["2", "2", "1", "1", "0", "0"]);
      for (const wrong of [{ cursor: "x" }, { limit: 0 }, { limit: 1_001 }])
        await expect(store.audit.page({ workspace: "acme", limit: 1, ...wrong })).rejects.toMatchObject({
          code: "option_invalid",
        });
    });

    rule("is found by who, what, of what kind, how it went and when", async (bench) => {
      const { store } = bench;
      await store.audit.begin([auditEntry({ subject: "a", actor: "bob" })]);
      await bench.advance(10_000);
      const middle = await store.now();
      await bench.advance(10_000);
      const letter = { action: "deadLetters.redrive", kind: "deadLetter", outcome: "refused" } as const;
      await store.audit.begin([auditEntry({ subject: "b", ...letter })]);
      await store.audit.begin([auditEntry({ subject: "b", workspace: "beta" })]);
      expect(await subjects(store, { actor: "bob" })).toEqual(["a"]);
      expect(await subjects(store, { actor: "nobody" })).toEqual([]);
      expect(await subjects(store, { action: "deadLetters.redrive" })).toEqual(["b"]);
      expect(await subjects(store, { kind: "deadLetter" })).toEqual(["b"]);
      expect(await subjects(store, { subject: "a" })).toEqual(["a"]);
      expect(await subjects(store, { outcome: "begun" })).toEqual(["a"]);
      expect(await subjects(store, { since: middle })).toEqual(["b"]);
      expect(await subjects(store, { until: middle })).toEqual(["a"]);
      expect(await subjects(store, { actor: "ann", subject: "a" })).toEqual([]);
      expect(await subjects(store, { workspace: "beta" })).toEqual(["b"]);
    });

    rule("goes by its age, the oldest first, ended or not", async (bench) => {
      const { store } = bench;
      const old = auditEntry({ subject: "old" });
      await store.audit.begin([old, auditEntry({ subject: "oldest", workspace: "beta" })]);
      await store.audit.end([endOf(old)]);
      await bench.advance(100_000);
      await store.audit.begin([auditEntry({ subject: "young" })]);
      const olderThanMs = 50_000;
      expect(await store.audit.expire({ olderThanMs: 10_000_000, limit: 10 })).toBe(0);
      expect(await store.audit.expire({ olderThanMs, limit: 1 })).toBe(1);
      expect(await store.audit.expire({ olderThanMs, limit: 10 })).toBe(1);
      expect(await subjects(store)).toEqual(["young"]);
      expect(await subjects(store, { workspace: "beta" })).toEqual([]);
    });
  });
}
