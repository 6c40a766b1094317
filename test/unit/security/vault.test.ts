/** Credentials in the vault: what goes in comes out, in its place only, whatever keys come and go meanwhile. */
import { randomBytes } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import type { CredentialStore, SealedCredential } from "../../../src/core/ports/credentials.ts";
import {
  type EncryptionKeys,
  type KeyService,
  parseEncryption,
} from "../../../src/security/vault/key-service.ts";
import { Vault } from "../../../src/security/vault/vault.ts";
import { createMemoryStore } from "../../../src/testing/memory-store.ts";

/** For a rotation; `FLOWFORGE_CREDENTIALS=10000` is the full form. */
const CREDENTIALS = Number(process.env["FLOWFORGE_CREDENTIALS"] ?? 1_000);
const newKey = (): string => randomBytes(32).toString("base64");
const KEYS = { one: newKey(), two: newKey() };
const keys = (current: "one" | "two", known: EncryptionKeys["keys"] = KEYS): EncryptionKeys => ({
  keys: known,
  current,
});

function vaults(): { store: CredentialStore; open: (given: EncryptionKeys | KeyService) => Vault } {
  const store = createMemoryStore().credentials;
  return { store, open: (given) => new Vault(store, parseEncryption(given)) };
}

const stripe = { fields: { token: "sk_live_1", account: "acct_ö" }, allowHosts: ["api.stripe.com"] };

describe("a credential", () => {
  test("comes out as it went in, in every process that has the key; the store never sees it", async () => {
    const { store, open } = vaults();
    await open(keys("one")).set("acme", "stripe", stripe);
    expect(await open(keys("one")).get("acme", "stripe")).toEqual(stripe);
    expect(await open(keys("two")).get("acme", "stripe")).toEqual(stripe);
    expect(await open(keys("one")).get("acme", "other")).toBeNull();
    expect(await open(keys("one")).get("other", "stripe")).toBeNull();
    const rows = JSON.stringify([await store.credential("acme", "stripe"), await store.dataKeys("acme")]);
    for (const secret of ["sk_live_1", KEYS.one, Buffer.from("sk_live_1").toString("base64")])
      expect(rows).not.toContain(secret);
  });

  test("is written as a whole, by one writer after the other", async () => {
    const { open } = vaults();
    const vault = open(keys("one"));
    await vault.set("acme", "stripe", stripe);
    const writes = Array.from({ length: 10 }, (_, n) => ({ fields: { token: `${n}` }, allowHosts: null }));
    await Promise.all(writes.map((write) => open(keys("one")).set("acme", "stripe", write)));
    expect(writes).toContainEqual(await vault.get("acme", "stripe"));
    const [header] = await vault.list({ workspace: "acme", limit: 10 });
    expect(header).toMatchObject({ version: 11, fields: ["token"] });
  });

  test("without its key is unreadable, with words that say which one", async () => {
    const { open } = vaults();
    await open(keys("one")).set("acme", "stripe", stripe);
    const foreign = open(keys("two", { two: KEYS.two }));
    await expect(foreign.get("acme", "stripe")).rejects.toMatchObject({
      code: "credential_unreadable",
      received: 'one that is wrapped by "one"',
    });
    const impostor = open(keys("one", { one: newKey() }));
    await expect(impostor.get("acme", "stripe")).rejects.toMatchObject({ code: "credential_unreadable" });
  });
});

describe("a row that was moved", () => {
  const moved: readonly [string, (row: SealedCredential) => Partial<SealedCredential>][] = [
    ["to another credential", () => ({ id: "00000000-0000-4000-8000-000000000000" })],
    [
      "to another field",
      ({ sealed }) => ({ sealed: { account: sealed["token"]!, token: sealed["account"]! } }),
    ],
    ["to another version", ({ version }) => ({ version: version + 1 })],
    ["to another data key", () => ({ dataKey: 2 })],
    ["to another workspace", () => ({ workspace: "other" })],
  ];

  test.each(moved)("%s does not open", async (_, change) => {
    const { store, open } = vaults();
    const vault = open(keys("one"));
    await vault.set("acme", "stripe", stripe);
    await vault.set("other", "x", stripe);
    const [key] = await store.dataKeys("acme");
    await store.addDataKey({ ...key!, number: 2 });
    const row = {
      ...(await store.credential("acme", "stripe"))!,
      ...change((await store.credential("acme", "stripe"))!),
    };
    const tampered = new Vault(
      { ...bound(store), credential: async () => row },
      parseEncryption(keys("one")),
    );
    await expect(tampered.get(row.workspace, "stripe")).rejects.toMatchObject({
      code: "credential_unreadable",
    });
  });

  test("a data key of another workspace does not open either", async () => {
    const { store, open } = vaults();
    const vault = open(keys("one"));
    await vault.set("acme", "stripe", stripe);
    const stolen = await store.dataKeys("acme");
    const row = { ...(await store.credential("acme", "stripe"))!, workspace: "other" };
    const own = stolen.map((key) => ({ ...key, workspace: "other" }));
    const thief = new Vault(
      { ...bound(store), credential: async () => row, dataKeys: async () => own },
      parseEncryption(keys("one")),
    );
    await expect(thief.get("other", "stripe")).rejects.toMatchObject({ code: "credential_unreadable" });
  });
});

