/**
 * What the builder lets through and what it refuses, as far as the compiler can know. `npm run types` checks this file; it is never run.
 * `checked.test.ts` beside it fails where a line that shall not compile does.
 */
import { z } from "zod";
import {
  type Action,
  defineAction,
  defineWorkflow,
  type Engine,
  type Json,
  type JsonObject,
  type Ref,
  type Workflow,
  type WorkflowBuilder,
} from "../../../src/index.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(is: Equal<A, B>): void => void is;

const charge = defineAction({
  name: "billing.charge",
  input: z.object({ customer: z.string(), cents: z.int(), note: z.string().optional() }),
  output: z.object({
    id: z.string(),
    cents: z.int(),
    card: z.object({ last4: z.string() }).nullable(),
    lines: z.array(z.object({ sku: z.string(), amount: z.number().optional() })),
    tags: z.record(z.string(), z.string()),
  }),
  run: () => ({ id: "ch_1", cents: 1, card: null, lines: [], tags: {} }),
});
const mail = defineAction({
  name: "mail.send",
  input: z.object({
    to: z.string(),
    priority: z.enum(["low", "high"]).default("low"),
    who: z.object({ name: z.string(), age: z.number().nullable() }).optional(),
    cc: z.array(z.string()).optional(),
  }),
  output: z.null(),
  run: ({ input }) => {
    same<typeof input.priority, "low" | "high">(true);
    return null;
  },
});
const parse = defineAction({
  name: "parse",
  input: z.string().transform(Number),
  output: z.string().transform((text) => text.length),
  run: ({ input }) => {
    same<typeof input, number>(true);
    return String(input);
  },
});
const anything = defineAction({ name: "anything", run: ({ input }) => input });

const input = z.object({
  customer: z.string(),
  cents: z.int(),
  email: z.string().optional(),
  vip: z.boolean(),
});

