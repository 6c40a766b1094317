/**
 * The matrix of tenants: every method of a store, asked in one workspace for what belongs to another. The table is typed by the port,
 * so a method that is added to it without a line here does not compile.
 */
import type { Store } from "../../core/ports/store.ts";
import { auditEntry } from "./audit-rules.ts";
import { newId, newRun, start } from "./entries.ts";
import type { Bench, Kit } from "./kit.ts";
import { TROUBLES_OF_TENANTS } from "./tenant-troubles.ts";
import { LIMITS_OF_TENANTS } from "./tenant-limits.ts";
import { erased, filled } from "./workspace-rules.ts";

type Part =
  | "audit"
  | "breakers"
  | "credentials"
  | "events"
  | "feed"
  | "limits"
  | "buckets"
  | "quotas"
  | "places"
  | "held"
  | "stuck"
  | "triggers"
  | "schedules"
  | "polls"
  | "webhooks"
  | "retention"
  | "workspaces";
type Method =
  Exclude<keyof Store, Part | "transactions"> | { [P in Part]: `${P}.${keyof Store[P] & string}` }[Part];

/** Both workspaces have one of everything, under the same names. The stranger asks as `MINE` for what is `THEIRS`. */
const MINE = "acme";
const THEIRS = "umbrella";

interface Scene {
  readonly store: Store;
  /** Of theirs. */
  readonly rests: string;
  readonly runs: string;
  readonly letter: string;
  readonly delivery: string;
  readonly expect: Kit["expect"];
}

type Ask = (scene: Scene) => Promise<void>;

/**
 * Takes no workspace. `by id`: ids of runs and deliveries are random, and who names one has found it in a workspace. `of all`: a loop, that looks after
 * every workspace. `of workers`: no tenant has any. `by key`: each key names its workspace, and the rules of breakers ask for others.
 */
type Exempt = "by id" | "by key" | "of all" | "of workers" | "of the clock";

const PLACE = { workspace: MINE, workflow: "theirs", node: "tick" };
const LIMIT = { limit: 100 };
const EVERY = { ...LIMIT, workspace: MINE };

/** What is found in `MINE` names nothing of theirs. */
const shows =
  (ask: (scene: Scene) => Promise<unknown>): Ask =>
  async (scene) => {
    const text = JSON.stringify(await ask(scene)) ?? "";
    for (const word of [THEIRS, scene.rests, scene.runs, scene.delivery])
      scene.expect(text.includes(word)).toBe(false);
  };

const gives =
  (expected: unknown, ask: (scene: Scene) => Promise<unknown>): Ask =>
  async (scene) => {
    scene.expect(await ask(scene)).toEqual(expected);
  };

const POLL_END = {
  stage: "live",
  cursor: null,
  failures: 0,
  lastItems: 0,
  lastError: null,
  lastRefusal: null,
  delayMs: 1,
  succeeded: true,
} as const;

const THEIR_AUDIT = newId();
/** A position before all that is in any feed. */
const FIRST = "1.0";
const NO_KEYS = { key: null, bodyKey: null };
const EMPTY_PAGE = { items: [], cursor: null };