describe("a rotation", () => {
  test("lets the old key go", async () => {
    const { store, open } = vaults();
    for (const workspace of ["a", "b", "c"]) await open(keys("one")).set(workspace, "x", stripe);
    expect(await open(keys("two")).rotate({ dataKeys: false })).toEqual({ rewrapped: 3, resealed: 0 });
    expect(await open(keys("two")).rotate({ dataKeys: false })).toEqual({ rewrapped: 0, resealed: 0 });
    const after = open(keys("two", { two: KEYS.two }));
    for (const workspace of ["a", "b", "c"]) expect(await after.get(workspace, "x")).toEqual(stripe);
    expect((await store.dataKeys("a")).map(({ wrappedBy }) => wrappedBy)).toEqual(["two"]);
  });

  test(`of ${CREDENTIALS} credentials while they are read and written: no read fails, nothing is lost`, async () => {
    const { store, open } = vaults();
    const vault = open(keys("one"));
    const names = Array.from({ length: CREDENTIALS }, (_, n) => [`w${n % 20}`, `c${n}`] as const);
    for (const [workspace, name] of names)
      await vault.set(workspace, name, { fields: { token: name }, allowHosts: null });
    let rotating = true;
    let reads = 0;
    const reader = async (offset: number): Promise<void> => {
      for (let n = offset; rotating; n = (n + 7) % names.length) {
        const [workspace, name] = names[n]!;
        const own = n % 2 === 0 ? vault : open(keys("two"));
        expect((await own.get(workspace, name))?.fields["token"]).toMatch(new RegExp(`^${name}!*$`));
        if (++reads % 10 === 0)
          await own.set(workspace, name, { fields: { token: `${name}!` }, allowHosts: null });
        await new Promise(setImmediate);
      }
    };
    const readers = [1, 2, 3, 4].map((n) => reader((n * CREDENTIALS) / 10));
    // Let the others have their turn, as a database does.
    const slow: CredentialStore = {
      ...bound(store),
      putCredential: async (write) => {
        await new Promise(setImmediate);
        return store.putCredential(write);
      },
    };
    const { resealed } = await new Vault(slow, parseEncryption(keys("two"))).rotate({ dataKeys: true });
    rotating = false;
    await Promise.all(readers);
    expect(resealed).toBeGreaterThan(CREDENTIALS * 0.9);
    expect(reads).toBeGreaterThan(CREDENTIALS / 100);
    // Twice: those who read during the first needed the old data keys.
    await open(keys("two")).rotate({ dataKeys: true });
    await open(keys("two")).rotate({ dataKeys: true });
    expect((await store.dataKeys("w0")).map(({ number }) => number)).toEqual([3, 4]);
    const last = open(keys("two", { two: KEYS.two }));
    for (const [workspace, name] of names)
      expect((await last.get(workspace, name))?.fields["token"]).toMatch(new RegExp(`^${name}!*$`));
  }, 240_000);
});

test("a workspace that was shredded cannot be read again, and can begin anew", async () => {
  const { store, open } = vaults();
  const vault = open(keys("one"));
  await vault.set("acme", "stripe", stripe);
  const backup = (await store.credential("acme", "stripe"))!;
  expect(await vault.shred("acme")).toEqual({ credentials: 1 });
  expect(await vault.get("acme", "stripe")).toBeNull();
  await vault.set("acme", "stripe", { fields: { token: "new" }, allowHosts: null });
  expect((await vault.get("acme", "stripe"))?.fields).toEqual({ token: "new" });
  const restored = new Vault(
    { ...bound(store), credential: async () => backup },
    parseEncryption(keys("one")),
  );
  await expect(restored.get("acme", "stripe")).rejects.toMatchObject({ code: "credential_unreadable" });
});

test("a key service is asked once for each data key, and told what for", async () => {
  const { open } = vaults();
  const calls: unknown[] = [];
  const service: KeyService = {
    current: "kms-1",
    async wrap(dataKey, context) {
      calls.push(["wrap", context]);
      return Uint8Array.from(dataKey, (byte) => byte ^ 0x55);
    },
    async unwrap(wrapped, by, context) {
      calls.push(["unwrap", by, context]);
      return Uint8Array.from(wrapped, (byte) => byte ^ 0x55);
    },
  };
  await open(service).set("acme", "stripe", stripe);
  const other = open(service);
  for (let n = 0; n < 3; n++) expect(await other.get("acme", "stripe")).toEqual(stripe);
  const context = { workspace: "acme", dataKey: 1 };
  expect(calls).toEqual([
    ["wrap", context],
    ["unwrap", "kms-1", context],
  ]);
});

