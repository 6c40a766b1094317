/** A process that moves a run to another version is stopped with `kill -9` in the middle: the run is of the one version or of the other. */
import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Engine, PermanentError } from "../../../src/index.ts";
import { crashProxy, MOMENTS } from "../../support/crash-proxy.ts";
import { type Backend, onEachBackend, openBackend } from "../engine/backends.ts";
import { action } from "../engine/documents.ts";
import { act, first } from "../engine/versions.ts";
import type { MovingConfig } from "./moving-host.ts";
import { LEASE_MS } from "./processes.ts";

/** The commit that changes a run's version: its statement has a part for that. */
const MOVE = /flowforge_commit_[a-z]*y/;

onEachBackend("a run that moves", (name) => {
  let backend: Backend;
  let engine: Engine;
  let fetches = 0;
  const echo = action("echo", ({ input, node }) => {
    if (node.id === "fetch") fetches++;
    return input;
  });
  const pay = action("pay", () => {
    throw new PermanentError("no account");
  });
  const worker = { lease: LEASE_MS };

  beforeEach(async () => {
    fetches = 0;
    backend = await openBackend(name);
    engine = backend.engine({ worker, actions: [echo, pay] });
    await engine.start();
  });
  afterEach(() => backend[Symbol.asyncDispose]());

  test.each(MOMENTS)(
    "is whole when its process dies %s",
    async (moment) => {
      await engine.workflows.register({ format: 1, name: "moving", ...first });
      const run = await engine.runs.start("moving", { input: { order: 7 } });
      await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
      const { items } = await engine.deadLetters.list({ runId: run.id });
      const letter = items[0]!;
      const nodes = { ...first.nodes, pay: act("pay2") };
      const output = "{{ nodes.pay.output }}";
      await engine.workflows.register({ format: 1, name: "moving", ...first, nodes, output });
      await engine.stop();

      let kill: () => void = () => undefined;
      await using proxy = await crashProxy({
        target: backend.database.url,
        isPoint: (sent) => MOVE.test(sent.toString("latin1")),
        at: { point: 1, moment },
        kill: () => kill(),
      });
      const connection = { ...backend.connection, postgres: proxy.url, worker };
      const config: MovingConfig = { connection, letter: letter.id, version: 2 };
      const child = fork(path.join(import.meta.dirname, "moving-host.ts"), [JSON.stringify(config)]);
      kill = () => void child.kill("SIGKILL");
      const [, signal] = (await once(child, "exit")) as [number | null, string | null];
      expect([signal, proxy.points]).toEqual(["SIGKILL", 1]);

      const survivor = backend.engine({ worker, actions: [echo, pay, action("pay2", () => "paid anew")] });
      await survivor.start({ work: false, maintain: false });
      const { header } = (await survivor.runs.get(run.id))!;
      const now = (await survivor.deadLetters.get(letter.id))!;
      expect([header.version, header.status, header.deadLetters, now.resolution]).toEqual(
        moment === "before" ? [1, "failed", 1, null] : [2, "running", 0, "redriven"],
      );
      await survivor.stop();

      // The order is in the inbox, or done: whoever comes next goes on, and what had ended does not run again.
      const next = backend.engine({ worker, actions: [echo, pay, action("pay2", () => "paid anew")] });
      await next.start();
      await next.deadLetters.redrive(letter.id, { version: 2 }).catch((error: { code: string }) => {
        expect(error.code).toBe("dead_letter_resolved");
      });
      const read = async () => (await next.runs.get(run.id))!;
      await expect.poll(async () => (await read()).header.status, { timeout: 30_000 }).toBe("succeeded");
      expect(await read()).toMatchObject({ output: "paid anew", header: { version: 2, deadLetters: 0 } });
      expect(fetches).toBe(1);
      await next.stop();
    },
    90_000,
  );
});