const MATRIX: { readonly [M in Method]: Ask | Exempt } = {
  commit: async ({ store, rests, expect }) => {
    // A start with their key, and one with the id of their run.
    const key = { scope: "start/theirs", key: "theirs", fingerprint: "f" };
    const run = newRun({ workspace: MINE, key });
    const [own, foreign] = await store.commit([
      start(newId(), { start: run }),
      start(rests, { start: newRun() }),
    ]);
    expect(own!.type).toBe("committed");
    expect(foreign!.type).toBe("moved");
  },
  commitLocked: "by id",
  load: "by id",
  inputs: "by id",
  append: gives(["unknown_run"], ({ store, runs }) =>
    store.append([{ runId: runs, id: "stranger", workspace: MINE, body: { kind: "cancel" } }]),
  ),
  listeners: gives([], ({ store }) => store.listeners({ ...EVERY, event: "theirs" })),
  register: "of workers",
  beat: "of workers",
  deregister: "of workers",
  liveWorkers: "of workers",
  scarceActions: "of workers",
  roll: "of workers",
  reap: "of all",
  due: "of all",
  undispatched: "of all",
  lost: "of all",
  unread: "of all",
  now: "of the clock",
  saveWorkflow: async ({ store, expect }) => {
    const { document } = (await store.workflow(THEIRS, "theirs"))!;
    expect((await store.saveWorkflow(MINE, document, "other")).version).toBe(1);
    expect(await store.workflowVersions(THEIRS, "theirs")).toHaveLength(1);
    await erased(store, MINE);
    await filled(store, MINE, "mine");
  },
  workflow: gives(null, ({ store }) => store.workflow(MINE, "theirs", 1)),
  versionHead: gives(null, ({ store }) => store.versionHead(MINE, "theirs", 1)),
  workflowVersions: gives([], ({ store }) => store.workflowVersions(MINE, "theirs")),
  workflows: shows(({ store }) => store.workflows(MINE)),
  enableWorkflow: gives(false, ({ store }) => store.enableWorkflow(MINE, "theirs", false)),
  run: gives(null, ({ store, rests }) => store.run(MINE, rests)),
  runs: shows(({ store }) => store.runs(EVERY)),
  mapPage: gives(null, ({ store, runs }) => store.mapPage({ ...EVERY, runId: runs, node: "m" })),
  deadLetters: async (scene) => {
    const { store, letter, runs } = scene;
    await shows(() => store.deadLetters(EVERY))(scene);
    await gives(EMPTY_PAGE, () => store.deadLetters({ ...EVERY, ids: [letter] }))(scene);
    await gives(EMPTY_PAGE, () => store.deadLetters({ ...EVERY, runId: runs }))(scene);
  },
  deadLetterGroups: gives([], ({ store, runs }) => store.deadLetterGroups({ workspace: MINE, runId: runs })),

  claimItems: "by id",
  finishItems: "by id",
  itemStates: "by id",
  itemOutputs: "by id",
  itemsWithChildren: "by id",
  itemsOfChildren: "by id",
  failedItems: "by id",
  idleMaps: "of all",
  memos: "by id",
  saveMemo: "by id",
  itemChildEnds: "of all",
  forgetChildEnds: "by id",
  tellParents: "of all",
  key: shows(({ store }) => store.key({ workspace: MINE, scope: "start/theirs", key: "theirs" })),
  expireKeys: "of all",
  actionKeys: gives([null], ({ store }) =>
    store.actionKeys([{ workspace: MINE, action: "theirs", key: "theirs" }]),
  ),
  heldKeys: "by id",
  takeKeyWaiters: "by id",
  expireActionKeys: "of all",
  admit: gives({ told: [], busy: [] }, ({ store }) =>
    store.admit([{ workspace: MINE, workflow: "theirs", key: "theirs" }]),
  ),
  waitingGates: "of all",

  "triggers.find": shows(({ store }) => store.triggers.find({ type: "schedule", ...EVERY })),
  "schedules.unsynced": "of all",
  "schedules.sync": async ({ store, expect }) => {
    await store.schedules.sync(
      { ...PLACE, source: { type: "schedule", every: "2h" } },
      { dueAt: 9, fireAt: 9 },
    );
    expect(await store.schedules.get(PLACE)).toBeNull();
  },
  "schedules.prune": "of all",
  "schedules.due": "of all",
  "schedules.advance": gives(false, async ({ store }) => {
    const theirs = (await store.schedules.get({ ...PLACE, workspace: THEIRS }))!;
    return store.schedules.advance(PLACE, theirs.rev, { ...theirs, paused: true });
  }),
  // Their workflow is not ours, so there is nothing that the schedule could be of.
  "schedules.set": async ({ store, expect }) => {
    const source = { type: "schedule", every: "2h" } as const;
    const named = { ...PLACE, workflow: "only theirs", node: "@night", source, starts: {} };
    expect(await store.schedules.set(named, { dueAt: 9, fireAt: 9 })).toBeNull();
  },
  "schedules.delete": gives(false, ({ store }) => store.schedules.delete({ ...PLACE, node: "@theirs" })),
  "schedules.get": gives(null, ({ store }) => store.schedules.get(PLACE)),
  "schedules.list": shows(({ store }) => store.schedules.list(EVERY)),
  "polls.sync": "of all",
  "polls.due": "of all",
  "polls.claim": gives(false, ({ store }) => store.polls.claim(PLACE, 0, "theirs")),
  "polls.seen": gives(new Set(), async ({ store }) => {
    const theirs = await store.polls.get({ ...PLACE, workspace: THEIRS, node: "poll" });
    return store.polls.seen({ ...theirs!, workspace: MINE }, ["theirs"]);
  }),
  "polls.finish": gives(false, ({ store }) =>
    store.polls.finish({ ...PLACE, node: "poll" }, 2, { ...POLL_END, seen: ["mine"] }),
  ),
  "polls.setPaused": gives(false, ({ store }) => store.polls.setPaused({ ...PLACE, node: "poll" }, true)),
  "polls.hurry": gives(false, ({ store }) => store.polls.hurry({ ...PLACE, node: "poll" })),
  "polls.get": gives(null, ({ store }) => store.polls.get({ ...PLACE, node: "poll" })),
  "polls.list": shows(({ store }) => store.polls.list(EVERY)),
  "polls.expire": "of all",
  "webhooks.claim": async ({ store, expect, delivery }) => {
    // Their keys hold nothing here.
    const theirs = (await store.webhooks.get(THEIRS, delivery))!;
    const mine = { ...theirs, workspace: MINE, id: newId(), body: new Uint8Array() };
    expect(await store.webhooks.claim(mine, newId())).toEqual({ claimed: true });
    expect((await store.webhooks.get(THEIRS, delivery))!.repeats).toBe(0);
  },
  "webhooks.repeated": shows(({ store }) =>
    store.webhooks.repeated({ workspace: MINE, path: "only theirs" }, { key: "theirs", bodyKey: null }),
  ),
  "webhooks.accept": "by id",
  "webhooks.reject": "by id",
  "webhooks.refuse": async ({ store, expect, delivery }) => {
    const theirs = (await store.webhooks.get(THEIRS, delivery))!;
    const mine = { ...theirs, workspace: MINE, id: newId(), body: new Uint8Array() };
    await store.webhooks.refuse(mine, { reason: "r", detail: "d" }, 0);
    expect(await store.webhooks.get(THEIRS, delivery)).not.toBeNull();
  },
  "webhooks.reopen": gives("gone", ({ store, delivery }) =>
    store.webhooks.reopen({ workspace: MINE, id: delivery, runId: newId(), keys: NO_KEYS }),
  ),
  "webhooks.get": gives(null, ({ store, delivery }) => store.webhooks.get(MINE, delivery)),
  "webhooks.page": shows(({ store }) => store.webhooks.page(EVERY)),
  "webhooks.unfinished": "of all",
  "webhooks.expire": "of all",
  "events.announce": "by key",
  "events.publish": async ({ store, expect }) => {
    // Their id is free here.
    const theirs = (await store.events.get({ workspace: THEIRS, id: "theirs" }))!;
    const mine = { ...theirs, workspace: MINE, payload: "mine", fingerprint: "mine", keepMs: 1 };
    expect((await store.events.publish(mine, 0)).published).toBe(true);
    await erased(store, MINE);
    await filled(store, MINE, "mine");
  },
  "events.due": "of all",
  "events.advance": gives(false, async ({ store }) => {
    const theirs = (await store.events.get({ workspace: THEIRS, id: "theirs" }))!;
    return store.events.advance({ workspace: MINE, id: "theirs" }, theirs.rev, { ...theirs, holdMs: 0 });
  }),
  "events.get": gives(null, ({ store }) => store.events.get({ workspace: MINE, id: "theirs" })),
  "events.page": shows(({ store }) => store.events.page(EVERY)),
  "events.expire": "of all",
  "credentials.dataKeys": shows(({ store }) => store.credentials.dataKeys(MINE)),
  "credentials.addDataKey": async ({ store, expect }) => {
    await store.credentials.addDataKey({ workspace: MINE, number: 2, wrappedBy: "k", wrapped: "mine" });
    expect(await store.credentials.dataKeys(THEIRS)).toHaveLength(1);
  },
  "credentials.rewrapDataKey": async ({ store, expect }) => {
    const key = { workspace: MINE, number: 1, wrappedBy: "k", wrapped: "mine" };
    await store.credentials.rewrapDataKey(key, "k");
    expect((await store.credentials.dataKeys(THEIRS))[0]!.wrapped).toBe(`wrapped for ${THEIRS}`);
  },
  "credentials.reserveSeals": async ({ store, expect }) => {
    const all = { count: 100, limit: 100 };
    await store.credentials.reserveSeals({ workspace: MINE, number: 1 }, all);
    expect(await store.credentials.reserveSeals({ workspace: THEIRS, number: 1 }, all)).toBe(true);
  },
  "credentials.newestDataKeys": "of all",
  "credentials.dataKeysNotWrappedBy": "of all",
  "credentials.dropDataKeys": async ({ store, expect }) => {
    await store.credentials.dropDataKeys(MINE, 9);
    expect(await store.credentials.dataKeys(THEIRS)).toHaveLength(1);
  },
  "credentials.credential": gives(null, ({ store }) => store.credentials.credential(MINE, "theirs")),
  "credentials.credentials": shows(({ store }) => store.credentials.credentials(EVERY)),
  "credentials.credentialsSealedBelow": shows(({ store }) =>
    store.credentials.credentialsSealedBelow(MINE, 9, 100),
  ),
  "credentials.putCredential": gives(false, async ({ store }) => {
    const theirs = (await store.credentials.credential(THEIRS, "theirs"))!;
    return store.credentials.putCredential({ ...theirs, workspace: MINE, version: theirs.version + 1 });
  }),
  "credentials.deleteCredential": gives(false, ({ store }) =>
    store.credentials.deleteCredential(MINE, "theirs"),
  ),
  "credentials.shred": async ({ store, expect }) => {
    await store.credentials.shred(MINE);
    expect(await store.credentials.credential(THEIRS, "theirs")).not.toBeNull();
  },
  ...TROUBLES_OF_TENANTS,
  "feed.listen": async ({ store, expect }) => {
    const theirs = await store.feed.read({ workspace: THEIRS, after: FIRST, limit: 100 });
    await store.feed.listen(MINE);
    const after = await store.feed.read({ workspace: THEIRS, after: FIRST, limit: 100 });
    expect(after.items.map(({ event }) => event)).toEqual(theirs.items.map(({ event }) => event));
  },
  "feed.read": shows(async ({ store, expect }) => {
    await store.feed.listen(MINE);
    await store.commit([start(newId(), { start: newRun({ workspace: MINE }) })]);
    const { items } = await store.feed.read({ ...EVERY, after: FIRST });
    expect(items.length > 0).toBe(true);
    return items;
  }),
  "feed.trim": "of all",
  "audit.begin": async ({ store, expect }) => {
    // Under the id of theirs there is no room for another one.
    const entry = { ...auditEntry({ workspace: MINE, subject: "mine" }), id: THEIR_AUDIT };
    expect(await store.audit.begin([entry]).then(String, () => "refused")).toBe("refused");
  },
  "audit.end": "by id",
  "audit.page": shows(({ store }) => store.audit.page(EVERY)),
  "audit.expire": "of all",
  ...LIMITS_OF_TENANTS,
  "retention.workspaces": "of all",
  "retention.expired": shows(({ store }) => {
    const keep = { succeeded: 0, failed: 0, cancelled: 0, unresolved: 0 };
    return store.retention.expired({ ...EVERY, keep });
  }),
  "retention.delete": "by id",
  "retention.clear": "of all",
  "workspaces.list": "of all",
  "workspaces.counts": gives(2, async ({ store }) => (await store.workspaces.counts(THEIRS)).runs),
  "workspaces.underWay": gives(1, ({ store }) => store.workspaces.underWay(THEIRS)),
  "workspaces.erase": async ({ store, expect }) => {
    await store.workspaces.erase(MINE, 100);
    expect((await store.workspaces.counts(THEIRS)).runs).toBe(2);
  },
};

