/** What a failed attempt leads to: polling, errors that an action explains, and effects that nobody may repeat. */
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Action,
  defineAction,
  defineWorkflow,
  type Engine,
  FlowForgeError,
  NotYet,
  PermanentError,
  type RunDetail,
  RunFailedError,
  type RunHandle,
} from "../../../src/index.ts";
import { type Backend, onEachBackend, openBackend } from "./backends.ts";

onEachBackend("retries", (name) => {
  let backend: Backend;
  let engine: Engine;

  beforeEach(async () => {
    backend = await openBackend(name);
  });

  afterEach(() => backend[Symbol.asyncDispose]());

  const workflow = defineWorkflow({
    format: 1,
    name: "trying",
    nodes: { try: { kind: "action", action: "try" } },
    edges: [],
    output: "{{ nodes.try.output }}",
  });

  async function start(action: Action): Promise<RunHandle> {
    engine = backend.engine({ actions: [action] });
    await engine.start();
    return engine.runs.start(workflow);
  }

  const nodeOf = ({ nodes }: RunDetail) => nodes.find(({ node }) => node === "try");

  async function failureOf(run: RunHandle): Promise<RunFailedError> {
    const error = await run.result({ timeout: "20s" }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RunFailedError);
    return error as RunFailedError;
  }

  test("what is not there yet is looked for again, without an attempt that counts", async () => {
    const keys = new Set<string>();
    let looked = 0;
    const run = await start(
      defineAction({
        name: "try",
        effect: "readonly",
        // More often than the ladder has steps.
        run: ({ idempotencyKey, attempt }) => {
          keys.add(`${idempotencyKey} ${attempt}`);
          if (++looked < 9) throw new NotYet({ after: 20 });
          return looked;
        },
      }),
    );
    expect(await run.result({ timeout: "30s" })).toBe(9);
    const detail = await run.detail();
    expect(nodeOf(detail)).toMatchObject({ status: "succeeded", attempt: 1, possiblyDuplicated: false });
    expect(detail.attempts).toEqual([]);
    expect(keys.size).toBe(1);
  }, 60_000);

  test.each(["Connection terminated unexpectedly", "what is this"])(
    "`atMostOnce` is not run again after an error that does not say what became of it: %s",
    async (message) => {
      let ran = 0;
      const run = await start(
        defineAction({
          name: "try",
          effect: "atMostOnce",
          run: () => {
            ran += 1;
            throw new Error(message);
          },
        }),
      );
      expect((await failureOf(run)).failures).toMatchObject([
        { error: { class: "outcome_unknown", message } },
      ]);
      expect(ran).toBe(1);
    },
  );

  test.each([
    ["1h", "refused"],
    ["3d", "taken"],
  ])("two hours later, a key that lives %s: the redrive is %s", async (keyLifetime, answer) => {
    const run = await start(
      defineAction({
        name: "try",
        effect: { kind: "idempotent", keyLifetime },
        run: () => {
          throw new PermanentError("no");
        },
      }),
    );
    await failureOf(run);
    await backend.database.query("update flowforge.attempts set started_at = started_at - 7200000");
    const [letter] = (await engine.deadLetters.list()).items;
    const redriven = await engine.deadLetters.redrive(letter!.id).then(
      () => "taken",
      (error: unknown) => (FlowForgeError.is(error) && error.code === "redrive_unsafe" ? "refused" : error),
    );
    expect(redriven).toBe(answer);
  });

  test("an action that knows its errors says what they mean", async () => {
    const seen: string[] = [];
    const run = await start(
      defineAction({
        name: "try",
        effect: "atMostOnce",
        classify: (error) => {
          const { message } = error as Error;
          seen.push(message);
          if (message === "queue full") return "retry";
          return message === "card declined" ? "permanent" : undefined;
        },
        run: ({ attempt }) => {
          throw Object.assign(new Error(attempt === 1 ? "queue full" : "card declined"), { status: 503 });
        },
      }),
    );
    expect((await failureOf(run)).failures).toMatchObject([
      { error: { class: "http", message: "card declined" } },
    ]);
    expect(seen).toEqual(["queue full", "card declined"]);
    const { attempts } = await run.detail();
    expect(attempts).toMatchObject([
      { attempt: 1, error: { message: "queue full" } },
      { attempt: 2, error: { message: "card declined" } },
    ]);
    for (const { startedAt, finishedAt } of attempts) expect(finishedAt).toBeGreaterThanOrEqual(startedAt!);
  });
});
