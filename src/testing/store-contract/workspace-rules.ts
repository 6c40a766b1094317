/** Workspaces as a whole: which there are, what they have, and that nothing is left of one that is erased, and all of the others. */
import type { WorkflowDocument } from "../../core/definition/document.ts";
import { isNothing, NOTHING, sumOf, type WorkspaceCounts } from "../../core/ports/workspaces.ts";
import type { Store } from "../../core/ports/store.ts";
import { auditEntry } from "./audit-rules.ts";
import { message, move, moved, newId, newRun, row, running, start } from "./entries.ts";
import type { Kit } from "./kit.ts";

const HOURLY = { type: "schedule", every: "1h" } as const;
const POLLED = { type: "poll", action: "x", every: "1h" } as const;

function documentOf(name: string): WorkflowDocument {
  return {
    format: 1,
    name,
    nodes: {
      tick: { kind: "trigger", source: HOURLY },
      poll: { kind: "trigger", source: POLLED },
      a: { kind: "action", action: "x" },
    },
    edges: [
      { from: "tick", to: "a" },
      { from: "poll", to: "a" },
    ],
  };
}

const DOCUMENT = documentOf("w");

interface Filled {
  readonly rests: string;
  readonly runs: string;
  readonly delivery: string;
}

/** One of everything that a workspace can have, under this name. */
export async function filled(store: Store, workspace: string, name = "w"): Promise<Filled> {
  await store.saveWorkflow(workspace, documentOf(name), "c1");
  await store.schedules.sync(
    { workspace, workflow: name, node: "tick", source: HOURLY },
    { dueAt: 1, fireAt: 1 },
  );
  await store.polls.sync();
  const poll = { workspace, workflow: name, node: "poll" };
  await store.polls.claim(poll, 0, "w");
  await store.polls.finish(poll, 1, {
    stage: "live",
    cursor: null,
    failures: 0,
    lastItems: 1,
    lastError: null,
    lastRefusal: null,
    delayMs: 1,
    succeeded: true,
    seen: [name],
  });
  const [rests, runs, delivery] = [newId(), newId(), newId()];
  const key = { scope: `start/${name}`, key: name, fingerprint: "f" };
  const nodes = [row("a", { status: "succeeded", output: "large ".repeat(20_000) })];
  const run = newRun({ workspace, key });
  await moved(store, start(rests, { start: run, nodes, status: "succeeded", finished: true }));
  const shared = { workspace, action: name, key: name, fingerprint: "f" };
  const claim = { type: "claim", node: "a", ...shared } as const;
  const open = row("b", { status: "failed", outcome: "error", failure: "open", fence: 1, attempt: 1 });
  await moved(
    store,
    start(runs, {
      start: newRun({ workspace }),
      nodes: [running("a", "w"), open],
      deadLetters: 1,
      actionKeys: [claim],
      listens: [name],
    }),
  );
  await store.append([message(runs, "m", { kind: "signal", name: "s", payload: 1 })]);
  const hook = {
    workspace,
    path: `only ${name}`,
    workflow: name,
    trigger: "t",
    verified: true,
    bodyKey: null,
  };
  const body = { headers: { "content-type": "text/plain" }, body: new Uint8Array([1]), size: 1 };
  await store.webhooks.claim({ ...hook, ...body, id: delivery, key: name }, newId());
  const event = { workspace, id: name, name, payload: name, fingerprint: "f", chain: [] };
  await store.events.publish({ ...event, keepMs: 60_000 }, 60_000);
  await store.credentials.addDataKey({
    workspace,
    number: 1,
    wrappedBy: "k",
    wrapped: `wrapped for ${workspace}`,
  });
  const credential = { workspace, name, id: newId(), version: 1, dataKey: 1, allowHosts: null };
  await store.credentials.putCredential({ ...credential, sealed: { token: "c2VjcmV0" } });
  await store.audit.begin([auditEntry({ workspace, actor: name })]);
  return { rests, runs, delivery };
}

const FULL: WorkspaceCounts = {
  runs: 2,
  versions: 1,
  schedules: 1,
  polls: 1,
  credentials: 1,
  dataKeys: 1,
  deliveries: 1,
  events: 1,
  keys: 2,
};

export async function erased(store: Store, workspace: string, limit = 100): Promise<WorkspaceCounts> {
  let sum = NOTHING;
  for (;;) {
    const some = await store.workspaces.erase(workspace, limit);
    if (isNothing(some)) return sum;
    sum = sumOf(sum, some);
  }
}

async function listed(store: Store): Promise<readonly string[]> {
  return [...(await store.workspaces.list({ limit: 10 }))].sort();
}

