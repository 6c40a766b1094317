/** What runs while a worker is stopped: every kind of commit that a run can make, and how each run must end all the same. */
import { setTimeout as pause } from "node:timers/promises";
import {
  type Action,
  type ActionContext,
  type EffectKind,
  type Engine,
  type Json,
  PermanentError,
  type RunHandle,
  type WorkflowDocument,
} from "../../../../src/index.ts";
import { action } from "../../engine/documents.ts";

/** Notes outside of the process that a node, or a part of it, is executed. */
type Note = (context: ActionContext<Json>, part?: string) => Promise<void>;
type Body = (context: ActionContext<Json>, note: Note) => Json | Promise<Json>;

/** Each execution is noted before the action goes on. */
export function actions(note: Note): readonly Action[] {
  const noted = (name: string, body: Body, effect: EffectKind = "idempotent"): Action =>
    action(
      name,
      async (context) => {
        await note(context);
        // Long enough that several are under way when the process is stopped.
        await pause(2);
        return body(context, note);
      },
      { effect },
    );
  return [
    noted("step", ({ input }) => input),
    noted("flaky", ({ input, attempt }) => {
      if (attempt < 3) throw Object.assign(new Error("try again"), { code: "ECONNREFUSED" });
      return input;
    }),
    noted("refuse", ({ input }) => {
      if ((input as { mended?: boolean }).mended) return input;
      throw new PermanentError("never");
    }),
    noted("hold", ({ signal }) => held(signal)),
    noted("write", write, "transactional"),
    noted("parts", inParts),
  ];
}

/** A line in a table of the host's, in the transaction of the result. */
const write: Body = async ({ run, tx, input }) => {
  await tx.query("insert into ledger values ($1)", [run.id]);
  return input;
};

/** Until it is told to stop. */
async function held(signal: AbortSignal): Promise<Json> {
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  throw signal.reason;
}

/** Two parts that are recorded, each noted for itself, and a mark how far it came. */
const inParts: Body = async (context, note) => {
  const part = (name: string, value: number): Promise<number> =>
    context.step(name, async () => {
      await note(context, name);
      return value;
    });
  const one = await part("one", 1);
  await context.checkpoint({ done: one });
  const two = await part("two", 2);
  return { sum: one + two, mark: await context.lastCheckpoint() };
};

/** How often a node, or a part of one, is executed: attempts told apart, for each of its idempotency keys. */
export type Executions = readonly number[] | { readonly atMost: number };

export interface Plot {
  readonly document: WorkflowDocument;
  /** What is done to a run from outside, while its worker is stopped. */
  readonly meddle?: (run: RunHandle, client: Engine) => Promise<void>;
  /** The result of the run that got `{ n }`, or how it ends instead. */
  readonly end: (n: number) => Json;
  /** What a crash may repeat, under the same key, and add nothing to. */
  readonly executions: { readonly [node: string]: Executions };
  /** Failed attempts that are on record in the end: `<node> <attempt>`. */
  readonly failures: readonly string[];
}

const step = (n: Json, more: object = {}) =>
  ({ kind: "action", action: "step", input: { n }, ...more }) as const;

/** The node of a child. */
export const BELOW = "deep";

const child = (n: Json) =>
  ({ kind: "action", action: "workflow.run", input: { workflow: "below", input: { n } } }) as const;

/** Sent as soon as the run exists, so that it is there before the wait is. */
const WORD = { n: 1 };

/** A chain, a fan with a retry at once and one after a pause, a join, a condition, an error edge, a timed wait and a signal. */
const winding: Plot = {
  document: {
    format: 1,
    name: "winding",
    nodes: {
      first: step("{{ input.n }}"),
      left: step("{{ nodes.first.output.n + 1 }}"),
      right: {
        ...step("{{ nodes.first.output.n + 2 }}"),
        action: "flaky",
        retry: { immediate: 1, backoff: ["50ms"] },
      },
      both: step("{{ nodes.left.output.n + nodes.right.output.n }}", { join: "all" }),
      large: { kind: "condition", cases: [{ outcome: "yes", if: "nodes.both.output.n > 2" }] },
      refused: { ...step("{{ nodes.both.output.n }}"), action: "refuse" },
      apology: step("{{ nodes.both.output.n + 10 }}"),
      moment: { kind: "wait", for: { duration: "50ms" } },
      word: { kind: "wait", for: { signal: "word" } },
      last: step("{{ nodes.apology.output.n + nodes.word.output.n }}"),
    },
    edges: [
      { from: "first", to: "left" },
      { from: "first", to: "right" },
      { from: "left", to: "both" },
      { from: "right", to: "both" },
      { from: "both", to: "large" },
      { from: "large", to: "refused", on: "yes" },
      { from: "refused", to: "apology", on: "error" },
      { from: "apology", to: "moment" },
      { from: "moment", to: "word" },
      { from: "word", to: "last" },
    ],
    output: "{{ nodes.last.output.n }}",
  },
  meddle: async (run) => void (await run.signal("word", WORD)),
  end: (n) => n + 1 + (n + 2) + 10 + WORD.n,
  executions: { first: [1], left: [1], right: [3], both: [1], refused: [1], apology: [1], last: [1] },
  failures: ["refused 1", "right 1", "right 2"],
};

/** Fails for good while its other branch ends, and is mended by hand. */
const mended: Plot = {
  document: {
    format: 1,
    name: "mended",
    nodes: {
      first: step("{{ input.n }}"),
      refused: { ...step("{{ nodes.first.output.n }}"), action: "refuse" },
      other: step(3),
    },
    edges: [
      { from: "first", to: "refused" },
      { from: "first", to: "other" },
    ],
    output: "{{ nodes.refused.output.n }}",
  },
  async meddle(run, client) {
    await run.result({ timeout: "60s" }).catch(() => undefined);
    const { items } = await client.deadLetters.list({ runId: run.id });
    for (const { id } of items) await client.deadLetters.redrive(id, { input: { n: 7, mended: true } });
  },
  end: () => 7,
  executions: { first: [1], refused: [1, 1], other: [1] },
  failures: ["refused 1"],
};

