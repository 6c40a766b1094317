/** Actions that can find out whether an attempt took effect: where nobody knows, they are asked, and not simply run again. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import {
  defineAction,
  defineWorkflow,
  PermanentError,
  RunFailedError,
  type Verification,
  type WorkflowDocument,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

/** Charges by key, as a payment service sees them. */
class Provider {
  readonly charges: string[] = [];
  readonly asked: string[] = [];

  verify(key: string): Verification<{ id: string }> {
    this.asked.push(key);
    return this.charges.includes(key)
      ? { outcome: "happened", output: { id: key } }
      : { outcome: "didNotHappen" };
  }
}

const reset = (): Error => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

onEachBackend("verifiable actions", (name) => {
  let backend: Backend;
  let provider: Provider;

  beforeEach(async () => {
    backend = await openBackend(name);
    provider = new Provider();
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  const document: WorkflowDocument = {
    format: 1,
    name: "paying",
    nodes: { pay: { kind: "action", action: "pay" }, after: { kind: "action", action: "pay" } },
    edges: [{ from: "pay", to: "after", on: "error" }],
    output: "{{ nodes.pay.output.id }}",
  };
  const workflow = defineWorkflow(document);

  function pay(
    run: (key: string, attempt: number) => { id: string } | Promise<{ id: string }>,
    verify = (key: string) => provider.verify(key),
  ) {
    return defineAction({
      name: "pay",
      effect: "verifiable",
      output: z.object({ id: z.string() }),
      run: ({ idempotencyKey, attempt }) => run(idempotencyKey, attempt),
      verify: ({ idempotencyKey }) => verify(idempotencyKey),
    });
  }

  test("the answer was lost, but it happened: nothing is charged twice", async () => {
    const lost = pay((key) => {
      provider.charges.push(key);
      throw reset();
    });
    const engine = backend.engine({ actions: [lost] });
    await engine.start();
    const run = await engine.runs.start(workflow);
    expect(await run.result({ timeout: "20s" })).toBe(provider.charges[0]);
    expect(provider.charges).toHaveLength(1);
    expect(provider.asked).toEqual(provider.charges);
    const { nodes } = await run.detail();
    const paid = nodes.find(({ node }) => node === "pay");
    expect(paid).toMatchObject({ status: "succeeded", attempt: 2, possiblyDuplicated: false });
  });

  test("the request was lost: it runs again", async () => {
    const lost = pay((key, attempt) => {
      if (attempt === 1) throw reset();
      provider.charges.push(key);
      return { id: key };
    });
    const engine = backend.engine({ actions: [lost] });
    await engine.start();
    const run = await engine.runs.start(workflow);
    expect(await run.result({ timeout: "20s" })).toBe(provider.charges[0]);
    expect(provider.charges).toHaveLength(1);
    expect(provider.asked).toHaveLength(1);
  });

  test("nobody can tell: a dead letter, and never the error edge", async () => {
    const unclear = pay(
      () => {
        throw reset();
      },
      () => ({ outcome: "unknown" as const }) as never,
    );
    const engine = backend.engine({ actions: [unclear] });
    await engine.start();
    const run = await engine.runs.start(workflow);
    const error = await run.result({ timeout: "20s" }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RunFailedError);
    expect((error as RunFailedError).failures).toMatchObject([
      { node: "pay", error: { class: "outcome_unknown" } },
    ]);
  });

  test("a new key has no attempt to ask about; the old one has", async () => {
    let declined = true;
    const refused = pay((key) => {
      if (declined) throw new PermanentError("declined");
      provider.charges.push(key);
      return { id: key };
    });
    const engine = backend.engine({ actions: [refused] });
    await engine.start();
    const alone = defineWorkflow({ ...document, nodes: { pay: document.nodes["pay"]! }, edges: [] });
    const failed = async () => {
      const run = await engine.runs.start(alone);
      await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
      const [letter] = (await engine.deadLetters.list({ runId: run.id })).items;
      return { run, letter: letter! };
    };
    const [one, two] = [await failed(), await failed()];
    declined = false;
    await engine.deadLetters.redrive(one.letter.id, { newKey: true });
    await one.run.result({ timeout: "20s" });
    expect(provider.asked).toEqual([]);
    await engine.deadLetters.redrive(two.letter.id);
    await two.run.result({ timeout: "20s" });
    expect(provider.asked).toEqual([provider.charges[1]]);
  });

  test("the worker ended in the middle: the next one asks before it runs", async () => {
    const begun = Promise.withResolvers<void>();
    const endless = pay((key) => {
      provider.charges.push(key);
      begun.resolve();
      return new Promise(() => undefined);
    });
    const first = backend.engine({ actions: [endless] });
    await first.start();
    const { id } = await first.runs.start(workflow);
    await begun.promise;
    await first.stop({ timeout: 0 });
    const second = backend.engine({ actions: [pay(() => Promise.reject(new Error("must not run")))] });
    await second.start();
    await expect
      .poll(async () => (await second.runs.get(id))?.output, { timeout: 20_000 })
      .toBe(provider.charges[0]);
    expect(provider.charges).toHaveLength(1);
  });
});
