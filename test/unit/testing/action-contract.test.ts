/** The action contract finds what is wrong with an action, and nothing else. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type ActionDefinition,
  defineAction,
  NotYet,
  PermanentError,
  type Json,
} from "../../../src/index.ts";
import { actionContract, type ActionFixture } from "../../../src/testing.ts";
import { collector } from "./collector.ts";

/** The other side: what was done, by key. */
class Ledger {
  readonly done = new Map<string, Json>();
  count = 0;

  once(key: string, value: Json): Json {
    if (!this.done.has(key)) this.count++;
    this.done.set(key, value);
    return value;
  }

  again(key: string, value: Json): Json {
    this.done.set(key, value);
    this.count++;
    return value;
  }
}

type Definition = Partial<ActionDefinition<z.ZodType<Input, Input>, z.ZodType<Json, Json>>>;
interface Input {
  readonly text: string;
}
const input: z.ZodType<Input, Input> = z.strictObject({ text: z.string() });

/** An action that keeps the contract, but for what `change` makes of it. */
function fixture(ledger: Ledger, change: Definition = {}, more: Partial<ActionFixture> = {}): ActionFixture {
  const action = defineAction({
    name: "note.take",
    description: "Takes a note.",
    input,
    effect: "idempotent",
    run: ({ input: { text }, idempotencyKey }) => ledger.once(idempotencyKey, text),
    ...(change as object),
  });
  return {
    action,
    successes: [{ title: "a note", input: { text: "milk" } }],
    refused: [{ title: "nothing", input: {} }],
    effects: () => ledger.count,
    ...more,
  };
}

/** Titles of the tests that fail, with the first line of what they say. */
async function failures(
  change?: Definition,
  more?: (ledger: Ledger) => Partial<ActionFixture>,
): Promise<readonly string[]> {
  const { tests, tools } = collector();
  const make = (): ActionFixture => {
    const ledger = new Ledger();
    return fixture(ledger, change, more?.(ledger));
  };
  actionContract("x", make, tools);
  const failed: string[] = [];
  for (const [title, run] of tests) await run().catch(() => failed.push(title.split(" > ").at(-1)!));
  return failed;
}

test("an action that keeps it passes every test", async () => {
  expect(await failures()).toEqual([]);
});

const ledgers = (effect: string, run: (ledger: Ledger, key: string) => Json) => (ledger: Ledger) => ({
  action: defineAction({
    name: "note.take",
    description: "Takes a note.",
    input,
    effect: effect as "idempotent",
    run: ({ idempotencyKey }) => run(ledger, idempotencyKey),
  }),
});
const promised = ["keeps what its effect class promises"];