export function tenantRules({ describe, rule, expect }: Kit): void {
  describe("tenants: every method, asked in one workspace for what is another's", () => {
    rule("finds nothing of it and changes nothing of it", async ({ store }: Bench) => {
      for (const workspace of [MINE, THEIRS]) await store.feed.listen(workspace);
      await filled(store, MINE, "mine");
      const { rests, runs, delivery } = await filled(store, THEIRS, "theirs");
      await store.audit.begin([{ ...auditEntry({ workspace: THEIRS, actor: THEIRS }), id: THEIR_AUDIT }]);
      const letters = await store.deadLetters({ workspace: THEIRS, limit: 9 });
      const scene = { store, rests, runs, delivery, letter: letters.items[0]!.id, expect };
      const before = await everything(store, scene);
      for (const [method, ask] of Object.entries(MATRIX)) {
        if (typeof ask === "string") continue;
        try {
          await ask(scene);
        } catch (cause) {
          throw new Error(`Store method "${method}" crosses from one workspace to another.`, { cause });
        }
        expect(await everything(store, scene)).toEqual(before);
      }
    });
  });
}

async function everything(store: Store, { rests, runs, delivery }: Scene): Promise<unknown> {
  return {
    runs: [await store.run(THEIRS, rests), await store.run(THEIRS, runs)],
    inbox: (await store.load([{ runId: runs }]))[0]!.inbox,
    versions: await store.workflows(THEIRS),
    letters: await store.deadLetters({ workspace: THEIRS, limit: 9 }),
    schedules: await store.schedules.list({ workspace: THEIRS, limit: 9 }),
    polls: await store.polls.list({ workspace: THEIRS, limit: 9 }),
    delivery: await store.webhooks.get(THEIRS, delivery),
    event: await store.events.get({ workspace: THEIRS, id: "theirs" }),
    credential: await store.credentials.credential(THEIRS, "theirs"),
    keys: await store.credentials.dataKeys(THEIRS),
    key: await store.key({ workspace: THEIRS, scope: "start/theirs", key: "theirs" }),
    actionKey: await store.actionKeys([{ workspace: THEIRS, action: "theirs", key: "theirs" }]),
    listeners: await store.listeners({ workspace: THEIRS, event: "theirs", limit: 9 }),
    counts: await store.workspaces.counts(THEIRS),
    audit: await store.audit.page({ workspace: THEIRS, limit: 9 }),
  };
}
