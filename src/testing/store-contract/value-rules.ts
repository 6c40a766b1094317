/** JSON comes back as it went in, wherever it is stored: the text is compared, so the order of members counts too. */
import type { Json } from "../../core/json.ts";
import type { Store } from "../../core/ports/store.ts";
import type { ErrorRecord } from "../../core/run/event.ts";
import { errorJson } from "../../core/storable.ts";
import {
  attempt,
  change,
  message,
  move,
  moved,
  newId,
  newRun,
  row,
  setRow,
  start,
  stored,
  WORKSPACE,
} from "./entries.ts";
import { jsonValue } from "./json-values.ts";
import { seedOf, type Kit } from "./kit.ts";

const PLACES = [
  "input",
  "triggerPayload",
  "label",
  "nodeInput",
  "nodeOutput",
  "error",
  "attemptError",
  "signal",
  "runOutput",
] as const;
type Values = { readonly [place in (typeof PLACES)[number]]: Json };

export function valueRules({ rule, expect, fc }: Kit): void {
  rule(
    "every value round-trips exactly, in every place; in an error but for what no text may hold",
    async ({ store }) => {
      const values = fc.tuple(...PLACES.map(() => jsonValue(fc))).map((all): Values => {
        const byPlace = Object.fromEntries(PLACES.map((place, index) => [place, all[index]!])) as Values;
        return {
          ...byPlace,
          label: typeof byPlace.label === "string" ? byPlace.label : JSON.stringify(byPlace.label),
        };
      });
      const property = fc.asyncProperty(values, async (sent) => {
        const { error, attemptError } = sent;
        const kept = { ...sent, error: inError(error), attemptError: inError(attemptError) };
        expect(textsOf(await roundTrip(store, sent))).toEqual(textsOf(kept));
      });
      await fc.assert(property, { numRuns: 100, ...seedOf() });
    },
  );

  rule("one value as input and as trigger's payload, and two different ones", async ({ store }) => {
    const pairs: [Json, Json][] = [
      [{ a: 1 }, { a: 1 }],
      [null, null],
      [null, { a: 1 }],
      [{ a: 1 }, null],
      [{ a: 1 }, { id: "t", payload: { a: 1 }, headers: {} }],
      [{ a: 1 }, { id: "t", payload: { a: 2 }, headers: {} }],
      [{ payload: 1 }, { payload: { payload: 1 } }],
      [null, { payload: null }],
      [{ a: [] }, [{ payload: { a: [] } }]],
      ["x".repeat(70_000), { payload: "x".repeat(70_000), n: 1 }],
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    ];
    for (const [input, triggerPayload] of pairs) {
      const id = newId();
      await moved(store, start(id, { start: newRun({ input, triggerPayload }) }));
      const [run] = await store.load([{ runId: id, withInput: true }]);
      const texts = [JSON.stringify(run?.input), JSON.stringify(run?.triggerPayload)];
      expect(texts).toEqual([JSON.stringify(input), JSON.stringify(triggerPayload)]);
    }
  });

  rule("large values, equal ones too, in every place", async ({ store }) => {
    for (const text of ["x".repeat(70_000), 'ж"\\'.repeat(250_000), "€".repeat(30_000)]) {
      const large: Values = {
        input: { text },
        triggerPayload: { of: { text } },
        label: "small",
        nodeInput: { text },
        nodeOutput: [text],
        error: "small",
        attemptError: "small",
        signal: text,
        runOutput: [text],
      };
      expect(textsOf(await roundTrip(store, large))).toEqual(textsOf(large));
    }
  });

  rule("a large value that takes the place of another, and a small one that does", async ({ store }) => {
    const [first, second] = ["a".repeat(100_000), "b".repeat(100_000)];
    const id = await stored(store, { nodes: [row("a", { status: "running", worker: "w", input: first })] });
    const inputOf = async () => (await store.inputs([{ runId: id, node: "a", item: -1, fence: 0 }]))[0];
    for (const input of [second, first, "small", second]) {
      await setRow(store, id, change("a", { status: "running", worker: "w", input }));
      expect(await inputOf()).toBe(input);
      await setRow(store, id, change("a", { status: "ready" }));
      expect(await inputOf()).toBe(input);
    }
  });

  rule("a large input of a dead letter, and large values of items", async ({ store }) => {
    const value = (letter: string): Json => ({ of: letter.repeat(80_000) });
    const error = { class: "x", message: "y" };
    const id = await stored(store, {
      deadLetters: 1,
      nodes: [
        row("a", { status: "failed", failure: "open", error, input: value("a") }),
        row("m", { status: "running", waitingFor: "map", fence: 1, input: [value("b")] }),
      ],
      maps: [{ type: "start", node: "m", fence: 1, total: 3, concurrency: 3, collect: false }],
    });
    const map = { runId: id, node: "m" };
    const claim = async () => (await store.claimItems({ ...map, worker: "w", limit: 3 })).items;
    await claim();
    const ended = { ranUnder: 1, attempt: 1, losses: 0, putOffMs: 0, delayMs: 0, possiblyDuplicated: false };
    const input = value("c");
    const failed = { status: "failed", failure: "open", fence: 1, error, attemptError: error } as const;
    const { taken } = await store.finishItems(map, [
      { item: 0, ...ended, fence: 1, status: "succeeded", failure: null, input, output: value("d") },
      { item: 1, ...ended, ...failed, input },
      { item: 2, ...ended, fence: 2, status: "waiting", failure: null, input },
    ]);
    expect(taken).toHaveLength(3);
    const { items } = await store.deadLetters({ workspace: WORKSPACE, runId: id, limit: 10 });
    expect(items.map((letter) => letter.input)).toEqual([input, value("a")]);
    const resolution = { id: "r", by: null };
    await moved(
      store,
      move(id, 1, {
        maps: [{ type: "reopen", node: "m", fence: 2 }],
        items: [
          { node: "m", item: 1, fence: 1, change: { type: "complete", output: value("e") }, resolution },
        ],
      }),
    );
    expect((await claim()).map((item) => [item.item, item.input])).toEqual([[2, input]]);
    expect((await store.itemStates(map, [{ item: 2, fence: 3 }])).map((state) => state.input)).toEqual([
      input,
    ]);
    const [run] = await store.load([{ runId: id, outputs: ["m"] }]);
    expect(run!.outputs.get("m")).toEqual([value("d"), value("e"), null]);
  });
}