test.each([
  ["", "not base64"],
  ["c2hvcnQ=", "too short"],
  [randomBytes(33).toString("base64"), "too long"],
  [randomBytes(32).toString("hex"), "hex"],
])("a key like %j is refused: %s", (key) => {
  expect(() => parseEncryption({ keys: { one: key }, current: "one" })).toThrow(/encryption.keys.one/);
});

test("the current key must be one of them", () => {
  expect(() => parseEncryption({ keys: KEYS, current: "three" })).toThrow(/encryption.current/);
});

/** The store's methods, for a store that answers one question differently. */
function bound(store: CredentialStore): CredentialStore {
  return {
    dataKeys: (workspace) => store.dataKeys(workspace),
    addDataKey: (key) => store.addDataKey(key),
    reserveSeals: (key, seals) => store.reserveSeals(key, seals),
    rewrapDataKey: (key, from) => store.rewrapDataKey(key, from),
    newestDataKeys: (page) => store.newestDataKeys(page),
    dataKeysNotWrappedBy: (id, limit) => store.dataKeysNotWrappedBy(id, limit),
    dropDataKeys: (workspace, below) => store.dropDataKeys(workspace, below),
    credential: (workspace, name) => store.credential(workspace, name),
    credentials: (page) => store.credentials(page),
    credentialsSealedBelow: (...asked) => store.credentialsSealedBelow(...asked),
    putCredential: (write) => store.putCredential(write),
    deleteCredential: (workspace, name) => store.deleteCredential(workspace, name),
    shred: (workspace) => store.shred(workspace),
  };
}

describe("a data key", () => {
  const service = parseEncryption(keys("one"));

  test("seals no more texts than it may, in however many processes; then the next one does", async () => {
    const { store } = vaults();
    const put = vi.spyOn(store, "putCredential");
    const sealedBy = (): ReadonlyMap<number, number> => {
      const counts = new Map<number, number>();
      for (const [{ dataKey, sealed }] of put.mock.calls)
        counts.set(dataKey, (counts.get(dataKey) ?? 0) + Object.keys(sealed).length);
      return counts;
    };
    const limits = { perKey: 20, atOnce: 6 };
    const processes = [0, 1, 2].map(() => new Vault(store, service, limits));
    const names = Array.from({ length: 30 }, (_, n) => `c${n}`);
    await Promise.all(names.map((name, n) => processes[n % 3]!.set("acme", name, stripe)));
    for (const [n, name] of names.entries())
      expect(await processes[(n + 1) % 3]!.get("acme", name)).toEqual(stripe);
    const counts = [...sealedBy().values()];
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(60);
    expect(Math.max(...counts)).toBeLessThanOrEqual(20);
    const { length } = await store.dataKeys("acme");
    expect(length).toBeGreaterThanOrEqual(3);
    expect(length).toBeLessThanOrEqual(30);
    // A new process begins with what is left by the count, not with what the others hold.
    await new Vault(store, service, limits).set("acme", "late", stripe);
    expect(Math.max(...sealedBy().values())).toBeLessThanOrEqual(20);
  });

  test("is asked for in blocks: many writes are one question to the store", async () => {
    const { store } = vaults();
    const asked = vi.spyOn(store, "reserveSeals");
    const vault = new Vault(store, service);
    for (let n = 0; n < 50; n++) await vault.set("acme", `c${n}`, stripe);
    expect(asked).toHaveBeenCalledTimes(1);
    expect(await store.dataKeys("acme")).toHaveLength(1);
  });

  test("that seals again all credentials of a workspace is counted too", async () => {
    const { store } = vaults();
    const limits = { perKey: 8, atOnce: 4 };
    const vault = new Vault(store, service, limits);
    for (let n = 0; n < 10; n++) await vault.set("acme", `c${n}`, stripe);
    expect(await vault.rotate({ dataKeys: true })).toEqual({ rewrapped: 0, resealed: 10 });
    for (let n = 0; n < 10; n++) expect(await vault.get("acme", `c${n}`)).toEqual(stripe);
  });

  test("of a workspace that another process has shredded is not used again", async () => {
    const { open } = vaults();
    const [one, two] = [open(keys("one")), open(keys("one"))];
    await one.set("acme", "stripe", stripe);
    await two.get("acme", "stripe");
    await one.shred("acme");
    // The workspace's first key is another one by now, for both.
    await two.set("acme", "stripe", stripe);
    expect(await one.get("acme", "stripe")).toEqual(stripe);
    await two.shred("acme");
    await one.set("acme", "other", stripe);
    expect(await two.get("acme", "other")).toEqual(stripe);
    expect(await open(keys("one")).get("acme", "other")).toEqual(stripe);
  });
});