describe("finds", () => {
  test.each<[string, Definition, readonly string[]]>([
    ["no description", { description: "" }, ["has a description and an effect class"]],
    [
      "a schema that cannot be shown",
      { input: input.transform((value) => value) as never, output: z.custom<Json>() as never },
      ["has schemas that can be shown: as JSON Schema"],
    ],
    [
      "a schema whose values cannot be stored",
      {
        input: z.object({ text: z.string().transform(() => new Date(0)) }) as never,
        run: () => null,
        effect: "readonly",
      },
      [
        "takes every good input, and what it makes of it can be stored and read again",
        "succeeds with every good input, and its output fits its schema",
        "leaves its input as it was: a later attempt gets the same",
        "ends when it is told to stop",
        "keeps what its effect class promises",
      ],
    ],
    ["an input that is not refused", { input: z.any() as never }, ["refuses every bad input before it runs"]],
    [
      "an output that does not fit",
      { output: z.object({ id: z.string() }) as never },
      [
        "succeeds with every good input, and its output fits its schema",
        "keeps what its effect class promises",
      ],
    ],
    [
      "an input that is changed",
      {
        effect: "readonly",
        run: ({ input: given }) => {
          (given as { text: string }).text = "other";
          return null;
        },
      },
      ["leaves its input as it was: a later attempt gets the same"],
    ],
  ])("%s", async (_, change, expected) => {
    expect(await failures(change)).toEqual(expected);
  });

  test("an output that is not the one", async () => {
    const successes = [{ title: "a note", input: { text: "milk" }, output: "bread" }];
    expect(await failures({}, () => ({ successes }))).toEqual([
      "succeeds with every good input, and its output fits its schema",
    ]);
  });

  test.each([
    ["readonly", (ledger: Ledger, key: string) => ledger.once(key, 1)],
    ["idempotent", (ledger: Ledger, key: string) => ledger.again(key, 1)],
    ["idempotent", () => 1],
    ["atMostOnce", (ledger: Ledger, key: string) => (ledger.again(key, 1), ledger.again(key, 1))],
    ["transactional", (ledger: Ledger, key: string) => ledger.again(key, 1)],
  ])("an effect that is not %s", async (effect, run) => {
    const nothing = (): Promise<void> => Promise.resolve();
    const tx = { query: () => Promise.reject(new Error("not used")) };
    const begin = () => Promise.resolve({ tx, commit: nothing, rollback: nothing });
    expect(await failures({}, (ledger) => ({ ...ledgers(effect, run)(ledger), begin }))).toEqual(promised);
  });

  test("a `verify` that does not find what happened", async () => {
    const verifiable = (found: boolean) => (ledger: Ledger) => ({
      action: defineAction({
        name: "note.take",
        description: "Takes a note.",
        input,
        effect: "verifiable",
        run: ({ idempotencyKey }) => ledger.again(idempotencyKey, "taken"),
        verify: ({ idempotencyKey }) =>
          found && ledger.done.has(idempotencyKey)
            ? { outcome: "happened", output: ledger.done.get(idempotencyKey)! }
            : { outcome: "didNotHappen" },
      }),
    });
    expect(await failures({}, verifiable(true))).toEqual([]);
    expect(await failures({}, verifiable(false))).toEqual(promised);
  });

  test("effects that nobody counts", async () => {
    expect(await failures({}, () => ({ effects: undefined as never }))).toEqual(promised);
  });

  test("an action that does not stop", async () => {
    const slow = { title: "long", input: { text: "long" } };
    const long = (stops: boolean): Definition => ({
      run: ({ input: { text }, idempotencyKey, signal }) =>
        text === "long"
          ? new Promise((_, reject) => {
              if (stops) signal.addEventListener("abort", () => reject(signal.reason as Error));
            })
          : idempotencyKey,
      effect: "readonly",
    });
    expect(await failures(long(true), () => ({ slow }))).toEqual([]);
    expect(await failures(long(false), () => ({ slow }))).toEqual(["ends when it is told to stop"]);
  });

  test("an error that means something else", async () => {
    const refusing: Definition = {
      effect: "readonly",
      classify: (error) => ((error as Error).message === "unsure" ? "unknown" : undefined),
      run: ({ input: { text } }) => {
        if (text === "permanent") throw new PermanentError("no");
        if (text === "notYet") throw new NotYet({ after: "1s" });
        if (text === "retry") throw new Error("again");
        if (text === "unknown") throw new Error("unsure");
        return null;
      },
    };
    const meanings = ["permanent", "notYet", "retry", "unknown"] as const;
    const all = (shift: number) => () => ({
      failures: meanings.map((text, index) => ({
        title: text,
        input: { text },
        meaning: meanings[(index + shift) % meanings.length]!,
      })),
    });
    expect(await failures(refusing, all(0))).toEqual([]);
    expect(await failures(refusing, all(1))).toEqual(["fails as the other side's answer means it"]);
    expect(
      await failures(refusing, () => ({
        failures: [{ title: "a success", input: { text: "milk" }, meaning: "retry" }],
      })),
    ).toEqual(["fails as the other side's answer means it"]);
  });

  test("a credential that it does without", async () => {
    const asking = (insists: boolean): Definition => ({
      effect: "readonly",
      run: async ({ credential }) => {
        await credential("shop").catch((error: unknown) => {
          if (insists) throw error;
        });
        return null;
      },
    });
    const credentials = { shop: { fields: { token: "tok_1234567890" }, allowHosts: null } };
    const successes = [{ title: "a note", input: { text: "milk" }, credentials }];
    expect(await failures(asking(true), () => ({ successes }))).toEqual([]);
    expect(await failures(asking(false), () => ({ successes }))).toEqual([
      "fails for good, and has no effect, where its node grants it no credential",
    ]);
  });
});