defineWorkflow({
  name: "data",
  input,
  build({ input, action, condition, run, fired, expr, text }) {
    // What fits.
    const paid = action("paid", charge, { customer: input.customer, cents: input.cents });
    action("with_constant", charge, { customer: "c_1", cents: 1, note: text`Order of ${input.customer}` });
    action("with_expression", charge, {
      customer: expr`${input.customer} + "x"`,
      cents: expr`${input.cents} * 2`,
    });
    action("whole_object", anything, paid.output);
    action("loose", anything, {
      list: [paid.output.id, 1, null, { deep: input }],
      fired: fired.payload.at("x").at(0),
    });
    action("nothing", anything);
    action("default", mail, { to: paid.output.lines.at(0).sku });
    action("enum", mail, { to: run.id, priority: "high", cc: [input.customer, "a"] });
    action("nested", mail, { to: "a", who: { name: input.customer, age: paid.output.lines.at(1).amount } });
    action("map", mail, { to: fired.headers.at("x-user").orNull, who: { name: "A", age: null } } as never);
    action("elsewhere", "some.action", { any: input.email });
    const erased: Action = charge;
    action("loose_ref", mail, { to: action("erased", erased, { any: input.email }).output.at("x") });

    action("first", anything, paid.output.orNull, { join: "first" });
    action("race", anything, paid.output.orNull, { join: { first: true, cancelOthers: true } });
    // @ts-expect-error There is no such join.
    action("e0", anything, null, { join: "any" });
    // @ts-expect-error Only a first join cancels others.
    action("e00", anything, null, { join: { first: false, cancelOthers: true } });

    // The types of references.
    same<typeof paid.output.id, Ref<string, "data">>(true);
    same<typeof paid.output.lines, Ref<{ sku: string; amount?: number | undefined }[], "data">>(true);

    // @ts-expect-error A field that the output does not have.
    action("e1", charge, { customer: paid.output.customerId, cents: 1 });
    // @ts-expect-error A field that the input does not have.
    action("e2", charge, { customer: input.name, cents: 1 });
    // @ts-expect-error A number where a text is wanted.
    action("e3", charge, { customer: input.cents, cents: 1 });
    // @ts-expect-error A text where a number is wanted.
    action("e4", charge, { customer: "c", cents: text`${input.cents}` });
    // @ts-expect-error A constant of the wrong type.
    action("e5", charge, { customer: "c", cents: "1" });
    // @ts-expect-error A missing field.
    action("e6", charge, { customer: "c" });
    // @ts-expect-error No input where one is needed.
    action("e7", charge);
    // @ts-expect-error A field that the action does not take.
    action("e8", charge, { customer: "c", cents: 1, centts: 2 });
    // @ts-expect-error A text that is not one of the enum.
    action("e9", mail, { to: "a", priority: input.customer });
    // @ts-expect-error A whole object where a text is wanted.
    action("e10", mail, { to: paid.output });
    // @ts-expect-error A node is not its output.
    action("e11", mail, { to: paid });
    // @ts-expect-error A list of numbers where texts are wanted.
    action("e12", mail, { to: "a", cc: [input.cents] });
    // @ts-expect-error An item of a list is read with at(0).
    action("e13", mail, { to: paid.output.lines[0].sku });
    // @ts-expect-error A list is no object.
    action("e14", mail, { to: paid.output.lines.sku });
    // @ts-expect-error Options that do not exist.
    action("e15", mail, { to: "a" }, { retires: { immediate: 1 } });

    // Null: a field that may be absent is null in a run.
    // @ts-expect-error An optional field is null where it is absent, and `to` takes no null.
    action("n1", mail, { to: input.email });
    // @ts-expect-error orNull says that null is expected, and `to` takes no null.
    action("n2", mail, { to: paid.output.id.orNull });
    // @ts-expect-error A member of something that may be null may be null.
    action("n3", mail, { to: paid.output.card.last4 });
    // @ts-expect-error orNull holds for the members too.
    action("n4", mail, { to: paid.output.orNull.id });
    // @ts-expect-error A member of a map may be absent.
    action("n5", mail, { to: paid.output.tags.at("colour") });
    // @ts-expect-error An object that may be null, although all its members fit.
    action("n6", mail, { to: "a", who: paid.output.card });
    action("n7", mail, { to: "a", who: { name: "A", age: paid.output.cents.orNull } });

    // Conditions.
    const size = condition("size", { large: expr`${paid.output.cents} > 100`, vip: input.vip });
    // @ts-expect-error A text is no truth value.
    condition("c1", { large: input.customer });
    // @ts-expect-error CEL stands in expr``.
    condition("c2", { large: "input.cents > 100" });
    // @ts-expect-error A text`` is no expression.
    condition("c3", { large: text`${input.cents} > 100` });
    // @ts-expect-error A text`` cannot stand in an expression.
    condition("c4", { large: expr`${text`a`} == "a"` });
    action("o1", anything, null, {
      after: [size.on("large"), size.on("vip"), size.on("else"), size.on("error"), paid],
    });
    // @ts-expect-error An outcome that the condition does not have.
    action("o2", anything, null, { after: size.on("small") });
    // @ts-expect-error An outcome that actions do not have.
    action("o3", anything, null, { after: paid.on("timeout") });
    // @ts-expect-error Nodes are named by what was made, not by text.
    action("o4", anything, null, { after: "paid" });
    // @ts-expect-error The output is data and not a place to come after.
    action("o5", anything, null, { after: paid.output });
    return null;
  },
});

defineWorkflow({
  name: "schemas",
  build({ input, action, run }) {
    // Transforming schemas: what is given before, what is read after.
    const length = action("length", parse, run.id);
    same<typeof length.output, Ref<number, "schemas">>(true);
    // @ts-expect-error The schema wants a text, although the code gets a number.
    action("e1", parse, 5);
    // @ts-expect-error What is read is a number, although the code returns a text.
    action("e2", parse, length.output);

    // Inline actions.
    const sum = action(
      "sum",
      {
        output: z.number(),
        run: ({ input, attempt }) => {
          same<typeof input, { a: number; b: number; c: Json }>(true);
          return input.a + input.b + attempt;
        },
      },
      { a: length.output, b: 2, c: input.at("c") },
    );
    same<typeof sum.output, Ref<number, "schemas">>(true);
    const typed = action(
      "typed",
      { input: z.object({ n: z.number() }), run: ({ input }) => input.n },
      { n: sum.output },
    );
    same<typeof typed.output, Ref<Json, "schemas">>(true);
    // @ts-expect-error The input does not fit the schema of the inline action.
    action("e3", { input: z.object({ n: z.number() }), run: ({ input }) => input.n }, { n: run.id });
    // @ts-expect-error The code does not return what its schema says.
    action("e4", { output: z.number(), run: () => "text" });
    return { sum: sum.output };
  },
});

