/** Links that send one signal, once. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineWorkflow, type Engine, type RunHandle } from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";
import { add, chain } from "./documents.ts";

const key = (): string => randomBytes(32).toString("base64");

onEachBackend("approvals", (name) => {
  const signingKey = key();
  let backend: Backend;
  let engine: Engine;

  beforeAll(async () => {
    backend = await openBackend(name);
    engine = backend.engine({ signingKey, actions: [add()] });
    await engine.start();
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  const approval = defineWorkflow({
    format: 1,
    name: "approval",
    nodes: { w: { kind: "wait", for: { signal: "approved" } } },
    edges: [],
    output: "{{ nodes.w.output }}",
  });
  const start = (workspace = "default"): Promise<RunHandle> => engine.runs.start(approval, { workspace });
  const other = async (options: object): Promise<Engine> => {
    const made = backend.engine(options);
    await made.start({ work: false, maintain: false });
    return made;
  };

  test("a link sends its signal with its payload; used again it is `approval_used`, also after the run's end", async () => {
    const run = await start();
    const link = await engine.approvals.link(run.id, "approved", { payload: { yes: true } });
    expect(link).toMatch(/^[\w-]+\.[\w-]+$/);
    expect(engine.approvals.read(link)).toMatchObject({
      runId: run.id,
      signal: "approved",
      payload: { yes: true },
    });
    expect(await engine.approvals.use(link)).toMatchObject({ runId: run.id, workspace: "default" });
    expect(await run.result({ timeout: "10s" })).toEqual({ yes: true });
    await expect(engine.approvals.use(link)).rejects.toMatchObject({ code: "approval_used" });
  });

  test("twenty uses at once, in two processes: one is taken", async () => {
    const second = await other({ signingKey });
    const run = await start();
    const link = await engine.approvals.link(run.id, "approved");
    const uses = Array.from({ length: 20 }, (_, i) => (i % 2 ? engine : second).approvals.use(link, i));
    const settled = await Promise.allSettled(uses);
    const taken = settled.flatMap(({ status }, i) => (status === "fulfilled" ? [i] : []));
    expect(taken).toHaveLength(1);
    for (const one of settled)
      if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "approval_used" });
    expect(await run.result({ timeout: "10s" })).toBe(taken[0]);
  });

  test("links with one id are one: after `yes` there is no `no`", async () => {
    const run = await start();
    const [yes, no] = await Promise.all(
      ["yes", "no"].map((payload) => engine.approvals.link(run.id, "approved", { payload, id: "decision" })),
    );
    await engine.approvals.use(yes!);
    await expect(engine.approvals.use(no!)).rejects.toMatchObject({ code: "approval_used" });
    expect(await run.result({ timeout: "10s" })).toBe("yes");
  });

  test("whatever is changed in a link, or signed with another key, is `approval_invalid`", async () => {
    const run = await start();
    const link = await engine.approvals.link(run.id, "approved", { payload: 1 });
    const flipped = link
      .split("")
      .map((was, at) => link.slice(0, at) + (was === "A" ? "B" : "A") + link.slice(at + 1));
    const [body, signature] = link.split(".");
    const odd = [
      "",
      ".",
      body!,
      `${body}.`,
      `.${signature}`,
      `${link}.`,
      `${link}=`,
      `${link} `,
      link.slice(0, -1),
      null,
      7,
    ];
    const stranger = await other({ signingKey: key() });
    for (const wrong of [...flipped, ...odd, "x".repeat(100_000)])
      await expect(engine.approvals.use(wrong as string)).rejects.toMatchObject({ code: "approval_invalid" });
    await expect(stranger.approvals.use(link)).rejects.toMatchObject({ code: "approval_invalid" });
    expect(await run.status()).toBe("waiting");
  });

  test("a link of the key before still works when a new key signs", async () => {
    const run = await start();
    const link = await engine.approvals.link(run.id, "approved", { payload: "old" });
    const rotated = await other({ signingKey: [key(), signingKey] });
    await rotated.approvals.use(link);
    expect(await run.result({ timeout: "10s" })).toBe("old");
    const next = await start();
    const fresh = await rotated.approvals.link(next.id, "approved");
    await expect(engine.approvals.use(fresh)).rejects.toMatchObject({ code: "approval_invalid" });
  });

  test("a link is for its workspace's run, and for one that is under way", async () => {
    const run = await start("acme");
    await expect(engine.approvals.link(run.id, "approved")).rejects.toMatchObject({ code: "run_not_found" });
    const link = await engine.approvals.link(run.id, "approved", { workspace: "acme" });
    await run.cancel();
    await expect(engine.approvals.use(link)).rejects.toMatchObject({ code: "run_finished" });
    const done = await engine.runs.start(defineWorkflow(chain(1)), { input: { n: 1 } });
    await done.result({ timeout: "10s" });
    await expect(engine.approvals.link(done.id, "approved")).rejects.toMatchObject({ code: "run_finished" });
  });

  test("one payload only, and not a large one", async () => {
    const run = await start();
    const link = await engine.approvals.link(run.id, "approved", { payload: null });
    await expect(engine.approvals.use(link, 1)).rejects.toMatchObject({ code: "option_invalid" });
    const large = engine.approvals.link(run.id, "approved", { payload: "x".repeat(2_000) });
    await expect(large).rejects.toMatchObject({ code: "value_invalid" });
    await engine.approvals.use(link);
    expect(await run.result({ timeout: "10s" })).toBeNull();
  });

  test("without a key there are no links", async () => {
    const run = await start();
    const bare = await other({});
    await expect(bare.approvals.link(run.id, "approved")).rejects.toMatchObject({
      code: "signing_key_missing",
    });
    await expect(bare.approvals.use("a.b")).rejects.toMatchObject({ code: "signing_key_missing" });
  });

  test("after its time, by the database's clock, a link is `approval_expired`", async () => {
    // A database of its own: engines remember for a while how far its clock was ahead.
    await using own = await openBackend(name);
    const first = own.engine({ signingKey });
    await first.start({ work: false, maintain: false });
    const run = await first.runs.start(approval);
    const link = await first.approvals.link(run.id, "approved", { expiresIn: "1h" });
    const long = await first.approvals.link(run.id, "approved", { expiresIn: "1d" });
    expect(first.approvals.read(link).expiresAt.getTime()).toBeGreaterThan(Date.now());
    await shiftClock(own.database, 3_600_000);
    const later = own.engine({ signingKey });
    await later.start({ work: false, maintain: false });
    await expect(later.approvals.use(link)).rejects.toMatchObject({ code: "approval_expired" });
    expect(() => later.approvals.read(link)).toThrow(expect.objectContaining({ code: "approval_expired" }));
    await later.approvals.use(long);
  });
});
