/** JSON comes back as it went in, wherever it is stored: the text is compared, so the order of members counts too. */
import type { Json } from "../../core/json.ts";
import type { Store } from "../../core/ports/store.ts";
import { attempt, change, message, move, moved, newId, newRun, row, start } from "./entries.ts";
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
  rule("every value round-trips exactly, in every place", async ({ store }) => {
    const values = fc.tuple(...PLACES.map(() => jsonValue(fc))).map((all): Values => {
      const byPlace = Object.fromEntries(PLACES.map((place, index) => [place, all[index]!])) as Values;
      return {
        ...byPlace,
        label: typeof byPlace.label === "string" ? byPlace.label : JSON.stringify(byPlace.label),
      };
    });
    const property = fc.asyncProperty(values, async (sent) => {
      expect(textsOf(await roundTrip(store, sent))).toEqual(textsOf(sent));
    });
    await fc.assert(property, { numRuns: 100, ...seedOf() });
  });

  rule("one value as input and as trigger's payload, and two different ones", async ({ store }) => {
    const pairs: [Json, Json][] = [
      [{ a: 1 }, { a: 1 }],
      [null, null],
      [null, { a: 1 }],
      [{ a: 1 }, null],
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

  rule("a value of a megabyte", async ({ store }) => {
    const output = Array.from({ length: 1_000 }, (_, i) => `${i} ${'ж"\\'.repeat(250)}`);
    const id = newId();
    await moved(store, start(id, { nodes: [row("a", { status: "succeeded", output })] }));
    const [run] = await store.load([{ runId: id, outputs: ["a"] }]);
    expect(run?.outputs.get("a")).toEqual(output);
  });
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
