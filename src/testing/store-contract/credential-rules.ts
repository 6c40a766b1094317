/** Credentials: sealed values by workspace and name, and the data keys that they need. */
import type { CredentialWrite, DataKey } from "../../core/ports/credentials.ts";
import { newId } from "./entries.ts";
import type { Kit } from "./kit.ts";

const key = (workspace: string, number = 1, changes: Partial<DataKey> = {}): DataKey => ({
  workspace,
  number,
  wrappedBy: "k1",
  wrapped: `wrapped ${workspace} ${number}`,
  ...changes,
});

const credential = (changes: Partial<CredentialWrite> = {}): CredentialWrite => ({
  workspace: "a",
  name: "stripe",
  id: newId(),
  version: 1,
  dataKey: 1,
  sealed: { token: "c2VjcmV0", account: "YWNjb3VudA==" },
  allowHosts: ["api.stripe.com", "*.stripe.com"],
  ...changes,
});

export function credentialRules(kit: Kit): void {
  kit.describe("credentials", () => {
    keyRules(kit);
    writeRules(kit);
    endRules(kit);
  });
}

function keyRules({ rule, expect }: Kit): void {
  rule("a data key is added once, and wrapped anew by whoever knows who wraps it", async (bench) => {
    const { credentials: store } = bench.store;
    const { credentials: second } = bench.second;
    expect(await store.dataKeys("a")).toEqual([]);
    const added = await Promise.all([store.addDataKey(key("a")), second.addDataKey(key("a"))]);
    expect(added.filter(Boolean)).toHaveLength(1);
    expect(await store.addDataKey(key("a", 2))).toBe(true);
    expect(await second.dataKeys("a")).toEqual([key("a"), key("a", 2)]);
    const next = key("a", 1, { wrappedBy: "k2", wrapped: "other" });
    const moved = await Promise.all([store.rewrapDataKey(next, "k1"), second.rewrapDataKey(next, "k1")]);
    expect(moved.filter(Boolean)).toHaveLength(1);
    expect(await store.dataKeys("a")).toEqual([next, key("a", 2)]);
    expect(await store.dataKeysNotWrappedBy("k2", 10)).toEqual([key("a", 2)]);
    expect(await store.rewrapDataKey(key("b"), "k1")).toBe(false);
  });

  rule("what a data key seals is counted by whoever asks, and never beyond its limit", async (bench) => {
    const { credentials: store } = bench.store;
    const { credentials: second } = bench.second;
    const seals = { count: 10, limit: 45 };
    expect(await store.reserveSeals(key("a"), seals)).toBe(false);
    for (const workspace of ["a", "b"]) await store.addDataKey(key(workspace));
    const asked = await Promise.all(
      [store, second, store, second, store, second].map((each) => each.reserveSeals(key("a"), seals)),
    );
    expect(asked.filter(Boolean)).toHaveLength(4);
    await store.rewrapDataKey(key("a", 1, { wrappedBy: "k2", wrapped: "other" }), "k1");
    expect(await store.reserveSeals(key("a"), { ...seals, count: 6 })).toBe(false);
    expect(await store.reserveSeals(key("a"), { ...seals, count: 5 })).toBe(true);
    // Others have their own counts: another key, another workspace, and the first key after all were deleted.
    expect(await second.reserveSeals(key("b"), seals)).toBe(true);
    await store.addDataKey(key("a", 2));
    expect(await second.reserveSeals(key("a", 2), seals)).toBe(true);
    await store.shred("a");
    expect(await second.reserveSeals(key("a"), seals)).toBe(false);
    await store.addDataKey(key("a"));
    expect(await second.reserveSeals(key("a"), { ...seals, count: 45 })).toBe(true);
  });

  rule("the newest data key of each workspace comes by workspace, page by page", async ({ store }) => {
    const { credentials } = store;
    for (const workspace of ["b", "Z", "a", "ä"]) await credentials.addDataKey(key(workspace));
    await credentials.addDataKey(key("a", 2));
    const first = await credentials.newestDataKeys({ limit: 2 });
    expect(first).toEqual([key("Z"), key("a", 2)]);
    expect(await credentials.newestDataKeys({ after: "a", limit: 2 })).toEqual([key("b"), key("ä")]);
    expect(await credentials.newestDataKeys({ after: "ä", limit: 2 })).toEqual([]);
  });

  rule("a data key that seals something is not dropped", async ({ store }) => {
    const { credentials } = store;
    for (const number of [1, 2, 3]) await credentials.addDataKey(key("a", number));
    await credentials.addDataKey(key("b"));
    await credentials.putCredential(credential({ dataKey: 2 }));
    expect(await credentials.dropDataKeys("a", 3)).toBe(1);
    expect(await credentials.dataKeys("a")).toEqual([key("a", 2), key("a", 3)]);
    expect(await credentials.dataKeys("b")).toHaveLength(1);
  });
}