/** Fails, and what succeeded is undone. */
const undone: Plot = {
  document: {
    format: 1,
    name: "undone",
    onFailure: "compensate",
    nodes: {
      one: step("{{ input.n }}", {
        compensate: { action: "step", input: { n: "{{ nodes.one.output.n }}" } },
      }),
      two: step(2, { compensate: { action: "flaky", retry: { immediate: 2 } } }),
      three: { ...step(3), action: "refuse" },
    },
    edges: [
      { from: "one", to: "two" },
      { from: "two", to: "three" },
    ],
  },
  end: () => "failed",
  executions: { one: [1], two: [1], three: [1], two$compensate: [3], one$compensate: [1] },
  failures: ["three 1", "two$compensate 1", "two$compensate 2"],
};

/** One branch starts the join, and the other is called off. */
const raced: Plot = {
  document: {
    format: 1,
    name: "raced",
    nodes: {
      quick: step("{{ input.n }}"),
      slow: { kind: "action", action: "hold" },
      after: step("{{ nodes.quick.output.n + 1 }}", { join: { first: true, cancelOthers: true } }),
    },
    edges: [
      { from: "quick", to: "after" },
      { from: "slow", to: "after" },
    ],
    output: "{{ nodes.after.output.n }}",
  },
  end: (n) => n + 1,
  executions: { quick: [1], slow: { atMost: 1 }, after: [1] },
  failures: [],
};

/** Cancelled while its action runs. */
const cancelled: Plot = {
  document: {
    format: 1,
    name: "cancelled",
    nodes: { first: step(1), hold: { kind: "action", action: "hold" }, never: step(2) },
    edges: [
      { from: "first", to: "hold" },
      { from: "hold", to: "never" },
    ],
  },
  async meddle(run) {
    const isRunning = async (): Promise<boolean> =>
      (await run.detail()).nodes.some(({ node, status }) => node === "hold" && status === "running");
    while (!(await isRunning())) await pause(10);
    await run.cancel();
  },
  end: () => "cancelled",
  executions: { first: [1], hold: { atMost: 1 }, never: { atMost: 0 } },
  failures: [],
};

/** Parts of an action that are recorded one by one. */
const parted: Plot = {
  document: {
    format: 1,
    name: "parted",
    nodes: { long: { kind: "action", action: "parts" }, last: step("{{ nodes.long.output.sum }}") },
    edges: [{ from: "long", to: "last" }],
    output: "{{ [nodes.last.output.n, nodes.long.output.mark.done] }}",
  },
  end: () => [3, 1],
  executions: { long: [1], "long/one": [1], "long/two": [1], last: [1] },
  failures: [],
};

/** Items of a list, two at once. */
const mapped: Plot = {
  document: {
    format: 1,
    name: "mapped",
    nodes: {
      each: { ...step("{{ input.n + item }}"), forEach: "[10, 20, 30, 40, 50]", concurrency: 2 },
      last: step("{{ nodes.each.output }}"),
    },
    edges: [{ from: "each", to: "last" }],
    output: "{{ nodes.last.output.n.map(one, one.n) }}",
  },
  end: (n) => [10, 20, 30, 40, 50].map((item) => n + item),
  executions: {
    ...Object.fromEntries([0, 1, 2, 3, 4].map((item) => [`each[${item}]`, [1]])),
    last: [1],
  },
  failures: [],
};

/** Writes into the host's tables and ends, in one transaction. */
const written: Plot = {
  document: {
    format: 1,
    name: "written",
    nodes: {
      line: { ...step("{{ input.n }}"), action: "write" },
      last: step("{{ nodes.line.output.n + 1 }}"),
    },
    edges: [{ from: "line", to: "last" }],
    output: "{{ nodes.last.output.n }}",
  },
  end: (n) => n + 1,
  executions: { line: [1], last: [1] },
  failures: [],
};

/** Its effect happens once, however often it is executed. */
export const WRITTEN = "written";

/** One run at a time. */
const limited: Plot = {
  document: {
    format: 1,
    name: "limited",
    concurrency: { limit: 1 },
    nodes: { first: step("{{ input.n }}"), last: step("{{ nodes.first.output.n + 1 }}") },
    edges: [{ from: "first", to: "last" }],
    output: "{{ nodes.last.output.n }}",
  },
  end: (n) => n + 1,
  executions: { first: [1], last: [1] },
  failures: [],
};

/** Its runs never overlap. */
export const LIMITED = "limited";

/** What runs of another workflow start: each is there once. */
export const below: WorkflowDocument = {
  format: 1,
  name: "below",
  nodes: { [BELOW]: step("{{ input.n }}") },
  edges: [],
  output: "{{ nodes.deep.output.n + 1 }}",
};

/** A child, and one more for its result. */
const above: Plot = {
  document: {
    format: 1,
    name: "above",
    nodes: {
      child: child("{{ input.n }}"),
      again: child("{{ nodes.child.output }}"),
      last: step("{{ nodes.again.output }}"),
    },
    edges: [
      { from: "child", to: "again" },
      { from: "again", to: "last" },
    ],
    output: "{{ nodes.last.output.n }}",
  },
  end: (n) => n + 2,
  executions: { last: [1] },
  failures: [],
};

export const plots: readonly Plot[] = [
  winding,
  mended,
  undone,
  raced,
  cancelled,
  parted,
  mapped,
  written,
  limited,
  above,
];