defineWorkflow({
  name: "waits",
  build({ action, wait, trigger, event, expr, text, input }) {
    const hook = trigger("hook", { type: "webhook", path: "orders" });
    const pause = wait("pause", { duration: "1h", after: hook.on("fired") });
    const until = wait("until", { until: input.at("when"), after: pause });
    const signal = wait("signal", { signal: "approved", after: until.on("elapsed") });
    const message = wait("message", {
      event: "paid",
      match: expr`${event.payload.at("id")} == ${input.at("id")}`,
      timeout: "1d",
      onTimeout: "skip",
    });
    action("ok", anything, signal.output.at("by"), {
      after: [signal.on("received"), message.on("timeout"), message.on("error")],
    });
    // @ts-expect-error Without a timeout there is no such outcome.
    action("e1", anything, null, { after: signal.on("timeout") });
    // @ts-expect-error Waits for time are not received.
    action("e2", anything, null, { after: pause.on("received") });
    // @ts-expect-error Waits for time yield nothing.
    action("e3", anything, pause.output);
    // @ts-expect-error A wait is for one thing.
    wait("e4", { duration: "1h", signal: "approved" });
    // @ts-expect-error A wait is for something.
    wait("e5", { description: "nothing" });
    // @ts-expect-error Only messages have a timeout.
    wait("e6", { duration: "1h", timeout: "2h" });
    // @ts-expect-error Only events are matched.
    wait("e7", { signal: "approved", match: expr`true` });
    // @ts-expect-error A match is true or false.
    wait("e8", { event: "paid", match: text`${event.name}` });
    // @ts-expect-error A source that does not exist.
    trigger("e9", { type: "cron", cron: "* * * * *" });
    // @ts-expect-error A trigger has no such outcome.
    wait("e10", { duration: "1h", after: hook.on("success") });
  },
});

defineWorkflow({
  name: "triggers",
  input,
  build({ trigger, fired, expr, text }) {
    trigger(
      "hook",
      { type: "webhook", path: "orders" },
      {
        input: {
          customer: fired.payload.at("customer"),
          cents: expr`int(${fired.payload.at("cents")})`,
          vip: false,
        },
      },
    );
    trigger(
      "tick",
      { type: "schedule", cron: "0 9 * * *", timeZone: "Europe/Berlin" },
      {
        // @ts-expect-error What a trigger makes must fit the input of the workflow.
        input: { customer: fired.id, cents: fired.firedAt, vip: true },
      },
    );
    trigger("event", { type: "event", name: "order.placed", filter: expr`${fired.payload.at("cents")} > 0` });
    // @ts-expect-error A filter is an expression.
    trigger("e1", { type: "event", name: "order.placed", filter: text`${fired.id}` });
  },
});

// A node, a reference and an expression of another workflow.
let stolenNode: ReturnType<WorkflowBuilder<Json, "first">["trigger"]>;
let stolenRef: Ref<string, "first">;
defineWorkflow({
  name: "first",
  build({ trigger, run }) {
    stolenNode = trigger("hook", { type: "manual" });
    stolenRef = run.id;
  },
});
defineWorkflow({
  name: "second",
  build({ action, expr, run }) {
    // @ts-expect-error A reference of another workflow.
    action("e1", anything, { id: stolenRef });
    // @ts-expect-error A typed reference of another workflow.
    action("e2", mail, { to: stolenRef });
    // @ts-expect-error A reference of another workflow in an expression.
    action("e3", anything, expr`${stolenRef} + "x"`);
    // @ts-expect-error A node of another workflow.
    action("e4", anything, null, { after: stolenNode });
    action("ok", mail, { to: run.id });
  },
});
// @ts-expect-error A reference of another workflow as the output.
defineWorkflow({ name: "third", build: () => ({ id: stolenRef }) });