function writeRules({ rule, expect }: Kit): void {
  rule("a credential is written version after version, by one writer each", async (bench) => {
    const { credentials: store } = bench.store;
    const { credentials: second } = bench.second;
    await store.addDataKey(key("a"));
    const one = credential();
    const first = await Promise.all([
      store.putCredential(one),
      second.putCredential({ ...one, id: newId() }),
    ]);
    expect(first.filter(Boolean)).toHaveLength(1);
    const stored = (await second.credential("a", "stripe"))!;
    expect(stored).toEqual({
      ...one,
      id: stored.id,
      createdAt: expect.any(Number),
      updatedAt: stored.createdAt,
    });
    await bench.advance(1_000);
    const next = { ...one, id: stored.id, version: 2, sealed: { token: "bmV3" }, allowHosts: null };
    const moved = await Promise.all([store.putCredential(next), second.putCredential(next)]);
    expect(moved.filter(Boolean)).toHaveLength(1);
    const read = (await store.credential("a", "stripe"))!;
    expect(read).toMatchObject({ version: 2, sealed: { token: "bmV3" }, allowHosts: null });
    expect(read.createdAt).toBe(stored.createdAt);
    expect(read.updatedAt).toBeGreaterThanOrEqual(stored.createdAt + 1_000);
  });

  rule("a write that does not follow, or that has no data key, changes nothing", async ({ store }) => {
    const { credentials } = store;
    expect(await credentials.putCredential(credential())).toBe(false);
    await credentials.addDataKey(key("a"));
    const one = credential();
    expect(await credentials.putCredential({ ...one, version: 2 })).toBe(false);
    expect(await credentials.putCredential(one)).toBe(true);
    for (const wrong of [
      { version: 1 },
      { version: 3 },
      { version: 2, id: newId() },
      { version: 2, dataKey: 9 },
    ])
      expect(await credentials.putCredential({ ...one, ...wrong })).toBe(false);
    expect(await credentials.credential("a", "stripe")).toMatchObject({ version: 1, id: one.id });
  });

  rule("credentials are listed by name, without their values, for one workspace", async ({ store }) => {
    const { credentials } = store;
    for (const workspace of ["a", "b"]) await credentials.addDataKey(key(workspace));
    for (const name of ["b", "a", "c"]) await credentials.putCredential(credential({ name, id: newId() }));
    await credentials.putCredential(credential({ workspace: "b", name: "x" }));
    const first = await credentials.credentials({ workspace: "a", limit: 2 });
    expect(first.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(first[0]).toEqual({
      workspace: "a",
      name: "a",
      id: expect.any(String),
      version: 1,
      fields: ["account", "token"],
      allowHosts: ["api.stripe.com", "*.stripe.com"],
      createdAt: expect.any(Number),
      updatedAt: expect.any(Number),
    });
    const rest = await credentials.credentials({ workspace: "a", after: "b", limit: 2 });
    expect(rest.map(({ name }) => name)).toEqual(["c"]);
    expect(await credentials.credential("c", "a")).toBeNull();
  });

  rule("credentials of older data keys are found", async ({ store }) => {
    const { credentials } = store;
    for (const number of [1, 2]) await credentials.addDataKey(key("a", number));
    await credentials.putCredential(credential({ name: "old", dataKey: 1 }));
    await credentials.putCredential(credential({ name: "new", dataKey: 2 }));
    const found = await credentials.credentialsSealedBelow("a", 2, 10);
    expect(found.map(({ name }) => name)).toEqual(["old"]);
    expect(await credentials.credentialsSealedBelow("a", 3, 1)).toHaveLength(1);
    expect(await credentials.credentialsSealedBelow("b", 3, 10)).toEqual([]);
  });
}

function endRules({ rule, expect }: Kit): void {
  rule("a credential is deleted once; another of its name begins anew", async ({ store, second }) => {
    const { credentials } = store;
    await credentials.addDataKey(key("a"));
    await credentials.putCredential(credential());
    const deleted = await Promise.all(
      [store, second].map((each) => each.credentials.deleteCredential("a", "stripe")),
    );
    expect(deleted.filter(Boolean)).toHaveLength(1);
    expect(await credentials.credential("a", "stripe")).toBeNull();
    expect(await credentials.putCredential(credential())).toBe(true);
  });

  rule("a workspace is shredded with its keys; others stay", async ({ store }) => {
    const { credentials } = store;
    for (const workspace of ["a", "b"]) {
      await credentials.addDataKey(key(workspace));
      await credentials.putCredential(credential({ workspace }));
    }
    expect(await credentials.shred("a")).toEqual({ credentials: 1 });
    expect(await credentials.shred("a")).toEqual({ credentials: 0 });
    expect(await credentials.dataKeys("a")).toEqual([]);
    expect(await credentials.credential("a", "stripe")).toBeNull();
    expect(await credentials.putCredential(credential())).toBe(false);
    expect(await credentials.credential("b", "stripe")).not.toBeNull();
  });
}