export function workspaceRules({ describe, rule, expect }: Kit): void {
  describe("workspaces", () => {
    rule("are there as long as they have anything, and are counted", async ({ store }) => {
      expect(await listed(store)).toEqual([]);
      expect(await store.workspaces.counts("acme")).toEqual(NOTHING);
      await filled(store, "acme");
      await store.saveWorkflow("beta", DOCUMENT, "c1");
      await store.credentials.addDataKey({ workspace: "gamma", number: 1, wrappedBy: "k", wrapped: "d" });
      expect(await store.workspaces.counts("acme")).toEqual(FULL);
      expect(await store.workspaces.counts("gamma")).toEqual({ ...NOTHING, dataKeys: 1 });
      expect(await store.workspaces.underWay("acme")).toBe(1);
      expect(await store.workspaces.underWay("beta")).toBe(0);
      expect(await listed(store)).toEqual(["acme", "beta", "gamma"]);
      const first = await store.workspaces.list({ limit: 2 });
      const rest = await store.workspaces.list({ limit: 2, after: first[1]! });
      expect([...first, ...rest].sort()).toEqual(["acme", "beta", "gamma"]);
    });

    rule("go with everything that they have, and the others stay as they are", async (bench) => {
      const { store } = bench;
      const { rests, runs } = await filled(store, "acme");
      const other = await filled(store, "beta");
      expect(await erased(store, "acme", 1)).toEqual(FULL);
      expect(await store.workspaces.counts("acme")).toEqual(NOTHING);
      expect(await listed(store)).toEqual(["beta"]);
      expect(await store.workspaces.counts("beta")).toEqual(FULL);
      expect((await store.run("beta", other.rests))!.nodes[0]!.output).toBe("large ".repeat(20_000));
      expect(await store.load([{ runId: rests }, { runId: runs }])).toEqual([null, null]);
      expect(await store.key({ workspace: "acme", scope: "start/w", key: "w" })).toBeNull();
      expect(await store.actionKeys([{ workspace: "acme", action: "w", key: "w" }])).toEqual([null]);
      expect((await store.deadLetters({ workspace: "acme", limit: 9 })).items).toEqual([]);
      expect(await store.listeners({ workspace: "acme", event: "w", limit: 9 })).toEqual([]);
      expect(await store.credentials.dataKeys("acme")).toEqual([]);
      expect(await store.triggers.find({ type: "schedule", workspace: "acme", limit: 9 })).toEqual([]);
      expect((await store.audit.page({ workspace: "acme", limit: 9 })).items).toEqual([]);
      expect((await store.audit.page({ workspace: "beta", limit: 9 })).items).toHaveLength(1);
      expect(await erased(store, "acme")).toEqual(NOTHING);
    });

    rule("what still runs in one that is erased writes nothing any more", async (bench) => {
      const { store, second } = bench;
      const { runs } = await filled(store, "acme");
      await erased(store, "acme");
      const memo = { runId: runs, node: "a", item: -1, generation: 0, fence: 1 };
      expect(await second.saveMemo(memo, "late", 1)).toBe(false);
      expect(await second.commit([move(runs, 2)])).toEqual([{ type: "gone" }]);
      expect(await second.append([message(runs, "late")])).toEqual(["unknown_run"]);
      expect(await second.roll("w")).toEqual([]);
      // What an action wrote at that very moment is looked for once more.
      await bench.advance(120_000);
      while (await store.retention.clear(10));
    });

    rule(
      "that are there again number their versions on: no number means two definitions",
      async ({ store }) => {
        await store.saveWorkflow("acme", DOCUMENT, "c1");
        await store.saveWorkflow("acme", DOCUMENT, "c2");
        await erased(store, "acme");
        expect(await store.workflow("acme", "w")).toBeNull();
        expect((await store.saveWorkflow("acme", DOCUMENT, "c1")).version).toBe(3);
        expect((await store.workflow("acme", "w"))!.version).toBe(3);
        expect(await store.workflow("acme", "w", 1)).toBeNull();
        await erased(store, "acme");
        expect((await store.saveWorkflow("acme", DOCUMENT, "c9")).version).toBe(4);
        expect((await store.saveWorkflow("beta", DOCUMENT, "c1")).version).toBe(1);
      },
    );

    rule("several may erase one at once, while somebody goes on in it", async ({ store, second }) => {
      for (let at = 0; at < 5; at++) await filledRun(store, "acme");
      const begins = async (): Promise<void> => {
        for (let at = 0; at < 5; at++) await filledRun(second, "acme");
      };
      const [one, other] = await Promise.all([erased(store, "acme", 2), erased(second, "acme", 2), begins()]);
      const last = await erased(store, "acme");
      expect(one.runs + other.runs + last.runs).toBe(10);
      expect(await store.workspaces.counts("acme")).toEqual(NOTHING);
    });
  });
}

async function filledRun(store: Store, workspace: string): Promise<void> {
  await moved(store, start(newId(), { start: newRun({ workspace }), nodes: [running("a", "w")] }));
}