function inError(value: Json): Json {
  return (JSON.parse(errorJson({ class: "x", message: "y", value })) as ErrorRecord)["value"]!;
}

function textsOf(values: Values): string[] {
  return PLACES.map((place) => `${place}: ${JSON.stringify(values[place])}`);
}

async function roundTrip(store: Store, sent: Values): Promise<Values> {
  const id = newId();
  const { input, triggerPayload, nodeInput, nodeOutput, signal } = sent;
  const error = { class: "x", message: "y", value: sent.error };
  const first = [row("a", { status: "running", worker: "w", input: nodeInput }), row("b", { error })];
  const labels = { [String(sent.label)]: String(sent.label) };
  await moved(store, start(id, { start: newRun({ input, triggerPayload, labels }), nodes: first }));
  await moved(
    store,
    move(id, 1, {
      nodes: [change("a", { status: "succeeded", output: nodeOutput })],
      attempts: [attempt("a", { error: { class: "x", message: "y", value: sent.attemptError } })],
      output: sent.runOutput,
    }),
  );
  await store.append([message(id, "m", { kind: "signal", name: "s", payload: signal })]);
  return readBack(store, id);
}

async function readBack(store: Store, id: string): Promise<Values> {
  const [run] = await store.load([{ runId: id, withInput: true, outputs: ["a", "b"] }]);
  const [nodeInput] = await store.inputs([{ runId: id, node: "a", item: -1, fence: 0 }]);
  const detail = await store.run("acme", id);
  const body = run!.inbox[0]!.body;
  const [[key, label] = []] = Object.entries(run!.header.labels);
  return {
    input: run!.input!,
    triggerPayload: run!.triggerPayload!,
    label: key === label ? label! : `key ${key} of ${label}`,
    nodeInput: nodeInput!,
    nodeOutput: run!.outputs.get("a")!,
    error: run!.nodes.find(({ node }) => node === "b")!.error!["value"]!,
    attemptError: detail!.attempts[0]!.error["value"]!,
    signal: body.kind === "signal" ? body.payload : "no signal",
    runOutput: detail!.output!,
  };
}