// Helpers that write a part of several workflows.
function greet<Of extends string>({ action }: WorkflowBuilder<Json, Of>, to: Ref<string, Of>): void {
  action("greet", mail, { to });
}
defineWorkflow({
  name: "helped",
  build(builder) {
    greet(builder, builder.run.id);
  },
});

// What the workflow takes and yields.
const typed = defineWorkflow({
  name: "typed",
  input: z.object({ n: z.number().default(1) }),
  build: ({ input, text, expr }) => ({
    n: input.n,
    t: text`${input.n}`,
    e: expr`1 + 1`,
    k: "constant" as const,
  }),
});
same<typeof typed, Workflow<{ n?: number | undefined }, { n: number; t: string; e: Json; k: "constant" }>>(
  true,
);
const silent = defineWorkflow({ name: "silent", build: ({ wait }) => void wait("w", { duration: 1 }) });
same<typeof silent, Workflow<Json, JsonObject>>(true);
const plain = defineWorkflow({ format: 1, name: "plain", nodes: {}, edges: [] });
same<typeof plain, Workflow<Json, Json>>(true);
const unknownJson: unknown = {};
const fromUnknown = defineWorkflow(unknownJson);
same<typeof fromUnknown, Workflow<Json, Json>>(true);
const results = async ({ runs }: Engine): Promise<void> => {
  const run = await runs.start(typed, { input: { n: 1 } });
  const result = await run.result();
  same<typeof result, { n: number; t: string; e: Json; k: "constant" }>(true);
};
void results;
const list: readonly Workflow[] = [typed, silent, plain];
void list;

// @ts-expect-error A field that does not exist beside `build` is not taken for JSON.
defineWorkflow({ name: "misspelled", inputs: input, build: () => null });
// @ts-expect-error The name is missing.
defineWorkflow({ build: () => null });
// @ts-expect-error `build` runs at once and waits for nothing.
defineWorkflow({ name: "async", build: async () => null });
// @ts-expect-error The output is JSON.
defineWorkflow({ name: "date", build: () => ({ when: new Date(0) }) });

/** What a run may be started with. */
export function starts(engine: Engine, checkout: Workflow<{ readonly cents: number }, string>): void {
  void engine.runs.start(checkout, { input: { cents: 1 }, labels: { team: "a" } });
  void engine.runs.start(checkout, { trigger: "nightly", input: { anything: true } });
  void engine.runs.start("by-name", { input: { whatever: 1 } });
  // @ts-expect-error wrong type of a field
  void engine.runs.start(checkout, { input: { cents: "1" } });
  // @ts-expect-error the same for many
  void engine.runs.startMany(checkout, [{ input: { euros: 1 } }]);
}

const ship = defineAction({
  name: "ship",
  input: z.object({ sku: z.string(), position: z.number() }),
  output: z.string(),
  run: ({ input }) => input.sku,
});

defineWorkflow({
  name: "maps",
  input: z.object({ lines: z.array(z.object({ sku: z.string() })), customer: z.string() }),
  build({ action, input }) {
    const forEach = input.lines;
    const shipped = action("shipped", ship, (item, index) => ({ sku: item.sku, position: index }), {
      forEach,
    });
    const [mode, collect] = [
      { forEach, onItemError: "fail" },
      { forEach, onItemError: "collect" },
    ] as const;
    const collected = action("collected", ship, (item) => ({ sku: item.sku, position: 1 }), collect);
    same<typeof shipped.output, Ref<readonly string[], "maps">>(true);
    action("reads", ship, { sku: shipped.output.at(0), position: 1 });
    action("ok", ship, (item, index) => ({ sku: item.sku, position: index }), mode);
    // @ts-expect-error -- the place of an item is no text
    action("index", ship, (item, index) => ({ sku: index, position: index }), { forEach });
    // @ts-expect-error -- an item has no such member
    action("member", ship, (item) => ({ sku: item.name, position: 1 }), { forEach });
    // @ts-expect-error -- a text is no list
    action("list", ship, () => ({ sku: "a", position: 1 }), { forEach: input.customer });
    // @ts-expect-error -- a text is no number
    action("output", ship, { sku: "a", position: shipped.output.at(0) });
    return { first: collected.output.at(0).value };
  },
});
